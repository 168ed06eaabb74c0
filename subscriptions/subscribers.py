"""What waits for one reader of a feed: clicks that it wants, within bounds, and how far the feed has got."""

import asyncio
from collections import deque
from collections.abc import Sequence
from sys import getsizeof
from typing import Final

from domain.click_filters import ClickFilter
from domain.clicks import Click
from domain.feeds import Heads

WAITING_BYTES: Final = 768 * 1024
"""What may wait for a subscriber, with the batch on its way below 1 MiB: about 400 ordinary clicks."""
CLICK_BYTES: Final = 1_200
"""A click's fixed part: the struct, its ids and its short texts, measured with tracemalloc."""


class Subscriber:
    """What waits for one reader: clicks that it wants, and how far the feed has got.

    Args:
        wanted: which clicks it wants.
    """

    def __init__(self, wanted: ClickFilter) -> None:
        self.missed = 0
        self.place: Heads = {}
        self.news = asyncio.Event()
        self.room = asyncio.Event()
        self.room.set()
        self._wanted = wanted
        self._waiting: deque[Click] = deque()
        self._waiting_bytes = 0
        self._offered: Heads = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, slot: int, clicks: Sequence[Click]) -> None:
        """Take the next clicks of a slot; where there is no room, forget all and count what is missed.

        A reader for whom nothing waits is not slow, so what comes then is taken however large it is.
        """
        wanted = [click for click in clicks if self._wanted.matches(click)]
        self._offered[slot] = clicks[-1].seq
        self._waiting_bytes += sum(map(bytes_of, wanted))
        if self.missed or (self._waiting and self._waiting_bytes > WAITING_BYTES):
            self.missed += len(self._waiting) + len(wanted)
            self._clear()
        else:
            self._waiting.extend(wanted)
            if self._waiting_bytes > WAITING_BYTES / 2:
                self.room.clear()
        if wanted:
            self.news.set()

    def start(self, place: Heads) -> None:
        """Go on behind `place`: what was offered up to there is known already."""
        self.place = dict(place)

    def forget(self) -> None:
        """Drop what waits: it will be read from the ledger."""
        self._clear()
        self.missed = 0

    def take(self, limit: int) -> tuple[Click, ...]:
        """The next clicks; `place` moves on behind them, or to the feed's end when nothing more waits."""
        taken: list[Click] = []
        while self._waiting and len(taken) < limit:
            click = self._waiting.popleft()
            self._waiting_bytes -= bytes_of(click)
            if click.seq > self.place.get(click.slot, 0):
                self.place[click.slot] = click.seq
                taken.append(click)
        if self._waiting_bytes <= WAITING_BYTES / 2:
            self.room.set()
        if not self._waiting:
            self.news.clear()
            if not self.missed:
                for slot, seq in self._offered.items():
                    self.place[slot] = max(seq, self.place.get(slot, 0))
        return tuple(taken)

    def _clear(self) -> None:
        self._waiting.clear()
        self._waiting_bytes = 0
        self.room.set()


def bytes_of(click: Click) -> int:
    """What a click takes in memory at most: its texts of any length as they are, all else by CLICK_BYTES."""
    utm = click.utm
    texts = (
        click.final_destination,
        click.referrer,
        utm.source,
        utm.medium,
        utm.campaign,
        utm.term,
        utm.content,
    )
    return CLICK_BYTES + sum(map(getsizeof, texts)) + sum(map(getsizeof, click.tags))
