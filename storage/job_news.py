"""News of jobs over Redis: workers wake up by them, and whoever watches a job looks at it again."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain.jobs import JobProgressed
from storage.news import listen

BUDGET_SECONDS: Final = 0.1
_decode: Final = msgspec.msgpack.Decoder(JobProgressed).decode
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


class RedisJobListener:
    """Hears what RedisJobNews publishes; see domain.job_feeds.JobListener."""

    def __init__(self, redis: Redis, database: str) -> None:
        self._redis = redis
        self._channel = channel(database)

    async def keep(self, hear: Callable[[JobProgressed], None], missed: Callable[[], None]) -> None:
        """Listen for ever; a lost connection is made again, and `missed` called then."""

        def heard(message: bytes) -> None:
            try:
                hear(_decode(message))
            except msgspec.MsgspecError as error:
                _log.warning("news of another version are passed over: %s", error)

        await listen(self._redis, self._channel, heard=heard, connected=missed, lost=missed)


def channel(database: str) -> str:
    """Where the jobs of a database are told of."""
    return f"{database}:jobs"
