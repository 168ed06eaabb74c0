"""From one listener to many subscribers: the feed of each viewed workspace, in order and without holes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from domain.errors import Unavailable
from domain.feeds import Committed, Feeds, Heads, Item, News, Wanted
from subscriptions.subscribers import Subscriber
from subscriptions.wants import Wants

SILENCE_SECONDS: Final = 1.0
"""How often the heads of all viewed workspaces are read, in one query: they show what Redis did not tell."""
WAITING_MESSAGES: Final = 50
COURTESY_SECONDS: Final = 0.1
"""How long the next piece of news waits for full readers: a backlog comes at their pace, and who is slower
than this lags soon and holds nobody up any more."""
_PAGE: Final = 100
"""Items that are read at once, as many as one message of news has."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """What the metrics export.

    Args:
        subscribers: that listen now; all identical subscriptions together are one.
        holes: times that clicks were read from the ledger because Redis had not told of them.
        lagged: subscribers that were too slow.
    """

    subscribers: int = field(default=0, metadata={"gauge": True})
    holes: int = 0
    lagged: int = 0


class Listener(Protocol):
    """Somebody who hears every item of a workspace, in the order of each slot."""

    room: asyncio.Event
    """Not set: so much waits here that the next piece of news may wait a little."""

    def offer(self, slot: int, items: Sequence[Any], /) -> None:
        """Take the next items of a slot; must not take long."""
        ...


class _Feed:
    """One viewed workspace: puts news in order, and fills what they left out from the ledger."""

    def __init__(self, workspace_id: str, feeds: Feeds, counts: Counts) -> None:
        self.listeners: set[Listener] = set()
        self.wants = Wants()
        self.viewers = 0
        self.inbox: asyncio.Queue[Committed | Heads] = asyncio.Queue(WAITING_MESSAGES)
        self.starting = asyncio.Lock()
        self.work: asyncio.Task[None] | None = None
        self._workspace_id = workspace_id
        self._feeds = feeds
        self._counts = counts
        self._has_ended = False
        self.seen: Heads = {}

    async def start(self, news: News) -> None:
        """Begin where the ledger is now; raises Unavailable."""
        async with self.starting:
            if self.work is None:
                await news.watch(self._workspace_id)
                self.seen = await self._feeds.heads(self._workspace_id)
                self.work = asyncio.create_task(self._run(), name=f"feed {self._workspace_id}")

    def put(self, item: Committed | Heads) -> None:
        """Hand news to the feed; what does not fit is a hole, which the next heads show."""
        if not self.inbox.full():
            self.inbox.put_nowait(item)

    def end(self) -> None:
        """Take nothing in any more."""
        self._has_ended = True
        if self.work is not None:
            self.work.cancel()

    async def _run(self) -> None:
        while not self._has_ended:  # a driver may drop the cancellation, see app.tasks.end
            item = await self.inbox.get()
            try:
                if isinstance(item, dict):
                    await self._catch_up(item)
                else:
                    await self._hear(item)
            except Unavailable as error:
                _log.warning("a hole in a feed waits until MongoDB is back: %s", error)
            except Exception:  # noqa: BLE001 - the rim: heads show what is missing
                _log.exception("news could not be taken in")

    async def _hear(self, news: Committed) -> None:
        seen = self.seen.get(news.slot, 0)
        if news.first > seen + 1:
            await self._fill(news.slot, news.first - 1)
            seen = news.first - 1
        if news.last > seen:
            await self._deliver(news.slot, news.items[seen + 1 - news.first :])

    async def _catch_up(self, heads: Heads) -> None:
        for slot, head in heads.items():
            if head > self.seen.get(slot, 0):
                await self._fill(slot, head)

    async def _fill(self, slot: int, upto: int) -> None:
        self._counts.holes += 1
        while (after := self.seen.get(slot, 0)) < upto:
            items = await self._feeds.stretch(self._workspace_id, slot, after=after, upto=upto, limit=_PAGE)
            if not items:
                self.seen[slot] = upto
                return
            await self._deliver(slot, items)

    async def _deliver(self, slot: int, items: Sequence[Item]) -> None:
        offered = self.wants.offer(items)
        for listener in self.listeners:
            listener.offer(slot, items)
        self.seen[slot] = items[-1].seq
        rooms = [each.room for each in offered] + [each.room for each in self.listeners]
        full = [room.wait() for room in rooms if not room.is_set()]
        if full:
            with suppress(TimeoutError):
                async with asyncio.timeout(COURTESY_SECONDS):
                    await asyncio.gather(*full)


class Hub:
    """The feeds of this process.

    Args:
        feeds: the ledger.
        news: what Redis tells.
    """

    def __init__(self, feeds: Feeds, news: News) -> None:
        self.counts = Counts()
        self._ledger = feeds
        self._news = news
        self._viewed: dict[str, _Feed] = {}

    async def listen(self) -> None:
        """Hear what Redis tells, for ever."""
        await self._news.keep(self._hear)

    async def look_after(self) -> None:
        """Find what Redis did not tell, for ever."""
        while True:
            await asyncio.sleep(SILENCE_SECONDS)  # the interval is what is promised
            try:
                await self._compare()
            except Unavailable as error:
                _log.warning("feeds cannot be compared with the ledger: %s", error)

    @asynccontextmanager
    async def subscribed(self, workspace_id: str, wanted: Wanted) -> AsyncIterator[Subscriber]:
        """A subscriber that gets every wanted click committed from now on; raises Unavailable."""
        subscriber = Subscriber(wanted)
        async with self._viewing(workspace_id) as feed:
            feed.wants.add(subscriber)
            self.counts.subscribers += 1
            try:
                await feed.start(self._news)
                subscriber.seen = feed.seen
                yield subscriber
            finally:
                self.counts.subscribers -= 1
                feed.wants.discard(subscriber)

    @asynccontextmanager
    async def listening(self, workspace_id: str, listener: Listener) -> AsyncIterator[Heads]:
        """Offer a listener every click behind the place that is given; raises Unavailable."""
        async with self._viewing(workspace_id) as feed:
            feed.listeners.add(listener)
            try:
                await feed.start(self._news)
                yield dict(feed.seen)
            finally:
                feed.listeners.discard(listener)

    @asynccontextmanager
    async def _viewing(self, workspace_id: str) -> AsyncIterator[_Feed]:
        """The feed of a workspace, which ends with its last viewer."""
        feed = self._viewed.get(workspace_id)
        if feed is None:
            feed = self._viewed[workspace_id] = _Feed(workspace_id, self._ledger, self.counts)
        feed.viewers += 1
        try:
            yield feed
        finally:
            feed.viewers -= 1
            if not feed.viewers:
                await self._close(workspace_id, feed)

    async def _close(self, workspace_id: str, feed: _Feed) -> None:
        del self._viewed[workspace_id]
        feed.end()
        await self._news.unwatch(workspace_id)

    def _hear(self, workspace_id: str, news: Committed) -> None:
        feed = self._viewed.get(workspace_id)
        if feed is not None:
            feed.put(news)

    async def _compare(self) -> None:
        heads = await self._ledger.heads_of_all(list(self._viewed)) if self._viewed else {}
        for workspace_id, each in heads.items():
            feed = self._viewed.get(workspace_id)
            if feed is not None:
                feed.put(each)
