"""Fixtures every test shares: the engines (real ones, started once) and settings that point at them."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app import embedded
from app.settings import Settings

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


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
