"""Fixtures every test shares: the engines (real ones, started once) and settings that point at them."""

import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import hypothesis
import msgspec
import psutil
import pytest

from app import embedded
from app.settings import Settings
from storage import mongo, redis

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a private folder in it
ROOM = 6 * 1024**3
"""Bytes that a run may fill with the data of its engines, and more."""

hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")


def pytest_configure() -> None:
    """Lay temporary folders into memory where there is plenty.

    The engines are the same and sync as ever, but a disk's syncs are most of what a run would wait for.
    PYTEST_DEBUG_TEMPROOT, pytest's own variable, says otherwise.
    """
    if not os.access(MEMORY, os.W_OK | os.X_OK):
        return
    if min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available) > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(scope="session")
async def settings(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Settings]:
    """Settings on real engines, those of the environment or embedded ones, and a database of this session."""
    given = Settings.from_env(
        data_dir=tmp_path_factory.mktemp("data"),
        mongodb_database=f"test_{secrets.token_hex(4)}",
        playground=True,
        redirect_lookup_ms=5_000,  # a busy machine is not a sick database: tests of a sick one say 250 again
    )
    async with AsyncExitStack() as stack:
        if given.mongodb_url is None or given.redis_url is None:
            engines = await stack.enter_async_context(embedded.running(tmp_path_factory.mktemp("engines")))
            given = given.on(engines.mongodb_url, engines.redis_url)
        yield given


@pytest.fixture(scope="session")
async def _second(settings: Settings) -> AsyncIterator[Settings]:
    """Settings on a database with its indexes, which are most of what a new one costs."""
    own = msgspec.structs.replace(settings, mongodb_database=f"test_{secrets.token_hex(6)}")
    async with mongo.connect(str(own.mongodb_url), timeout_ms=20_000, application="test") as client:
        await mongo.ensure_indexes(client[own.mongodb_database])
        yield own
        await client.drop_database(own.mongodb_database)


@pytest.fixture
async def empty(_second: Settings, tmp_path: Path) -> AsyncIterator[Settings]:
    """Settings on a database that has its indexes and nothing else, and on an empty data directory."""
    yield msgspec.structs.replace(_second, data_dir=tmp_path)
    async with mongo.connect(str(_second.mongodb_url), timeout_ms=20_000, application="test") as client:
        database = client[_second.mongodb_database]
        for name in await database.list_collection_names():
            await database[name].delete_many({})
    async with redis.connect(str(_second.redis_url), timeout_ms=20_000) as kept:
        async for key in kept.scan_iter(f"{_second.mongodb_database}:*"):
            await kept.delete(key)
