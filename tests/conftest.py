"""Fixtures every test shares: the engines (real ones, started once) and settings that point at them."""

import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import hypothesis
import psutil
import pytest

from app import embedded
from app.settings import Settings

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
