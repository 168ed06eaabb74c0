"""Fixtures of the subscription tests: services with a hub that listens, each on its own database."""

import asyncio
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
    """Services whose hub listens."""
    own = msgspec.structs.replace(
        settings, mongodb_database=f"test_{secrets.token_hex(6)}", data_dir=tmp_path
    )
    async with services.open(own, "api") as each:
        await mongo.ensure_indexes(each.database)
        hub = asyncio.create_task(each.click_feed.hub.keep())
        yield each
        hub.cancel()
        await asyncio.gather(hub, return_exceptions=True)
        await each.database.client.drop_database(own.mongodb_database)


@pytest.fixture
async def ledger(opened: Services) -> AsyncIterator[Ledger]:
    """The ledger of a worker."""
    async with Ledger(opened.database, opened.clock) as each:
        yield each
