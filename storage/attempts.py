"""Attempts at the passwords of links: token buckets in Redis, which all redirect processes share."""

import asyncio
import logging
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from storage.budgets import Budgets, Taken

BUDGET_SECONDS: Final = 0.1
_log = logging.getLogger(__name__)


class RedisAttempts:
    """Buckets of one size, by name; see redirect.doors.Attempts for what each method promises.

    Args:
        redis: where they are kept.
        database: the installation's, which names its buckets.
        per_minute: attempts in a full bucket, and how many come back in a minute.
    """

    def __init__(self, redis: Redis, database: str, per_minute: int) -> None:
        self._per_second = per_minute / 60
        self._buckets = Budgets(
            redis, prefix=f"{database}:attempts", capacity=per_minute, restore_per_second=self._per_second
        )

    async def spend(self, link_id: str, name: str) -> float:
        """Take one attempt; returns 0, or in how many seconds there will be one."""
        taken = await self._take(link_id, name, points=1)
        if taken is None or taken.allowed:
            return 0.0
        return (1 - taken.available) / self._per_second

    async def give_back(self, link_id: str, name: str) -> None:
        """The attempt was none of those that are to be limited."""
        await self._take(link_id, name, owed=1)

    async def _take(self, link_id: str, name: str, *, points: int = 0, owed: int = 0) -> Taken | None:
        """What the bucket answered; None where Redis does not in time: each process has limits of its own."""
        try:
            async with asyncio.timeout(BUDGET_SECONDS):
                return await self._buckets.take(link_id, name, points, owed)
        except (RedisError, OSError, TimeoutError) as error:
            _log.warning("attempts are limited by each process alone: %s", error)
            return None
