"""The feeds that this process follows: from a cursor to what is live, then everything as it is committed."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Final

from domain import cursors
from domain.errors import Lagged
from domain.feeds import ITEMS_PER_BATCH, Batch, Feeds, Wanted
from subscriptions.hub import Hub
from subscriptions.live import TOO_SLOW, Live
from subscriptions.readers import Reader
from subscriptions.subscribers import Subscriber

PACE_SECONDS: Final = 0.05
"""Under load a batch collects for so long; a click after a pause is delivered at once."""
QUIET_SECONDS: Final = 30.0
"""A quiet feed tells its cursor anew so often."""


class LiveFeeds:
    """Follows the feeds of one process.

    Args:
        feeds: the ledger.
        hub: what is live.
        quiet_seconds: see QUIET_SECONDS.
        kind: keeps cursors of these feeds apart from others'.
    """

    def __init__(
        self, feeds: Feeds, hub: Hub, *, quiet_seconds: float = QUIET_SECONDS, kind: str = ""
    ) -> None:
        self.hub = hub
        self._feeds = feeds
        self._quiet_seconds = quiet_seconds
        self._kind = kind

    async def follow(
        self, workspace_id: str, wanted: Wanted, after: str | None
    ) -> AsyncGenerator[Batch, None]:
        """See domain.feeds.LiveFeed."""
        async with aclosing(self.shared(workspace_id, wanted, after)) as batches:
            async for batch in batches:
                if isinstance(batch, Live):
                    batch.leads, batch.is_alone = True, True
                else:
                    yield batch

    async def shared(
        self, workspace_id: str, wanted: Wanted, after: str | None
    ) -> AsyncGenerator[Batch | Live, None]:
        """The same for a reader that may join others: `Live` stands where it has caught up.

        The subscriber is registered before the heads are read: a click is at or below the heads and found in
        the ledger, or above them and delivered live.
        """
        secret = await self._feeds.secret()
        name = workspace_id + self._kind
        start = None if after is None else cursors.read(secret, name, after)
        async with self.hub.subscribed(workspace_id, wanted) as waiting:
            reader = Reader(workspace_id, name, secret, wanted, self._feeds, waiting)
            live = Live(reader, self.hub.counts)
            async with aclosing(reader.begin(start)) as batches:
                async for batch in batches:
                    yield batch
            yield live
            while not live.leads:
                async with aclosing(self._approach(reader, live)) as batches:
                    async for batch in batches:
                        yield batch
                yield live
            async with aclosing(self._live(reader, live)) as batches:
                async for batch in batches:
                    yield batch

    async def _approach(self, reader: Reader, live: Live) -> AsyncGenerator[Batch, None]:
        """What the leader of a group has taken already and this reader has not; no click that it has not."""
        if reader.live.missed:
            async with aclosing(reader.catch_up()) as batches:
                async for batch in batches:
                    yield batch
        elif live.lacking > 0:
            items = reader.live.take(min(live.lacking, ITEMS_PER_BATCH))
            if items:
                yield reader.batch(items)
        else:
            await asyncio.sleep(PACE_SECONDS)  # the leader takes what it has in this time

    async def _live(self, reader: Reader, live: Live) -> AsyncGenerator[Batch, None]:
        waiting, last = reader.live, 0.0
        while True:
            if not await self._news(waiting):
                waiting.take(0)
                yield reader.batch()
                continue
            await _pause(waiting, last + PACE_SECONDS - time.monotonic())
            if waiting.missed and not live.is_alone:
                async with aclosing(reader.catch_up()) as batches:
                    async for batch in batches:
                        yield batch
                continue
            if waiting.missed:
                yield live.lagging(waiting.missed)
                raise Lagged(TOO_SLOW)
            items = waiting.take(ITEMS_PER_BATCH)
            last = time.monotonic()
            if items:
                yield reader.batch(items)

    async def _news(self, waiting: Subscriber) -> bool:
        try:
            async with asyncio.timeout(self._quiet_seconds):
                await waiting.news.wait()
        except TimeoutError:
            return False
        return True


async def _pause(waiting: Subscriber, seconds: float) -> None:
    """The pace itself: more clicks of a burst come into one batch, until it is full."""
    if seconds > 0 and not waiting.plenty.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await waiting.plenty.wait()
