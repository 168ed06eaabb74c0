"""Feeds survive: parts are killed under load, and every subscriber ends with each click exactly once."""

import asyncio
import dataclasses
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest

from app import services
from app.settings import Settings
from domain import keys
from domain.access import Scope
from domain.keys import ApiKey
from tests.application import Application, running
from tests.delivery.workers import new_id
from tests.faults.subscribers import Subscriber
from tests.faults.test_nothing_lost import until_stored
from tests.faults.visitors import Visitors

pytestmark = pytest.mark.alone
VICTIMS = ("-m app api", "redis-server ", "-m app worker")
ROUNDS = 3
SUBSCRIBERS = 20
WAVE = 25
PLENTY = {"LINKGRAPH_COST_BUDGET": "10000000", "LINKGRAPH_COST_RESTORE_PER_SECOND": "1000000"}


@asynccontextmanager
async def subscribers(application: Application, several: list[str]) -> AsyncIterator[list[Subscriber]]:
    """One for each key; all listen, and each comes back with its own cursor."""
    every = [Subscriber(dataclasses.replace(application, key=key)) for key in several]
    async with AsyncExitStack() as stack:
        for start in range(0, len(every), WAVE):
            wave = every[start : start + WAVE]
            await asyncio.gather(*(stack.enter_async_context(each.listening()) for each in wave))
        yield every


async def until_whole(everybody: list[Subscriber], clicks: int) -> None:
    """Wait until everybody has seen so many different clicks."""
    await asyncio.gather(*(each.until(clicks, seconds=90) for each in everybody))


async def test_every_subscriber_ends_with_every_click_once(tmp_path: Path) -> None:
    """RT-12: 20 subscribers with cursors; API, Redis and worker are killed at random moments under load."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    processes = ("--api-processes", "2", "--worker-processes", "2")
    async with (
        running(tmp_path, *processes, environment=PLENTY) as application,
        httpx.AsyncClient(timeout=30) as client,
    ):
        link = await application.create_link(client, "https://example.com/")
        visitors = Visitors(application.redirect, [link["slug"]], per_second=150)
        async with subscribers(application, [application.key] * SUBSCRIBERS) as everybody:
            async with visitors.walking():
                for _ in range(ROUNDS):
                    for pattern in dice.sample(VICTIMS, len(VICTIMS)):
                        await asyncio.sleep(dice.uniform(0.2, 0.9))  # the random moment
                        # The oldest of its kind: so all are killed, and every subscriber's line is cut.
                        min(await application.alive(pattern), key=psutil.Process.create_time).kill()
                await asyncio.sleep(0.5)  # a last moment of undisturbed visits
            clicks = await until_stored(application, client, visitors.answered)
            await until_whole(everybody, len(clicks))
    each_once = Counter({click["id"]: 1 for click in clicks})
    assert len(clicks) > 200
    assert [each.gaps for each in everybody if each.gaps] == []
    assert [each.differs_from(each_once) for each in everybody if each.seen != each_once] == []
    assert sum(each.connections for each in everybody) > SUBSCRIBERS


async def more_keys(settings: Settings, database: str, count: int) -> list[str]:
    """So many keys of the first workspace: one key may have 100 sockets in a process."""
    own = msgspec.structs.replace(settings, mongodb_database=database)
    made = []
    async with services.open(own, "api") as opened:
        first = await opened.database["keys"].find_one({})
        assert first is not None
        for _ in range(count):
            text = keys.secret(secrets.token_bytes)
            key = ApiKey(
                id=new_id("key"),
                workspace_id=first["workspace_id"],
                name="viewer",
                prefix=keys.shown(text),
                secret_hash=keys.digest(text),
                scopes=frozenset({Scope.ANALYTICS_READ}),
                created_at=opened.clock(),
            )
            assert await opened.keys.add(key.workspace_id, key)
            made.append(text)
    return made


async def test_all_subscribers_of_a_killed_node_resume_on_another(settings: Settings, tmp_path: Path) -> None:
    """RT-14: of two API processes with 500 subscribers one is killed; no gaps, each click once."""
    database = f"killed_{secrets.token_hex(4)}"
    environment = PLENTY | {
        "LINKGRAPH_MONGODB_URL": settings.mongodb_url or "",
        "LINKGRAPH_REDIS_URL": settings.redis_url or "",
        "LINKGRAPH_MONGODB_DATABASE": database,
    }
    async with (
        running(tmp_path, "--api-processes", "2", environment=environment) as application,
        httpx.AsyncClient(timeout=30) as client,
    ):
        link = await application.create_link(client, "https://example.com/")
        several = await more_keys(settings, database, 10)
        visitors = Visitors(application.redirect, [link["slug"]], per_second=50)
        async with subscribers(application, several * 50) as everybody:
            async with visitors.walking():
                await asyncio.gather(*(each.until(10, seconds=90) for each in everybody))
                application.children("-m app api")[0].kill()
                await asyncio.sleep(1)  # visits go on while half of them come back
            clicks = await until_stored(application, client, visitors.answered)
            await until_whole(everybody, len(clicks))
    each_once = Counter({click["id"]: 1 for click in clicks})
    assert len(everybody) == 500
    assert sum(each.connections for each in everybody) > 600
    assert [each.gaps for each in everybody if each.gaps] == []
    assert [each.differs_from(each_once) for each in everybody if each.seen != each_once] == []
