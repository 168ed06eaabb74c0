"""A reader's way through a feed: what it missed since its cursor from the ledger, each item exactly once."""

import asyncio
import heapq
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from domain import cursors
from domain.cursors import Place, Secret
from domain.feeds import ITEMS_PER_BATCH, Batch, Feeds, Gap, GapReason, Heads, Item, Wanted
from subscriptions.subscribers import Subscriber

_PAGE: Final = 500
_PATIENCE: Final = 5


@dataclass
class Reader:
    """One reader: where it stands, and how to get it to where the feed is live.

    Args:
        name: what cursors belong to.
        steady: whether what waits live follows on where the reader stands.
    """

    workspace_id: str
    name: str
    secret: Secret
    wanted: Wanted
    feeds: Feeds
    live: Subscriber
    steady: bool = False
    _begun: bool = field(default=False)

    def batch(self, items: tuple[Any, ...] = (), gap: Gap | None = None) -> Batch:
        """The frame of `items`, with the cursor of where the reader stands then."""
        self._begun = True
        return Batch(items=items, cursor=self._cursor(), gap=gap)

    def lag(self, missed: int, resume_from: str | None = None) -> Batch:
        """What to tell a reader that was too slow; without `resume_from` it goes on from where it stands."""
        gap = Gap(reason=GapReason.LAGGED, missed=missed, resume_from=resume_from or self._cursor())
        return Batch(cursor=gap.resume_from or "", gap=gap)

    async def begin(self, start: Place | None) -> AsyncGenerator[Batch, None]:
        """Everything from `start` to where the feed is live; at least one frame."""
        if start is None:
            self.live.start(self.live.seen)
            self.steady = True
            yield self.batch()
            return
        heads = await self._heads(start)
        if not self._continues(start, heads):
            self.live.start(heads)
            self.steady = True
            yield self.batch(gap=Gap(reason=GapReason.EPOCH_CHANGED, resume_from=self._cursor()))
            return
        self.live.start(start.heads)
        async with aclosing(self._replayed(heads)) as batches:
            async for batch in batches:
                yield batch
        if not self._begun:
            yield self.batch()

    async def catch_up(self) -> AsyncGenerator[Batch, None]:
        """More came in than may wait: everything up to where the feed is live, from the ledger."""
        self.steady = False
        self.live.forget()
        heads = await self.feeds.heads(self.workspace_id)
        async with aclosing(self._replayed(heads)) as batches:
            async for batch in batches:
                yield batch

    async def _replayed(self, heads: Heads) -> AsyncGenerator[Batch, None]:
        while True:
            missed = await self._expired(heads)
            if missed:
                yield self.batch(
                    gap=Gap(reason=GapReason.HISTORY_EXPIRED, missed=missed, resume_from=self._cursor())
                )
            async with aclosing(self._missed(heads)) as batches:
                async for batch in batches:
                    yield batch
            if not self.live.missed:
                break
            # More came in meanwhile than may wait: read that from the ledger too, at this reader's pace.
            self.live.forget()
            heads = await self.feeds.heads(self.workspace_id)
        self.steady = True

    async def _heads(self, start: Place) -> Heads:
        """The heads; a new primary may be a moment behind a cursor that another one gave."""
        for _ in range(_PATIENCE):
            heads = await self.feeds.heads(self.workspace_id)
            if self._continues(start, heads):
                break
            await asyncio.sleep(0.1)  # until the new primary knows what the majority has: no event tells
        return heads

    def _continues(self, start: Place, heads: Heads) -> bool:
        """Whether the ledger is the one that the cursor was given for, and not one put back from a backup."""
        known = all(seq <= heads.get(slot, 0) for slot, seq in start.heads.items())
        return start.epoch == self.secret.epoch and known

    async def _expired(self, heads: Heads) -> int:
        """Step over what is not kept any more, and count it."""
        missed = 0
        for slot, head in heads.items():
            after = self.live.place.get(slot, 0)
            if head > after:
                oldest = await self.feeds.oldest(self.workspace_id, slot, after)
                first = head + 1 if oldest is None or oldest > head else oldest
                missed += first - after - 1
                self.live.place[slot] = first - 1
        return missed

    async def _missed(self, heads: Heads) -> AsyncGenerator[Batch, None]:
        """Wanted items up to `heads`, by time over all slots, and in commit order within each."""
        waiting: list[Item] = []
        async with aclosing(_merged([self._slot(slot, head) for slot, head in heads.items()])) as items:
            async for item in items:
                self.live.place[item.slot] = item.seq
                if self.wanted.matches(item):
                    waiting.append(item)
                if len(waiting) == ITEMS_PER_BATCH:
                    yield self.batch(tuple(waiting))
                    waiting.clear()
        if waiting:
            yield self.batch(tuple(waiting))

    async def _slot(self, slot: int, head: int) -> AsyncGenerator[Item, None]:
        after = self.live.place.get(slot, 0)
        while after < head:
            page = await self.feeds.stretch(self.workspace_id, slot, after=after, upto=head, limit=_PAGE)
            if not page:
                return
            for item in page:
                yield item
            after = page[-1].seq

    def _cursor(self) -> str:
        return cursors.written(self.secret, self.name, self.live.place)


async def _merged(sources: list[AsyncGenerator[Item, None]]) -> AsyncGenerator[Item, None]:
    """The items of every source by id, which is by time; each source keeps its own order."""
    waiting: list[tuple[str, int, Item]] = []
    for number, source in enumerate(sources):
        await _push(waiting, number, source)
    while waiting:
        _, number, item = heapq.heappop(waiting)
        yield item
        await _push(waiting, number, sources[number])


async def _push(waiting: list[tuple[str, int, Item]], number: int, source: AsyncIterator[Item]) -> None:
    item = await anext(source, None)
    if item is not None:
        heapq.heappush(waiting, (item.id, number, item))
