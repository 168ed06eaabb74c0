"""Engines that die while clicks are shipped: nothing is lost or doubled, readers see each click once."""

import asyncio
import contextlib
import os
import secrets
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pymongo
import pytest
from pymongo.errors import PyMongoError

from app import embedded, services, tasks
from app.embedded import Engines
from app.services import Services
from app.settings import Settings
from domain.click_filters import EVERY_CLICK
from domain.errors import Unavailable
from storage import clicks, mongo
from tests.delivery.workers import Worker, journal, visit

pytestmark = pytest.mark.alone
WORKSPACE = visit().workspace_id


@pytest.fixture
async def engines(tmp_path: Path) -> AsyncIterator[Engines]:
    """A MongoDB and a Redis of this test's own, started again when they die."""
    async with embedded.running(tmp_path) as each:
        yield each


@pytest.fixture
async def own(engines: Engines, tmp_path: Path) -> AsyncIterator[Services]:
    settings = Settings(
        data_dir=tmp_path,
        mongodb_url=engines.mongodb_url,
        redis_url=engines.redis_url,
        mongodb_database=f"test_{secrets.token_hex(4)}",
    )
    async with services.open(settings, "worker") as opened:
        await mongo.ensure_indexes(opened.database)
        yield opened


async def kill(process_id: int | None) -> None:
    assert process_id is not None
    os.kill(process_id, signal.SIGKILL)


async def step_down(opened: Services) -> None:
    with contextlib.suppress(PyMongoError):  # the connection may end with the answer
        await opened.database.client.admin.command("replSetStepDown", 2, force=True)


async def read(opened: Services, seen: Counter[str]) -> None:
    """Read the feed for ever; comes back with its cursor where MongoDB was away."""
    cursor: str | None = None
    while True:
        try:
            async with contextlib.aclosing(
                opened.click_feed.follow(WORKSPACE, EVERY_CLICK, cursor)
            ) as batches:
                async for batch in batches:
                    assert batch.gap is None
                    seen.update(click.id for click in batch.items)
                    cursor = batch.cursor
        except Unavailable:
            await asyncio.sleep(0.1)  # a client's pause before it comes back


@pytest.mark.parametrize("sickness", ["mongod killed", "stepped down", "redis killed"])
async def test_clicks_survive_their_engines(engines: Engines, own: Services, sickness: str) -> None:
    """CL-04, CL-05, CL-13: three times in the middle of the load; then the books agree to the last click."""
    blows: dict[str, Callable[[], Awaitable[None]]] = {
        "mongod killed": lambda: kill(engines.mongodb.process_id),
        "stepped down": lambda: step_down(own),
        "redis killed": lambda: kill(engines.redis.process_id),
    }
    writer, workers, seen, hub = journal(own), [Worker(own), Worker(own)], Counter[str](), own.click_feed.hub
    views = [asyncio.create_task(work) for work in (hub.listen(), hub.look_after(), read(own, seen))]
    shipping = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        await asyncio.sleep(
            0.5
        )  # the reader begins before the first click; there is nothing to await from here
        for _ in range(3):
            for _ in range(30):
                for _ in range(10):
                    writer.append(visit())
                await asyncio.sleep(0.01)  # the load: 1,000 clicks a second
            await blows[sickness]()
        async with asyncio.timeout(90):
            while len(seen) < 900:
                await asyncio.sleep(0.05)  # the reader counts: there is no event to await
    finally:
        for worker in workers:
            worker.stopping.set()
        await tasks.end(views)
        await asyncio.gather(*shipping, return_exceptions=True)
        writer.close()
    assert set(seen.values()) == {1}
    assert await own.database.clicks.count_documents({}) == 900
    rows = await own.database.stats.find({}).to_list()
    assert sum(row["kinds"]["HUMAN"] for row in rows) == 900


async def test_a_search_that_a_restart_cuts_short_is_not_called_long(
    engines: Engines, own: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time was spent on waiting for the database: coming back later helps, asking for less would not."""
    killed = asyncio.Event()

    async def back() -> None:
        await killed.wait()
        with pymongo.timeout(20):
            await own.database.clicks.find_one()

    async def cut_short() -> None:
        async with clicks.bounded(own.database):
            await kill(engines.mongodb.process_id)
            killed.set()
            await coming
            await own.database.clicks.find_one()

    await own.database.command("ping")
    coming = asyncio.create_task(back())
    monkeypatch.setattr(clicks, "SECONDS", 0.01)
    with pytest.raises(Unavailable, match="come back"):
        await cut_short()
