"""Fixtures of the delivery tests: an empty database and an empty data directory for each."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from app import services
from app.services import Services
from app.settings import Settings
from storage.ledgers import Ledger


@pytest.fixture
async def opened(empty: Settings) -> AsyncIterator[Services]:
    """A worker's services on an empty database and data directory."""
    async with services.open(empty, "worker") as each:
        yield each


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
