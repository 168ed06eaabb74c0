"""What waits for one reader of a feed: items that it wants, within bounds, and how far the feed has got."""

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from domain.feeds import ITEMS_PER_BATCH, Heads, Item, Wanted

WAITING_BYTES: Final = 768 * 1024
"""What may wait for a subscriber, with the batch on its way below 1 MiB: about 400 ordinary clicks."""


class Subscriber:
    """What waits for one reader: items that it wants, and how far the feed has got.

    Args:
        wanted: which items it wants.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.missed = 0
        self.place: Heads = {}
        self.seen: Heads = {}
        """How far its feed has offered clicks to whoever wants them; the feed moves it on."""
        self.news = asyncio.Event()
        self.plenty = asyncio.Event()
        """Set: a whole batch waits, or more than may."""
        self.room = asyncio.Event()
        self.room.set()
        self._waiting: deque[tuple[Item, int]] = deque()
        self._waiting_bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, items: Sequence[Item]) -> None:
        """Take the next wanted items; where there is no room, forget all and count what is missed.

        A reader for whom nothing waits is not slow, so what comes then is taken however large it is.
        """
        sized = [(item, item.size_bytes) for item in items]
        self._waiting_bytes += sum(size for _, size in sized)
        if self.missed or (self._waiting and self._waiting_bytes > WAITING_BYTES):
            self.missed += len(self._waiting) + len(items)
            self._clear()
            self.plenty.set()
        else:
            self._waiting.extend(sized)
            if len(self._waiting) >= ITEMS_PER_BATCH:
                self.plenty.set()
            if self._waiting_bytes > WAITING_BYTES / 2:
                self.room.clear()
        self.news.set()

    def start(self, place: Heads) -> None:
        """Go on behind `place`: what was offered up to there is known already."""
        self.place = dict(place)
        while self._waiting and not _is_new(self._waiting[0][0], place):
            self._waiting_bytes -= self._waiting.popleft()[1]

    def forget(self) -> None:
        """Drop what waits: it will be read from the ledger."""
        self._clear()
        self.plenty.clear()
        self.missed = 0

    def take(self, limit: int, *, leave: int = 0) -> tuple[Any, ...]:
        """The next items; `place` moves on behind them, or to the feed's end when nothing more waits.

        Args:
            limit: how many at most; what is known already is passed over and not counted.
            leave: how many of those that wait are not touched.
        """
        taken: list[Item] = []
        while len(self._waiting) > leave and len(taken) < limit:
            item, size = self._waiting.popleft()
            self._waiting_bytes -= size
            if _is_new(item, self.place):
                self.place[item.slot] = item.seq
                taken.append(item)
        if self._waiting_bytes <= WAITING_BYTES / 2:
            self.room.set()
        if len(self._waiting) < ITEMS_PER_BATCH:
            self.plenty.clear()
        if not self._waiting:
            self.news.clear()
            if not self.missed:
                for slot, seq in self.seen.items():
                    self.place[slot] = max(seq, self.place.get(slot, 0))
        return tuple(taken)

    def goes_on(self, behind: int = 0) -> bool:
        """Whether what waits, but for the next `behind` items, and what is yet to be offered is all new."""
        if self.missed or any(seq > self.seen.get(slot, 0) for slot, seq in self.place.items()):
            return False
        return all(_is_new(item, self.place) for item, _ in islice(self._waiting, behind, None))

    def _clear(self) -> None:
        self._waiting.clear()
        self._waiting_bytes = 0
        self.room.set()


def _is_new(item: Item, place: Heads) -> bool:
    return item.seq > place.get(item.slot, 0)
