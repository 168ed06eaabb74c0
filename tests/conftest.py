"""Fixtures every test shares: the engines (real ones, started once) and settings that point at them."""

import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.settings import Settings

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


@pytest.fixture(scope="session")
async def settings(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Settings]:
    """Settings on real engines and a database of this test session's own."""
    yield Settings(
        data_dir=tmp_path_factory.mktemp("data"),
        mongodb_url=os.environ["LINKGRAPH_MONGODB_URL"],
        mongodb_database=f"test_{secrets.token_hex(4)}",
        redis_url=os.environ["LINKGRAPH_REDIS_URL"],
        playground=True,
    )
