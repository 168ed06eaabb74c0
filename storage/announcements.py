"""What Redis tells of committed clicks and events: one channel a workspace, one listener a process."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import msgspec
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from domain.clicks import ClicksCommitted
from domain.errors import Unavailable
from domain.events import EventsCommitted
from domain.feeds import Committed

PING_SECONDS: Final = 1.0
"""How often a silent connection is asked whether it still lives …"""
SILENT_SECONDS: Final = 3.0
"""… and after how long without any answer it is given up."""
FIRST_BACKOFF_SECONDS: Final = 0.05
LAST_BACKOFF_SECONDS: Final = 2.0

_log = logging.getLogger(__name__)
_encode = msgspec.msgpack.Encoder().encode
_KINDS: Final[dict[str, type[Committed]]] = {"clicks": ClicksCommitted, "events": EventsCommitted}


class Announcements:
    """Tells of committed clicks, or of events."""

    def __init__(self, redis: Redis, database_name: str, kind: str = "clicks") -> None:
        self._redis = redis
        self._prefix = prefix(database_name, kind)

    async def publish(self, workspace_id: str, committed: Committed) -> None:
        """Tell every listener; raises errors.Unavailable while Redis is away."""
        try:
            await self._redis.publish(self._prefix + workspace_id, _encode(committed))
        except (RedisError, OSError) as error:
            raise Unavailable(f"Redis does not answer: {error}") from error


class Listener:
    """Hears what is told of the workspaces that somebody watches.

    Nothing depends on it being heard: a reader that misses something finds it in the ledger.
    """

    def __init__(self, redis: Redis, database_name: str, kind: str = "clicks") -> None:
        self._redis = redis
        self._prefix = prefix(database_name, kind)
        self._decode = msgspec.msgpack.Decoder(_KINDS[kind]).decode
        self._wanted: set[str] = set()
        self._told: set[str] = set()
        self._telling = asyncio.Lock()
        self._pubsub: PubSub | None = None
        self._heard_at = 0.0

    async def watch(self, workspace_id: str) -> None:
        """Hear of `workspace_id` from now on; while Redis is away, as soon as it is back."""
        self._wanted.add(self._prefix + workspace_id)
        await self._tell(workspace_id)

    async def unwatch(self, workspace_id: str) -> None:
        """Hear of it no more."""
        self._wanted.discard(self._prefix + workspace_id)
        await self._tell(workspace_id)

    async def keep(self, hear: Callable[[str, Any], None]) -> None:
        """Listen for ever: reconnects with a bounded backoff, also when Redis has fallen silent.

        Args:
            hear: called with the workspace and the news; must not wait.
        """
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            started = time.monotonic()
            try:
                await self._listen(hear)
            except (RedisError, OSError) as error:
                _log.warning("news from Redis are interrupted, feeds read the ledger: %s", error)
            if time.monotonic() - started > LAST_BACKOFF_SECONDS:
                backoff = FIRST_BACKOFF_SECONDS
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, LAST_BACKOFF_SECONDS)

    async def _listen(self, hear: Callable[[str, Any], None]) -> None:
        pubsub = self._redis.pubsub()
        try:
            asked = set(self._wanted)
            await pubsub.subscribe(self._prefix, *asked)  # its own channel keeps the connection in use
            self._pubsub, self._told = pubsub, asked
            self._heard_at = compared_at = time.monotonic()
            await self._compare()  # what changed while the connection was being made
            while True:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=PING_SECONDS)
                await self._check(pubsub, message)
                if time.monotonic() - compared_at > PING_SECONDS:
                    await self._compare()
                    compared_at = time.monotonic()
                if message is not None and message["type"] == "message":
                    self._hear(message, hear)
        finally:
            self._pubsub = None
            with suppress(RedisError, OSError):  # it may be what broke
                await pubsub.aclose()  # type: ignore[no-untyped-call] # redis-py has no types here

    async def _check(self, pubsub: PubSub, message: dict[str, Any] | None) -> None:
        now = time.monotonic()
        if message is not None:
            self._heard_at = now
        elif now - self._heard_at > SILENT_SECONDS:
            raise RedisError(f"nothing was heard for {SILENT_SECONDS:g} s")
        else:
            await pubsub.ping()

    def _hear(self, message: dict[str, Any], hear: Callable[[str, Any], None]) -> None:
        try:
            committed = self._decode(message["data"])
        except msgspec.MsgspecError as error:
            _log.warning("news of another version are passed over: %s", error)
            return
        hear(message["channel"].decode().removeprefix(self._prefix), committed)

    async def _compare(self) -> None:
        """Make up for what was not told: who leaves in a hurry is cancelled while it says so."""
        for channel in self._told ^ self._wanted:
            await self._tell(channel.removeprefix(self._prefix))

    async def _tell(self, workspace_id: str) -> None:
        """One at a time, by what is wanted then: who leaves must not undo what another just began."""
        channel = self._prefix + workspace_id
        try:
            async with self._telling:
                if self._pubsub is None:
                    return  # the next connection subscribes to what is wanted then
                if channel in self._wanted:
                    await self._pubsub.subscribe(channel)
                    self._told.add(channel)
                else:
                    await self._pubsub.unsubscribe(channel)
                    self._told.discard(channel)
        except (RedisError, OSError) as error:
            _log.warning("Redis did not take a subscription, it is made again: %s", error)


def prefix(database_name: str, kind: str = "clicks") -> str:
    """What the channels of a database's clicks, or events, start with."""
    return f"{database_name}:{kind}:"
