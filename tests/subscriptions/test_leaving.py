"""Who leaves a feed leaves nothing behind, however its leaving is interrupted."""

import asyncio
import contextlib
import secrets
from typing import Any

from app.services import Services
from domain.click_filters import EVERY_CLICK
from domain.clicks import Click
from storage.feeds import Feeds
from storage.ledgers import Ledger
from subscriptions.hub import Hub
from tests.delivery.workers import visit
from tests.subscriptions.readers import WORKSPACE, commit


class DeafFeeds(Feeds):
    """Drops a cancellation and answers all the same, as PyMongo can on Python 3.11."""

    reached: asyncio.Event

    async def stretch(
        self, workspace_id: str, slot: int, *, after: int, upto: int, limit: int
    ) -> list[Click]:
        self.reached.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return await super().stretch(workspace_id, slot, after=after, upto=upto, limit=limit)


async def test_a_feed_ends_even_where_its_cancellation_is_dropped(opened: Services, ledger: Ledger) -> None:
    """No task stays behind that waits for news which nobody brings any more."""
    deaf = DeafFeeds(opened.database, secrets.token_bytes)
    deaf.reached = asyncio.Event()
    hub = Hub(deaf, opened.click_feed.hub._news)
    async with hub.subscribed(WORKSPACE, EVERY_CLICK), asyncio.timeout(30):
        work = hub._viewed[WORKSPACE].work
        assert work is not None
        await commit(opened, ledger, [visit()])
        await hub._compare()
        await deaf.reached.wait()
    async with asyncio.timeout(30):
        await asyncio.wait([work])


async def test_a_channel_that_was_left_in_a_hurry_is_left(opened: Services) -> None:
    """Who is cancelled while it unsubscribes leaves no subscription of Redis behind."""
    news: Any = opened.click_feed.hub._news
    channel = news._prefix + WORKSPACE
    redis = news._redis

    async def listeners() -> int:
        return int((await redis.pubsub_numsub(channel))[0][1])

    await news.watch(WORKSPACE)
    async with asyncio.timeout(30):
        while await listeners() != 1:
            await asyncio.sleep(0.01)  # Redis tells only who asks
    async with news._telling:
        leaving = asyncio.create_task(news.unwatch(WORKSPACE))
        await asyncio.sleep(0)  # it waits for its turn
        leaving.cancel()
        await asyncio.wait([leaving])
    assert await listeners() == 1
    async with asyncio.timeout(30):
        while await listeners() != 0:
            await asyncio.sleep(0.05)
