"""Visits, journals and workers as the tests of ledger and feeds make them."""

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Any

import msgspec

from app import tasks
from app.services import Services
from delivery.announcements import Outbox
from delivery.clicks import Clicks
from delivery.counts import Counts
from delivery.folds import Folding
from delivery.freshness import Freshness
from delivery.leases import Lease
from domain import ids, ledgers
from domain.agents import Agents
from domain.clicks import Click
from domain.journals import click_id
from domain.ledgers import Entry, Stretch
from domain.visits import Outcome, VisitRecord
from redirect import counts as redirect_counts
from redirect.journal import Journal
from storage.announcements import Announcements
from storage.folds import Folds
from storage.ledgers import Ledger
from storage.slots import Slots

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.0 Mobile/15E148 Safari/604.1"
)
AGENTS = Agents()
LINK = "lnk_00000000000000000000000001"


def new_id(prefix: str) -> str:
    """A fresh id of `prefix`."""
    return ids.of(prefix, time.time_ns() // 1_000_000, secrets.token_bytes(10))


def visit(**changes: Any) -> VisitRecord:
    """A person's visit, with `changes`."""
    usual = VisitRecord(
        at_ms=time.time_ns() // 1_000_000,
        workspace_id="ws_00000000000000000000000001",
        link_id=LINK,
        link_version=1,
        destination="https://example.com/",
        outcome=Outcome.REDIRECT,
        agent=PHONE,
        visitor=b"visitor number 1",
    )
    return msgspec.structs.replace(usual, **changes)


class Worker:
    """One worker in this process, with a slot of its own."""

    def __init__(self, opened: Services) -> None:
        self.counts = Counts()
        self.lease = Lease(Slots(opened.database), secrets.token_hex(4), self.counts)
        self.outbox = Outbox(Announcements(opened.redis, opened.settings.mongodb_database), self.counts)
        self.folding = Folding(Folds(opened.database), self.counts)
        self.stopping = asyncio.Event()
        self.ledger = Ledger(opened.database, opened.clock)
        self.clicks = Clicks(
            opened.settings.journals_dir,
            ledger=self.ledger,
            lease=self.lease,
            outbox=self.outbox,
            folding=self.folding,
            freshness=Freshness(self.ledger, opened.clock),
            agents=AGENTS.read,
            counts=self.counts,
        )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            behind = [
                group.create_task(work)
                for work in (
                    self.lease.keep(),
                    self.outbox.keep(),
                    self.folding.keep_counting(),
                    self.folding.keep(),
                )
            ]
            await self.clicks.run(self.stopping)
            await tasks.end(behind)
        await self.lease.release()
        await self.ledger.__aexit__()

    async def until(self, done: Callable[[], bool], seconds: float = 60) -> None:
        """Work until `done`, then stop."""
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            group.create_task(self.run())
            while not done():
                await asyncio.sleep(0.01)  # counters raise no events
            self.stopping.set()

    async def ship(self, clicks: int) -> None:
        """Work until so many clicks are committed, then stop."""
        await self.until(lambda: self.counts.clicks_committed >= clicks)


def journal(opened: Services) -> Journal:
    """A journal as a redirect process starts one."""
    return Journal(opened.settings.journals_dir, time.time_ns() // 1_000_000, redirect_counts.Counts())


def entries(journal_id: str, *records: VisitRecord) -> tuple[Entry, ...]:
    """The entries of records that stand 100 bytes apart."""
    return tuple(
        ledgers.entry(click_id(journal_id, number * 100, record.at_ms), record, AGENTS.read)
        for number, record in enumerate(records)
    )


def stretch(*records: VisitRecord, journal_id: str = "", start: int = 0) -> Stretch:
    """A stretch of a journal that holds `records`."""
    name = journal_id or new_id("clk").removeprefix("clk_")
    return Stretch(name, start, start + 100 * len(records), entries(name, *records))


async def committed(ledger: Ledger, *records: VisitRecord, slot: int = 0) -> list[Click]:
    """The clicks of `records`, committed in one transaction."""
    piece = stretch(*records)
    await ledger.offset_of(piece.journal_id)
    news = await ledger.commit(piece, slot)
    return [click for each in news.values() for click in each.clicks]
