"""Journals into the ledger: every journal on this host is read, classified, committed and announced."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from delivery import journals
from delivery.announcements import Outbox
from delivery.counts import Counts
from delivery.folds import Folding
from delivery.freshness import Freshness
from delivery.journals import Journal
from delivery.leases import Lease
from delivery.stretches import Stretches
from domain.agents import Agent
from domain.clicks import ClicksCommitted
from domain.errors import Unavailable
from domain.ledgers import JournalClosed, Ledger, Moved, Stretch

POLL_SECONDS: Final = 0.01
"""Memory-mapped writing raises no event to await, and a look at one header costs a microsecond."""
TOGETHER_SECONDS: Final = 0.05
"""How long the next clicks of a journal wait for others: a transaction costs as much as a hundred clicks."""
MANY: Final = 100
"""Clicks of one transaction, from which on the next ones need not wait."""
SCAN_SECONDS: Final = 0.25
"""How often new and orphaned journals are looked for; adopting one at a time shares them out."""
ABANDONED_SECONDS: Final = 1.0
ASIDE_SECONDS: Final = 0.5
"""How long a journal that cannot be read or stored is left alone, so that it holds up no other."""
FIRST_BACKOFF_SECONDS: Final = 0.05
LAST_BACKOFF_SECONDS: Final = 2.0
MESSAGE_CHARACTERS: Final = 500
"""MongoDB's errors may quote the whole batch."""

_log = logging.getLogger(__name__)


class Clicks:
    """Ships the journals of one folder, one transaction at a time, until it is told to stop.

    Args:
        journals_dir: where redirect processes write; need not exist yet.
        ledger: where clicks are committed.
        lease: the slot they are numbered in.
        outbox: takes the news.
        folding: takes the clicks into the roll-ups.
        freshness: is told of journals that were read to their end.
        agents: reads an agent string, see agents.Agents.read.
        counts: what happened so far.
    """

    def __init__(
        self,
        journals_dir: Path,
        *,
        ledger: Ledger,
        lease: Lease,
        outbox: Outbox,
        folding: Folding,
        freshness: Freshness,
        agents: Callable[[str], Agent],
        counts: Counts,
    ) -> None:
        self._journals_dir = journals_dir
        self._ledger = ledger
        self._lease = lease
        self._outbox = outbox
        self._folding = folding
        self._freshness = freshness
        self._stretches = Stretches(agents)
        self._counts = counts
        self._held: dict[str, Journal] = {}
        self._asked_at: dict[str, float] = {}
        self._aside: dict[str, float] = {}
        self._rests_until: dict[str, float] = {}
        self._scanned_at = float("-inf")
        self._backoff = 0.0

    async def run(self, stopping: asyncio.Event) -> None:
        """Ship until `stopping` is set; finishes the transaction at hand and lets go of every journal."""
        try:
            while not stopping.is_set():
                if not await self._round(stopping):
                    await asyncio.sleep(POLL_SECONDS)
                if self._backoff:
                    await _pause(stopping, self._backoff)
        finally:
            for journal in self._held.values():
                journal.release()
            self._held.clear()

    async def _round(self, stopping: asyncio.Event) -> bool:
        """One stretch of each journal; false when there was nothing to ship."""
        shipped = False
        try:
            await self._scan()
            for journal in list(self._held.values()):
                if stopping.is_set():
                    break
                if time.monotonic() < self._rests_until.get(journal.id, 0.0):
                    continue
                shipped |= await self._attempt(journal.id, self._ship(journal))
            await self._freshness.tell()
        except Unavailable as error:
            self._fail("MongoDB is away, journals keep the clicks: %s", error)
        except Exception as error:  # noqa: BLE001 - the rim: whatever is wrong, the journals keep the clicks
            self._fail("clicks could not be shipped, it is tried again: %s", error)
        else:
            self._backoff = 0.0
        return shipped

    async def _scan(self) -> None:
        """Adopt at most one journal that nobody ships yet."""
        now = time.monotonic()
        if now - self._scanned_at < SCAN_SECONDS:
            return
        self._scanned_at = now
        for folder in journals.folders(self._journals_dir):
            if folder.name in self._held or now < self._aside.get(folder.name, 0.0):
                continue
            if await self._attempt(folder.name, self._adopt(folder)):
                return

    async def _adopt(self, folder: Path) -> bool:
        """Whether there was a journal to take on."""
        journal = Journal.adopt(folder)
        if journal is not None:
            await self._take_on(journal)
        return journal is not None

    async def _attempt(self, name: str, work: Awaitable[bool]) -> bool:
        """Do something with one journal; what is wrong with it is no reason to stop for the others."""
        try:
            return await work
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - the rim: the journal keeps its clicks, and is tried again
            self._set_aside(name, error)
            return False

    async def _take_on(self, journal: Journal) -> None:
        """Go on where the ledger is; of a journal that was closed before, only the folder is left."""
        self._held[journal.id] = journal
        predecessor = journal.sign(self._ledger.session)
        if predecessor is not None:
            await self._ledger.end(predecessor)
        try:
            journal.seek(await self._ledger.offset_of(journal.id))
        except JournalClosed:
            self._drop(journal)

    async def _ship(self, journal: Journal) -> bool:
        """Commit the next stretch of a journal; one that is empty and abandoned is closed and removed."""
        abandoned, now = self._abandoned(journal), self._freshness.now()
        read = await self._stretches.next(journal)
        if read is None:
            if abandoned:
                await self._close(journal)
            else:
                self._freshness.whole(journal.id, now)
            return False
        stretch = read.stretch
        try:
            committed = await self._commit(journal, stretch)
        except Moved:
            self._counts.stretches_moved += 1
            await self._take_on(journal)
            return True
        journal.seek(stretch.end)
        self._aside.pop(journal.id, None)
        if len(stretch.entries) < MANY:
            self._rests_until[journal.id] = time.monotonic() + TOGETHER_SECONDS
        self._counts.stretches_committed += 1
        self._counts.clicks_committed += len(stretch.entries)
        self._counts.records_unreadable += read.unreadable
        for workspace_id, each in committed.items():
            self._outbox.put(workspace_id, each)
            await self._folding.put(workspace_id, each)
        return True

    async def _commit(self, journal: Journal, stretch: Stretch) -> Mapping[str, ClicksCommitted]:
        """Commit a stretch, and read the next one while the database works."""
        ahead = asyncio.create_task(self._stretches.look_ahead(journal, stretch.end))
        try:
            return await self._ledger.commit(stretch, await self._lease.slot())
        finally:
            await asyncio.wait([ahead])
            ahead.exception()  # whatever is wrong with the journal shows again when it is its turn

    def _abandoned(self, journal: Journal) -> bool:
        """Whether the writer is gone; asked before reading, so that everything it wrote is read."""
        now = time.monotonic()
        if now - self._asked_at.get(journal.id, now) < ABANDONED_SECONDS:
            self._asked_at.setdefault(journal.id, now)
            return False
        self._asked_at[journal.id] = now
        return journal.abandoned()

    async def _close(self, journal: Journal) -> None:
        await self._ledger.close(journal.id)
        self._drop(journal)
        self._counts.journals_closed += 1
        _log.info("journal %s is shipped completely", journal.id)

    def _drop(self, journal: Journal) -> None:
        del self._held[journal.id]
        self._asked_at.pop(journal.id, None)
        self._rests_until.pop(journal.id, None)
        self._stretches.forget(journal.id)
        journal.remove()

    def _set_aside(self, name: str, error: Exception) -> None:
        journal = self._held.pop(name, None)
        self._stretches.forget(name)
        if journal is not None:
            self._asked_at.pop(name, None)
            journal.release()
        if name not in self._aside:  # told once; the count tells that it lasts
            _log.error("journal %s waits, others go on: %s", name, str(error)[:MESSAGE_CHARACTERS])
        self._aside[name] = time.monotonic() + ASIDE_SECONDS
        self._counts.journals_set_aside += 1

    def _fail(self, message: str, error: Exception) -> None:
        self._counts.stretches_failed += 1
        self._backoff = min(max(self._backoff * 2, FIRST_BACKOFF_SECONDS), LAST_BACKOFF_SECONDS)
        _log.warning(message, str(error)[:MESSAGE_CHARACTERS])


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    """Wait `seconds`, or until it is time to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return
