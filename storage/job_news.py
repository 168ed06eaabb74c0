"""News of jobs over Redis: workers wake up by them, and whoever watches a job looks at it again."""

import asyncio
import logging
from typing import Final

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain.jobs import JobProgressed

BUDGET_SECONDS: Final = 0.1
_log = logging.getLogger(__name__)


class RedisJobNews:
    """Publishes MessagePack `JobProgressed` on the channel of `channel(database)`.

    Best effort: the database has it already, and everybody looks there from time to time.
    """

    def __init__(self, redis: Redis, database: str) -> None:
        self._redis = redis
        self._channel = channel(database)

    async def publish(self, news: JobProgressed) -> None:
        """Tell; takes at most BUDGET_SECONDS and never raises because of Redis."""
        try:
            async with asyncio.timeout(BUDGET_SECONDS):
                await self._redis.publish(self._channel, msgspec.msgpack.encode(news))
        except (RedisError, OSError, TimeoutError) as error:
            _log.warning("news of job %s were not published: %s", news.job_id, error)


def channel(database: str) -> str:
    """Where the jobs of a database are told of."""
    return f"{database}:jobs"
