"""Work in the background ends when it is told to, whatever a driver does with the cancellation."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from app import tasks
from app.settings import Settings
from storage import redis

TURNS = 30
"""Turns of the event loop that a PING and its answer take, and more."""


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[Redis]:
    assert settings.redis_url is not None
    connected = redis.connect(settings.redis_url, timeout_ms=1_000)
    yield connected
    await connected.aclose()


@pytest.mark.parametrize("turns", range(TURNS))
async def test_a_listener_hears_the_first_cancellation_at_every_moment(client: Redis, turns: int) -> None:
    """CL-03: redis-py's `wait_for` drops one on Python 3.11, and its process would never drain."""

    async def listen() -> None:
        async with client.pubsub() as subscription:
            await subscription.subscribe("news")
            while True:
                await subscription.ping()
                await subscription.get_message(timeout=0.001)

    task = asyncio.create_task(listen())
    for _ in range(turns):
        await asyncio.sleep(0)  # one turn of the loop
    task.cancel()
    await asyncio.wait([task], timeout=5)
    assert task.cancelled()


@pytest.mark.parametrize("turns", range(TURNS))
async def test_a_cancelled_command_leaves_no_answer_for_the_next(client: Redis, turns: int) -> None:
    task = asyncio.ensure_future(client.ping())
    for _ in range(turns):
        await asyncio.sleep(0)  # one turn of the loop
    task.cancel()
    await asyncio.wait([task], timeout=5)
    assert await client.incr(secrets.token_hex(8)) == 1


async def test_a_dropped_cancellation_is_repeated() -> None:
    dropped = 0

    async def deaf() -> None:
        nonlocal dropped
        while dropped < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                dropped += 1

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)  # it begins
    await tasks.end([task])
    assert (task.done(), dropped) == (True, 3)


async def test_work_that_fails_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "RESTART_SECONDS", 0)
    starts, again = 0, asyncio.Event()

    async def work() -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            raise ValueError("the first time")
        again.set()
        await asyncio.Event().wait()

    async with tasks.background(work), asyncio.timeout(30):
        await again.wait()
    assert starts == 2
