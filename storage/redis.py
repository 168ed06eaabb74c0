"""The connection to Redis, which carries news between processes and keeps nothing that MongoDB lacks."""

import asyncio
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


def connect(url: str, *, timeout_ms: int) -> Redis:
    """A client that fails within `timeout_ms` (connecting, and each answer) instead of retrying.

    Args:
        url: a `redis://`, `rediss://` or `unix://` URL.
        timeout_ms: budget of one command, milliseconds.
    """
    seconds = timeout_ms / 1000
    pool = ConnectionPool.from_url(
        url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=Retry(NoBackoff(), 0), protocol=3
    )
    pool.connection_class = type("HeedfulConnection", (_Heedful, pool.connection_class), {})
    return Redis.from_pool(pool)


class _Heedful(AbstractConnection):
    """A connection on which no cancellation gets lost.

    redis-py sends within `asyncio.wait_for`, which up to Python 3.11 drops a cancellation that comes in the
    moment in which the sending is done: a listener would listen on, and its process would never end.
    """

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send; a cancellation that came meanwhile is raised, as everywhere without an unread answer left."""
        task = asyncio.current_task()
        before = 0 if task is None else task.cancelling()
        await super().send_packed_command(command, check_health)
        if task is not None and task.cancelling() > before:
            await self.disconnect(nowait=True)
            raise asyncio.CancelledError
