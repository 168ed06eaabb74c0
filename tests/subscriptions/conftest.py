"""Fixtures of the subscription tests: services with a hub that listens, each on its own database."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from app import services, tasks
from app.services import Services
from app.settings import Settings
from storage import mongo
from storage.ledgers import Ledger
from subscriptions import hub


@pytest.fixture
def only_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """No feed is compared with the ledger, so what arrives was told; ask for this before `opened`."""
    monkeypatch.setattr(hub, "SILENCE_SECONDS", 3_600.0)


@pytest.fixture
async def opened(settings: Settings, tmp_path: Path) -> AsyncIterator[Services]:
    """Services whose hub listens."""
    own = msgspec.structs.replace(
        settings, mongodb_database=f"test_{secrets.token_hex(6)}", data_dir=tmp_path
    )
    async with services.open(own, "api") as each:
        await mongo.ensure_indexes(each.database)
        hub, events = each.click_feed.hub, each.event_feed.hub
        async with tasks.background(hub.listen, hub.look_after, events.listen, events.look_after):
            yield each
        await each.database.client.drop_database(own.mongodb_database)


@pytest.fixture
async def ledger(opened: Services) -> AsyncIterator[Ledger]:
    """The ledger of a worker."""
    async with Ledger(opened.database, opened.clock) as each:
        yield each
