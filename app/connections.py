"""The engines that a role works with, connected once and closed with it; clock and ids of new values."""

import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import pymongo
import pymongo.errors
from redis.asyncio import Redis

from app.settings import Misconfigured, Settings
from domain.ids import Ids
from storage import mongo, redis

Role = Literal["api", "redirect", "worker", "jobs", "supervisor"]

_MONGODB_MS: Final[dict[Role, int]] = {
    "api": 5_000,
    "worker": 10_000,
    "jobs": 10_000,
    "supervisor": 2_000,
}
"""How long a role waits for an operation: a worker's transaction takes a while; a redirect's is a setting."""
_REDIS_MS: Final = 100
"""News and budgets: whoever waits longer does without them."""
_CLOSE_SECONDS: Final = 0.5
"""For telling MongoDB that sessions end; it finds out by itself when it is away just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """The engines, and what goes into new values."""

    settings: Settings
    clock: Callable[[], datetime]
    ids: Ids
    database: mongo.Database
    redis: Redis


def process_name() -> str:
    """Names this process among all of all hosts, readable for an operator."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"


def now() -> datetime:
    """The system's time in UTC, to the millisecond: what MongoDB can keep."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def now_ms() -> int:
    """The system's time in milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def open(settings: Settings, role: Role) -> AsyncIterator[Connections]:  # noqa: A001 - connections.open(...) is how it reads
    """Connect `role` to the engines that `settings` name and close everything at the end.

    Nothing is asked of the engines: a role starts while they are away and is not ready until they answer.

    Raises:
        Misconfigured: `settings` name no MongoDB or no Redis, or not by a URL of theirs.
    """
    if settings.mongodb_url is None or settings.redis_url is None:
        raise Misconfigured(
            "LINKGRAPH_MONGODB_URL and LINKGRAPH_REDIS_URL must both be set for a single role"
        )
    try:
        timeout_ms = _MONGODB_MS.get(role, settings.redirect_lookup_ms)
        client = mongo.connect(settings.mongodb_url, timeout_ms=timeout_ms, application=role)
        news = redis.connect(settings.redis_url, timeout_ms=_REDIS_MS)
    except (pymongo.errors.ConfigurationError, ValueError) as error:
        raise Misconfigured(f"LINKGRAPH_MONGODB_URL or LINKGRAPH_REDIS_URL cannot be used: {error}") from None
    try:
        yield Connections(
            settings=settings,
            clock=now,
            ids=Ids(now_ms=now_ms, random_bytes=secrets.token_bytes),
            database=client[settings.mongodb_database],
            redis=news,
        )
    finally:
        await news.aclose()
        with pymongo.timeout(_CLOSE_SECONDS):
            await client.close()
