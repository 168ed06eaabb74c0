"""Folding that is told to end ends, also where the driver drops what it was told."""

import asyncio
from collections.abc import Sequence

import pytest

from app import tasks
from app.services import Services
from delivery import folds
from delivery.counts import Counts
from delivery.folds import Folding
from domain.clicks import ClicksCommitted
from domain.folds import Fold, Lag
from storage.folds import Folds
from storage.ledgers import Ledger
from tests.delivery.workers import committed, visit

WORKSPACE_ID = visit().workspace_id


class Deaf(Folds):
    """Folds on MongoDB; the first cancellation is dropped, as `asyncio.wait_for` of Python 3.11 may do."""

    def __init__(self, opened: Services) -> None:
        super().__init__(opened.database)
        self.asked_for = asyncio.Event()
        self.dropped = False

    async def lagging(self) -> list[Lag]:
        self.asked_for.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if self.dropped:
                raise
            self.dropped = True
        return await super().lagging()


async def test_a_cancellation_that_was_dropped_is_repeated(
    opened: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CL-03: a worker that is told to end while it folds does so, however often it has to be told."""
    monkeypatch.setattr(folds, "FOLD_SECONDS", 0.01)
    store = Deaf(opened)
    folding = Folding(store, Counts())
    works = [asyncio.create_task(folding.keep_counting()), asyncio.create_task(folding.keep())]
    async with asyncio.timeout(30):
        await store.asked_for.wait()
        await tasks.end(works)
    assert store.dropped
    assert all(work.cancelled() for work in works)


async def test_what_comes_in_during_a_fold_waits_for_the_next(opened: Services, ledger: Ledger) -> None:
    """A fold takes what waited when it began: small folds one behind the other cost as much as large ones."""
    clicks = await committed(ledger, *(visit() for _ in range(5)))

    class Busy(Folds):
        async def commit_all(self, pieces: Sequence[tuple[str, Fold]]) -> None:
            if pieces[0][1].after == 0:
                await folding.put(WORKSPACE_ID, ClicksCommitted(0, 4, 5, tuple(clicks[3:])))
                await folding._count(*folding._arrived.get_nowait())
            await super().commit_all(pieces)

    folding = Folding(Busy(opened.database), Counts())
    await folding.put(WORKSPACE_ID, ClicksCommitted(0, 1, 3, tuple(clicks[:3])))
    for ends in (3, 5):
        await folding.fold()
        assert [each["seq"] async for each in opened.database.folded.find({})] == [ends]
