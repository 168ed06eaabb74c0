"""Listening to one Redis channel for ever: a lost or silent connection is noticed, told, and made again."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

SILENCE_SECONDS: Final = 1.0
"""After so much silence Redis is asked whether it is there."""
LOST_SECONDS: Final = 2.5
"""After so much more of it the connection is given up."""
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 2.0

_log = logging.getLogger(__name__)


async def listen(
    redis: Redis,
    channel: str,
    *,
    heard: Callable[[bytes], None],
    connected: Callable[[], None],
    lost: Callable[[], None],
) -> None:
    """Hand every message of `channel` to `heard` until cancelled.

    Args:
        redis: a client that fails quickly.
        channel: its whole name.
        heard: gets each message; it must not block.
        connected: called when messages come in (again): some may have been missed before.
        lost: called once when they do not any more.
    """
    pause = FIRST_PAUSE_SECONDS
    hearing = False

    def begun() -> None:
        nonlocal hearing, pause
        hearing, pause = True, FIRST_PAUSE_SECONDS
        connected()

    while True:
        try:
            await _hear(redis, channel, heard, begun)
        except (RedisError, OSError) as error:
            if hearing:
                _log.warning("Redis is away, news on %s are not heard: %s", channel, error)
                hearing = False
                lost()
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


async def _hear(
    redis: Redis, channel: str, heard: Callable[[bytes], None], begun: Callable[[], None]
) -> None:
    async with redis.pubsub() as subscription:
        await subscription.subscribe(channel)
        last = time.monotonic()
        while True:
            message = await subscription.get_message(timeout=SILENCE_SECONDS)
            silent = time.monotonic() - last
            if message is None:
                if silent > SILENCE_SECONDS + LOST_SECONDS:
                    raise ConnectionError(f"no answer for {silent:.1f} s")
                await subscription.ping()
                continue
            last = time.monotonic()
            if message["type"] == "subscribe":
                begun()
            elif message["type"] == "message":
                heard(message["data"])
