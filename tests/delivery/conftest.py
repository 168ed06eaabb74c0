"""Fixtures of the delivery tests: an empty database and an empty data directory for each."""

import contextlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from app import services
from app.services import Services
from app.settings import Settings
from storage import mongo
from storage.ledgers import Ledger


@pytest.fixture
async def opened(settings: Settings, tmp_path: Path) -> AsyncIterator[Services]:
    """A worker's services on a database and a data directory of this test's own."""
    own = msgspec.structs.replace(
        settings, mongodb_database=f"test_{secrets.token_hex(6)}", data_dir=tmp_path
    )
    async with services.open(own, "worker") as each:
        await mongo.ensure_indexes(each.database)
        yield each
        await each.database.client.drop_database(own.mongodb_database)


@pytest.fixture
async def ledger(opened: Services) -> AsyncIterator[Ledger]:
    """The ledger of this test."""
    async with Ledger(opened.database, opened.clock) as each:
        yield each


@pytest.fixture
async def ledgers(opened: Services) -> AsyncIterator[list[Ledger]]:
    """The ledgers of several workers at once."""
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Ledger(opened.database, opened.clock)) for _ in range(4)]
