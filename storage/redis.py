"""The connection to Redis, which carries news between processes and keeps nothing that MongoDB lacks."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


def connect(url: str, *, timeout_ms: int) -> Redis:
    """A client that fails within `timeout_ms` (connecting, and each answer) instead of retrying.

    Args:
        url: a `redis://`, `rediss://` or `unix://` URL.
        timeout_ms: budget of one command, milliseconds.
    """
    seconds = timeout_ms / 1000
    return Redis.from_url(
        url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=Retry(NoBackoff(), 0), protocol=3
    )
