"""Readers of a feed, and a worker that commits clicks for them, as the subscription tests need them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

from app.services import Services
from domain.click_filters import EVERY_CLICK, ClickFilter
from domain.clicks import Click, pieces
from domain.feeds import Batch
from domain.visits import VisitRecord
from storage.announcements import Announcements
from storage.ledgers import Ledger
from subscriptions.subscribers import Subscriber
from tests.delivery.workers import stretch, visit

WORKSPACE = visit().workspace_id


class Reader:
    """Reads one feed and remembers what it got."""

    def __init__(self, batches: AsyncGenerator[Batch, None]) -> None:
        self.batches = batches
        self.clicks: list[Click] = []
        self.cursor = ""

    async def next(self, seconds: float = 30) -> Batch:
        """The next frame."""
        async with asyncio.timeout(seconds):
            batch = await anext(self.batches)
        self.clicks.extend(batch.items)
        self.cursor = batch.cursor
        return batch

    async def until(self, count: int, seconds: float = 60) -> None:
        """Read until so many clicks were seen."""
        async with asyncio.timeout(seconds):
            while len(self.clicks) < count:
                await self.next()


def the_subscriber(opened: Services) -> Subscriber:
    """The only subscriber of the workspace's feed."""
    wants = opened.click_feed.hub._viewed[WORKSPACE].wants
    ((subscriber,),) = wants._subscribers.values()
    return subscriber


@asynccontextmanager
async def reading(
    opened: Services,
    after: str | None = None,
    wanted: ClickFilter = EVERY_CLICK,
    workspace_id: str = WORKSPACE,
) -> AsyncIterator[Reader]:
    """A reader of the workspace's feed, closed at the end."""
    batches = opened.click_feed.follow(workspace_id, wanted, after)
    try:
        yield Reader(batches)
    finally:
        await batches.aclose()


async def commit(
    opened: Services, ledger: Ledger, records: Sequence[VisitRecord], *, slot: int = 0, tell: bool = True
) -> list[Click]:
    """Commit clicks as a worker does; without `tell`, as one that died before it told Redis."""
    piece = stretch(*records)
    await ledger.offset_of(piece.journal_id)
    news = await ledger.commit(piece, slot)
    told = Announcements(opened.redis, opened.settings.mongodb_database)
    if tell:
        for workspace_id, each in news.items():
            for part in pieces(each, 100):
                await told.publish(workspace_id, part)
    return [click for each in news.values() for click in each.clicks]
