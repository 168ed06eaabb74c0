"""Committed clicks on their way into the roll-ups: this worker's own, and those that nobody else folds."""

import asyncio
import logging
import time
from collections import deque
from typing import Final

from delivery.counts import Counts
from domain import clicks
from domain.clicks import ClicksCommitted
from domain.errors import Unavailable
from domain.folds import MAX_CLICKS, Fold, Folds, Moved

_AT_ONCE: Final = 10
"""Clicks that are counted before others get their turn: a fraction of a millisecond, see stretches."""
FOLD_SECONDS: Final = 2.0
"""How long clicks wait for others to be folded with; readers read them one by one meanwhile."""
MANY_CLICKS: Final = 5_000
BUSY_SECONDS: Final = 4.0
"""How much longer they wait if so many are waiting."""
WAITING_CLICKS: Final = 2 * MAX_CLICKS
"""What may wait before the ledger does: readers should never have to read many more."""
LAG_SECONDS: Final = 10.0
"""A feed whose roll-ups lag and have not moved for so long is nobody's: its worker is gone."""
MESSAGE_CHARACTERS: Final = 500
"""MongoDB's errors may quote a whole batch."""
READ_CLICKS: Final = 10_000
"""Clicks that are read from the ledger together."""

_log = logging.getLogger(__name__)


class Folding:
    """Folds what the ledger of this process commits, and what the workers before it left behind."""

    def __init__(self, folds: Folds, counts: Counts) -> None:
        self._folds = folds
        self._counts = counts
        self._waiting: dict[tuple[str, int], Fold] = {}
        self._clicks = 0
        self._arrived: asyncio.Queue[tuple[str, ClicksCommitted]] = asyncio.Queue()
        self._counting = asyncio.Lock()
        self._due = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._lagging: dict[tuple[str, int], int] = {}
        self._looked_at = float("-inf")

    async def put(self, workspace_id: str, committed: ClicksCommitted) -> None:
        """Take what was committed; waits while too much is waiting already."""
        await self._room.wait()
        self._arrived.put_nowait((workspace_id, committed))
        self._clicks += len(committed.clicks)
        if self._clicks >= MAX_CLICKS:
            self._due.set()
        if self._clicks >= WAITING_CLICKS:
            self._room.clear()

    async def keep_counting(self) -> None:
        """Count for ever what is put. It runs beside `keep`, not in a group with it.

        A group hears of one cancellation only, and PyMongo may drop that (see app/tasks.end): a worker
        would never end.
        """
        while True:
            await self._count(*await self._arrived.get())

    async def keep(self) -> None:
        """Fold for ever. While MongoDB is away clicks wait in the ledger, where readers find them.

        Nothing that is wrong with a click may end this process: the ledger has it, and must go on.
        """
        while True:
            await self._pause()
            try:
                await self.fold()
                await self._catch_up()
            except Moved as moved:
                _log.info("another worker folds as well, what it leaves is caught up with: %s", moved)
            except Unavailable as error:
                self._fail("clicks are not folded, readers read them one by one: %s", error)
            except Exception as error:  # noqa: BLE001 - the rim: it is tried again
                self._fail("clicks could not be folded, it is tried again: %s", error)

    async def _count(self, workspace_id: str, committed: ClicksCommitted) -> None:
        """Count clicks, a few at a time, for the most part while the ledger waits for the database."""
        async with self._counting:
            for piece in clicks.pieces(committed, _AT_ONCE):
                name = (workspace_id, piece.slot)
                fold = self._waiting.get(name)
                if fold is not None and fold.upto != piece.first - 1:
                    # Another worker had this slot in between: all of it is caught up with from the ledger.
                    self._clicks -= fold.clicks
                    fold = None
                if fold is None:
                    fold = self._waiting[name] = Fold(piece.slot, piece.first - 1)
                try:
                    fold.add(piece)
                except Exception as error:  # noqa: BLE001 - the rim, see keep
                    self._clicks -= len(piece.clicks)
                    self._fail("clicks could not be counted, it is tried again: %s", error)
                await asyncio.sleep(0)

    async def fold(self) -> None:
        """Fold everything that is waiting by now. What fails is caught up with from the ledger later on.

        What comes in meanwhile waits for the next fold: folded at once, in whatever small number it came,
        it would cost as much as ten times as many clicks.
        """
        while not self._arrived.empty():
            await self._count(*self._arrived.get_nowait())
        names = deque(self._waiting)
        try:
            while names:
                await self._fold(self._next(names))
        finally:
            if self._clicks < MAX_CLICKS:
                self._due.clear()

    async def _fold(self, pieces: list[tuple[str, Fold]]) -> None:
        clicks = sum(fold.clicks for _, fold in pieces)
        try:
            await self._commit(pieces)
        finally:
            self._clicks -= clicks
            if self._clicks < WAITING_CLICKS:
                self._room.set()
        self._counts.clicks_folded += clicks

    def _next(self, names: deque[tuple[str, int]]) -> list[tuple[str, Fold]]:
        """The next stretches of these feeds, of about MAX_CLICKS together."""
        pieces: list[tuple[str, Fold]] = []
        clicks = 0
        while names and clicks < MAX_CLICKS:
            name = names.popleft()
            fold = self._waiting.pop(name)
            clicks += fold.clicks
            pieces.append((name[0], fold))
        return pieces

    async def _commit(self, pieces: list[tuple[str, Fold]]) -> None:
        try:
            await self._folds.commit_all(pieces)
        except Moved:
            for workspace_id, fold in pieces:
                await self._catch_up_with(workspace_id, fold.slot, fold.after)
                await self._folds.commit(workspace_id, fold)

    async def _catch_up(self) -> None:
        """Fold what nobody else does: clicks of workers that are gone, or from before there were roll-ups."""
        now = time.monotonic()
        if now - self._looked_at < LAG_SECONDS:
            return
        self._looked_at = now
        before, self._lagging = self._lagging, {}
        for lag in await self._folds.lagging():
            name = (lag.workspace_id, lag.slot)
            if before.get(name) == lag.folded and name not in self._waiting:
                await self._catch_up_with(*name, lag.head)
            else:
                self._lagging[name] = lag.folded

    async def _catch_up_with(self, workspace_id: str, slot: int, upto: int) -> None:
        """Fold the clicks of a feed up to one, from the ledger."""
        while found := await self._folds.unfolded(workspace_id, slot, upto=upto, limit=READ_CLICKS):
            fold = Fold(slot, found[0].seq - 1)
            fold.add(ClicksCommitted(slot, found[0].seq, found[-1].seq, tuple(found)))
            await self._folds.commit(workspace_id, fold)
            self._counts.clicks_folded += fold.clicks

    async def _pause(self) -> None:
        """Wait until enough clicks have come in, or long enough; longer while many come: more are cheaper."""
        if not await self._due_within(FOLD_SECONDS) and self._clicks >= MANY_CLICKS:
            await self._due_within(BUSY_SECONDS)

    async def _due_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._due.wait()
        except TimeoutError:
            return False

    def _fail(self, message: str, error: Exception) -> None:
        self._counts.folds_failed += 1
        _log.warning(message, str(error)[:MESSAGE_CHARACTERS])
