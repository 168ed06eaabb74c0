"""Fixtures of the subscription tests: services with a hub that listens."""

from collections.abc import AsyncIterator

import pytest

from app import services, tasks
from app.services import Services
from app.settings import Settings
from storage.ledgers import Ledger
from subscriptions import hub


@pytest.fixture
def only_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """No feed is compared with the ledger, so what arrives was told; ask for this before `opened`."""
    monkeypatch.setattr(hub, "SILENCE_SECONDS", 3_600.0)


@pytest.fixture
async def opened(empty: Settings) -> AsyncIterator[Services]:
    """Services whose hub listens, on an empty database."""
    async with services.open(empty, "api") as each:
        hub, events = each.click_feed.hub, each.event_feed.hub
        async with tasks.background(hub.listen, hub.look_after, events.listen, events.look_after):
            yield each


@pytest.fixture
async def ledger(opened: Services) -> AsyncIterator[Ledger]:
    """The ledger of a worker."""
    async with Ledger(opened.database, opened.clock) as each:
        yield each
