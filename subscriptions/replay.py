"""A reader's way through a feed: what it missed since its cursor, then live, each click exactly once."""

import asyncio
import heapq
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from domain import cursors
from domain.click_filters import ClickFilter
from domain.clicks import Click
from domain.cursors import Place, Secret
from domain.errors import Lagged
from domain.feeds import CLICKS_PER_BATCH, Batch, Feeds, Gap, GapReason, Heads
from subscriptions.hub import Hub
from subscriptions.subscribers import Subscriber

PACE_SECONDS: Final = 0.05
"""Under load a batch collects for so long; a click after a pause is delivered at once."""
QUIET_SECONDS: Final = 30.0
"""A quiet feed tells its cursor anew so often."""
_PAGE: Final = 500
_PATIENCE: Final = 5


class ClickFeeds:
    """Follows the feeds of one process.

    Args:
        feeds: the ledger.
        hub: what is live.
        quiet_seconds: see QUIET_SECONDS.
    """

    def __init__(self, feeds: Feeds, hub: Hub, *, quiet_seconds: float = QUIET_SECONDS) -> None:
        self.hub = hub
        self._feeds = feeds
        self._quiet_seconds = quiet_seconds

    async def follow(
        self, workspace_id: str, wanted: ClickFilter, after: str | None
    ) -> AsyncGenerator[Batch, None]:
        """See domain.feeds.ClickFeed.

        The subscriber is registered before the heads are read: a click is at or below the heads and found in
        the ledger, or above them and delivered live.
        """
        secret = await self._feeds.secret()
        start = None if after is None else cursors.read(secret, workspace_id, after)
        async with self.hub.subscribed(workspace_id, wanted) as live:
            reader = _Reader(workspace_id, secret, wanted, self._feeds, live)
            async with aclosing(reader.begin(start)) as batches:
                async for batch in batches:
                    yield batch
            async with aclosing(self._live(reader)) as batches:
                async for batch in batches:
                    yield batch

    async def _live(self, reader: "_Reader") -> AsyncGenerator[Batch, None]:
        live, last = reader.live, 0.0
        while True:
            if not await self._news(live):
                live.take(0)
                yield reader.batch()
                continue
            pause = last + PACE_SECONDS - time.monotonic()
            if pause > 0 and len(live) < CLICKS_PER_BATCH:
                await asyncio.sleep(pause)  # the pace itself: more clicks of a burst come into one batch
            if live.missed:
                self.hub.counts.lagged += 1
                yield reader.batch(gap=reader.lag())
                raise Lagged("The subscription is read too slowly; go on from the gap's resumeFrom.")
            clicks = live.take(CLICKS_PER_BATCH)
            last = time.monotonic()
            if clicks:
                yield reader.batch(clicks)

    async def _news(self, live: Subscriber) -> bool:
        try:
            async with asyncio.timeout(self._quiet_seconds):
                await live.news.wait()
        except TimeoutError:
            return False
        return True


@dataclass
class _Reader:
    """One reader: where it stands, and how to get it to where the feed is live."""

    workspace_id: str
    secret: Secret
    wanted: ClickFilter
    feeds: Feeds
    live: Subscriber
    _begun: bool = field(default=False)

    def batch(self, clicks: tuple[Click, ...] = (), gap: Gap | None = None) -> Batch:
        """The frame of `clicks`, with the cursor of where the reader stands then."""
        self._begun = True
        return Batch(clicks=clicks, cursor=self._cursor(), gap=gap)

    def lag(self) -> Gap:
        """What to tell a reader that was too slow."""
        return Gap(reason=GapReason.LAGGED, missed=self.live.missed, resume_from=self._cursor())

    async def begin(self, start: Place | None) -> AsyncGenerator[Batch, None]:
        """Everything from `start` to where the feed is live; at least one frame."""
        heads = await self._heads(start)
        if start is None or not self._continues(start, heads):
            self.live.start(heads)
            lost = None if start is None else GapReason.EPOCH_CHANGED
            yield self.batch(gap=None if lost is None else Gap(reason=lost, resume_from=self._cursor()))
            return
        self.live.start(start.heads)
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
        if not self._begun:
            yield self.batch()

    async def _heads(self, start: Place | None) -> Heads:
        """The heads; a new primary may be a moment behind a cursor that another one gave."""
        for _ in range(_PATIENCE):
            heads = await self.feeds.heads(self.workspace_id)
            if start is None or self._continues(start, heads):
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
        """Wanted clicks up to `heads`, by time over all slots, and in commit order within each."""
        waiting: list[Click] = []
        async with aclosing(_merged([self._slot(slot, head) for slot, head in heads.items()])) as clicks:
            async for click in clicks:
                self.live.place[click.slot] = click.seq
                if self.wanted.matches(click):
                    waiting.append(click)
                if len(waiting) == CLICKS_PER_BATCH:
                    yield self.batch(tuple(waiting))
                    waiting.clear()
        if waiting:
            yield self.batch(tuple(waiting))

    async def _slot(self, slot: int, head: int) -> AsyncGenerator[Click, None]:
        after = self.live.place.get(slot, 0)
        while after < head:
            page = await self.feeds.stretch(self.workspace_id, slot, after=after, upto=head, limit=_PAGE)
            if not page:
                return
            for click in page:
                yield click
            after = page[-1].seq

    def _cursor(self) -> str:
        return cursors.written(self.secret, self.workspace_id, self.live.place)


async def _merged(sources: list[AsyncGenerator[Click, None]]) -> AsyncGenerator[Click, None]:
    """The clicks of every source by id, which is by time; each source keeps its own order."""
    waiting: list[tuple[str, int, Click]] = []
    for number, source in enumerate(sources):
        await _push(waiting, number, source)
    while waiting:
        _, number, click = heapq.heappop(waiting)
        yield click
        await _push(waiting, number, sources[number])


async def _push(waiting: list[tuple[str, int, Click]], number: int, source: AsyncIterator[Click]) -> None:
    click = await anext(source, None)
    if click is not None:
        heapq.heappush(waiting, (click.id, number, click))
