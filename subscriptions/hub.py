"""From one listener to many subscribers: the feed of each viewed workspace, in order and without holes."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from sys import getsizeof
from typing import Final

from domain.click_filters import ClickFilter
from domain.clicks import Click, ClicksCommitted
from domain.errors import Unavailable
from domain.feeds import Feeds, Heads, News

SILENCE_SECONDS: Final = 1.0
"""How often the heads of all viewed workspaces are read, in one query: they show what Redis did not tell."""
WAITING_BYTES: Final = 768 * 1024
"""What may wait for a subscriber, with the batch on its way below 1 MiB: about 400 ordinary clicks."""
WAITING_MESSAGES: Final = 50
COURTESY_SECONDS: Final = 0.1
"""How long the next piece of news waits for full readers: a backlog comes at their pace, and who is slower
than this lags soon and holds nobody up any more."""
CLICK_BYTES: Final = 1_200
"""A click's fixed part: the struct, its ids and its short texts, measured with tracemalloc."""
_PAGE: Final = 100
"""Clicks that are read at once, as many as one message of news has."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """What the metrics export.

    Args:
        subscribers: that listen now.
        holes: times that clicks were read from the ledger because Redis had not told of them.
        lagged: subscribers that were too slow.
    """

    subscribers: int = field(default=0, metadata={"gauge": True})
    holes: int = 0
    lagged: int = 0


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


class _Feed:
    """One viewed workspace: puts news in order, and fills what they left out from the ledger."""

    def __init__(self, workspace_id: str, feeds: Feeds, counts: Counts) -> None:
        self.subscribers: set[Subscriber] = set()
        self.inbox: asyncio.Queue[ClicksCommitted | Heads] = asyncio.Queue(WAITING_MESSAGES)
        self.starting = asyncio.Lock()
        self.work: asyncio.Task[None] | None = None
        self._workspace_id = workspace_id
        self._feeds = feeds
        self._counts = counts
        self._seen: Heads = {}

    async def start(self, news: News) -> None:
        """Begin where the ledger is now; raises Unavailable."""
        async with self.starting:
            if self.work is None:
                await news.watch(self._workspace_id)
                self._seen = await self._feeds.heads(self._workspace_id)
                self.work = asyncio.create_task(self._run(), name=f"feed {self._workspace_id}")

    def put(self, item: ClicksCommitted | Heads) -> None:
        """Hand news to the feed; what does not fit is a hole, which the next heads show."""
        if not self.inbox.full():
            self.inbox.put_nowait(item)

    async def _run(self) -> None:
        while True:
            item = await self.inbox.get()
            try:
                if isinstance(item, ClicksCommitted):
                    await self._hear(item)
                else:
                    await self._catch_up(item)
            except Unavailable as error:
                _log.warning("a hole in a feed waits until MongoDB is back: %s", error)
            except Exception:  # noqa: BLE001 - the rim: heads show what is missing
                _log.exception("news could not be taken in")

    async def _hear(self, news: ClicksCommitted) -> None:
        seen = self._seen.get(news.slot, 0)
        if news.first > seen + 1:
            await self._fill(news.slot, news.first - 1)
            seen = news.first - 1
        if news.last > seen:
            await self._deliver(news.slot, news.clicks[seen + 1 - news.first :])

    async def _catch_up(self, heads: Heads) -> None:
        for slot, head in heads.items():
            if head > self._seen.get(slot, 0):
                await self._fill(slot, head)

    async def _fill(self, slot: int, upto: int) -> None:
        self._counts.holes += 1
        while (after := self._seen.get(slot, 0)) < upto:
            clicks = await self._feeds.stretch(self._workspace_id, slot, after=after, upto=upto, limit=_PAGE)
            if not clicks:
                self._seen[slot] = upto
                return
            await self._deliver(slot, clicks)

    async def _deliver(self, slot: int, clicks: Sequence[Click]) -> None:
        for subscriber in self.subscribers:
            subscriber.offer(slot, clicks)
        self._seen[slot] = clicks[-1].seq
        full = [subscriber.room.wait() for subscriber in self.subscribers if not subscriber.room.is_set()]
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
    async def subscribed(self, workspace_id: str, wanted: ClickFilter) -> AsyncIterator[Subscriber]:
        """A subscriber that gets every wanted click committed from now on; raises Unavailable."""
        subscriber = Subscriber(wanted)
        feed = self._viewed.setdefault(workspace_id, _Feed(workspace_id, self._ledger, self.counts))
        feed.subscribers.add(subscriber)
        self.counts.subscribers += 1
        try:
            await feed.start(self._news)
            yield subscriber
        finally:
            self.counts.subscribers -= 1
            feed.subscribers.discard(subscriber)
            if not feed.subscribers:
                await self._close(workspace_id, feed)

    async def _close(self, workspace_id: str, feed: _Feed) -> None:
        del self._viewed[workspace_id]
        if feed.work is not None:
            feed.work.cancel()
        await self._news.unwatch(workspace_id)

    def _hear(self, workspace_id: str, news: ClicksCommitted) -> None:
        feed = self._viewed.get(workspace_id)
        if feed is not None:
            feed.put(news)

    async def _compare(self) -> None:
        heads = await self._ledger.heads_of_all(list(self._viewed)) if self._viewed else {}
        for workspace_id, each in heads.items():
            feed = self._viewed.get(workspace_id)
            if feed is not None:
                feed.put(each)
