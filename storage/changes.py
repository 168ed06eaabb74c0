"""News of changed links, told to every redirect process over Redis."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain.links import LinkChanged

BUDGET_SECONDS: Final = 0.1
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """How the telling went since the process started."""

    told: int = 0
    lost: int = 0


class RedisLinkChanges:
    """Publishes MessagePack `LinkChanged` on the channel `<database>:links`.

    Best effort: the change is committed already, and a redirect process that hears nothing revalidates what
    it knows within seconds. So a Redis that is away costs at most BUDGET_SECONDS and is logged and counted.
    """

    def __init__(self, redis: Redis, database: str) -> None:
        self._redis = redis
        self._channel = f"{database}:links"
        self.counts = Counts()

    async def publish(self, changes: Sequence[LinkChanged]) -> None:
        """Tell every redirect process; takes at most BUDGET_SECONDS and never raises because of Redis."""
        if not changes:
            return
        pipeline = self._redis.pipeline(transaction=False)
        for change in changes:
            pipeline.publish(self._channel, msgspec.msgpack.encode(change))
        try:
            async with asyncio.timeout(BUDGET_SECONDS):
                await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            self.counts.lost += len(changes)
            _log.warning("link changes were not published: %d, %s", len(changes), error)
        else:
            self.counts.told += len(changes)
