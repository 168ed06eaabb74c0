"""The feed of clicks: live, resumable, without holes or duplicates, bounded."""

import asyncio
import contextlib
import random
import time
import tracemalloc
from collections import Counter

import msgspec
import pytest

from app.services import Services
from domain import cursors
from domain.click_filters import ClickFilter
from domain.clicks import Click, ClickKind, ClicksCommitted, Device
from domain.errors import BadCursor, Lagged
from domain.feeds import GapReason
from storage.ledgers import Ledger
from subscriptions.replay import LiveFeeds
from subscriptions.subscribers import Subscriber
from tests.delivery.workers import entries, new_id, visit
from tests.subscriptions.readers import WORKSPACE, commit, reading, the_subscriber


async def test_the_first_frame_comes_at_once_and_a_click_follows(
    only_news: None, opened: Services, ledger: Ledger
) -> None:
    """Nothing is replayed without a cursor; a click after a pause comes alone and at once."""
    await commit(opened, ledger, [visit()])
    async with reading(opened) as reader:
        first = await reader.next()
        assert first.items == ()
        (click,) = await commit(opened, ledger, [visit()])
        batch = await reader.next()
        assert batch.items == (click,)
        assert batch.gap is None


async def test_a_reconnect_gets_exactly_what_it_missed(opened: Services, ledger: Ledger) -> None:
    """RT-12: with its cursor a reader gets exactly the missed clicks, in order, then the live ones."""
    async with reading(opened) as reader:
        await reader.next()
        await commit(opened, ledger, [visit()] * 3)
        await reader.until(3)
        cursor = reader.cursor
    missed = await commit(opened, ledger, [visit()] * 120)
    async with reading(opened, cursor) as reader:
        await reader.until(120)
        assert reader.clicks == missed
        (live,) = await commit(opened, ledger, [visit()])
        assert (await reader.next()).items == (live,)


async def test_a_burst_comes_whole_with_exact_totals(opened: Services, ledger: Ledger) -> None:
    """RT-16: ten thousand clicks on one link: each once, in order, and the figures agree."""
    record = visit(link_id=new_id("lnk"))
    async with reading(opened) as reader:
        await reader.next()
        watching = asyncio.create_task(reader.until(10_000, 60))
        committed = [click for _ in range(10) for click in await commit(opened, ledger, [record] * 1_000)]
        await watching
    assert [click.id for click in reader.clicks] == [click.id for click in committed]
    figures = await opened.stats.by_links(WORKSPACE, [str(record.link_id)])
    assert figures[str(record.link_id)].clicks == 10_000


async def test_every_frame_has_a_cursor_to_go_on_from(opened: Services, ledger: Ledger) -> None:
    """RT-12: whichever frame was the last one, its cursor continues behind its last click."""
    async with reading(opened) as reader:
        cursor = (await reader.next()).cursor
    clicks = await commit(opened, ledger, [visit()] * 130)
    seen: list[Click] = []
    for _ in range(3):
        async with reading(opened, cursor) as reader:
            batch = await reader.next()
            seen += batch.items
            cursor = batch.cursor
    assert seen == clicks


async def test_what_redis_did_not_tell_comes_within_seconds(opened: Services, ledger: Ledger) -> None:
    """A worker that died between commit and publish costs a viewer a second, never a click."""
    async with reading(opened) as reader:
        await reader.next()
        (click,) = await commit(opened, ledger, [visit()], tell=False)
        assert (await reader.next()).items == (click,)


async def test_a_hole_is_filled_before_what_comes_behind_it(opened: Services, ledger: Ledger) -> None:
    """News that do not follow on what was seen wait until the ledger has told what lies between."""
    async with reading(opened) as reader:
        await reader.next()
        clicks = await commit(opened, ledger, [visit()] * 3, tell=False)
        clicks += await commit(opened, ledger, [visit()])
        await reader.until(4)
        assert reader.clicks == clicks


async def test_news_told_twice_or_late_are_delivered_once(opened: Services, ledger: Ledger) -> None:
    """A message of clicks that were seen already changes nothing."""
    async with reading(opened) as reader:
        await reader.next()
        first = await commit(opened, ledger, [visit()])
        await reader.until(1)
        told = msgspec.msgpack.encode((0, 1, 1, first))
        await opened.redis.publish(f"{opened.settings.mongodb_database}:clicks:{WORKSPACE}", told)
        await opened.redis.publish(f"{opened.settings.mongodb_database}:clicks:{WORKSPACE}", b"\xc1")
        second = await commit(opened, ledger, [visit()])
        await reader.until(2)
        assert reader.clicks == first + second


async def test_other_workspaces_are_invisible(opened: Services, ledger: Ledger) -> None:
    """RT-07: no event of another workspace, and its cursor is as good as garbage."""
    other = new_id("ws")
    async with reading(opened, workspace_id=other) as stranger, reading(opened) as reader:
        await stranger.next()
        await reader.next()
        await commit(opened, ledger, [visit()])
        await reader.until(1)
        with pytest.raises(TimeoutError):
            await stranger.next(0.3)
    with pytest.raises(BadCursor):
        async with reading(opened, reader.cursor, workspace_id=other) as stranger:
            await stranger.next()


@pytest.mark.parametrize("cursor", ["", "garbage", "é", "AAAA", "A" * 100, "=" * 9, "\0"])
async def test_garbage_is_no_cursor(opened: Services, cursor: str) -> None:
    """RT-13: a damaged or made-up cursor is BAD_CURSOR."""
    with pytest.raises(BadCursor):
        async with reading(opened, cursor) as reader:
            await reader.next()


async def test_a_cursor_of_another_history_is_told(opened: Services, ledger: Ledger) -> None:
    """RT-13: another epoch, or a place the ledger never reached, gives a gap; then the feed is live."""
    secret = await cursor_secret(opened)
    old = cursors.written(msgspec.structs.replace(secret, epoch="before"), WORKSPACE, {0: 5})
    future = cursors.written(secret, WORKSPACE, {0: 10**9})
    for cursor in (old, future):
        async with reading(opened, cursor) as reader:
            gap = (await reader.next()).gap
            assert gap is not None
            assert (gap.reason, gap.resume_from) == (GapReason.EPOCH_CHANGED, reader.cursor)
            (click,) = await commit(opened, ledger, [visit()])
            assert (await reader.next()).items == (click,)


async def test_history_that_is_gone_is_told(opened: Services, ledger: Ledger) -> None:
    """RT-13: clicks that are not kept any more are counted in a gap, the others follow."""
    async with reading(opened) as reader:
        cursor = (await reader.next()).cursor
    clicks = await commit(opened, ledger, [visit()] * 10)
    await opened.database.clicks.delete_many({"seq": {"$lte": 4}})
    async with reading(opened, cursor) as reader:
        gap = (await reader.next()).gap
        assert gap is not None
        assert (gap.reason, gap.missed) == (GapReason.HISTORY_EXPIRED, 4)
        await reader.until(6)
        assert reader.clicks == clicks[4:]


async def test_a_slow_reader_is_told_and_let_go(opened: Services, ledger: Ledger) -> None:
    """RT-10: one gap LAGGED with what was missed and where to resume, then the end; memory stays bounded."""
    async with reading(opened) as reader:
        await reader.next()
        clicks = await commit(opened, ledger, [visit()] * 60)
        await reader.next()
        subscriber = the_subscriber(opened)
        for _ in range(2):
            clicks += await commit(opened, ledger, [visit()] * 900)
        await until(lambda: subscriber.missed > 0)
        assert len(subscriber) == 0
        batch = await reader.next()
        while batch.gap is None:
            batch = await reader.next()
        assert batch.gap.reason is GapReason.LAGGED
        assert batch.gap.resume_from == batch.cursor
        with pytest.raises(Lagged):
            await reader.next()
    missed = batch.gap.missed
    async with reading(opened, batch.cursor) as again:
        await again.until(len(clicks) - len(reader.clicks))
        assert reader.clicks + again.clicks == clicks
        assert missed is not None
        assert 0 < missed <= len(again.clicks)


@pytest.mark.parametrize("destination", ["https://example.com/", "https://example.com/" + "x" * 8_000])
def test_what_may_wait_is_below_a_mebibyte(destination: str) -> None:
    """RT-10: what a reader that reads nothing holds, measured, whatever the length of its clicks' texts."""
    utm = ("newsletter", "email", "spring", None, "b" * 100)
    records = [
        visit(referrer=f"{number}.example.com", tags=("one", "two" * 10), destination=destination, utm=utm)
        for number in range(100)
    ]
    news = ClicksCommitted(0, 1, 100, tuple(each.click for each in entries("0" * 26, *records)))
    message = msgspec.msgpack.encode(news)
    subscriber = Subscriber(ClickFilter())
    tracemalloc.start()
    try:
        before, most = tracemalloc.get_traced_memory()[0], 0
        while not subscriber.missed:
            subscriber.offer(msgspec.msgpack.decode(message, type=ClicksCommitted).clicks[:20])
            most = max(most, tracemalloc.get_traced_memory()[0] - before)
    finally:
        tracemalloc.stop()
    assert 256 * 1024 < most < 1024 * 1024
    assert len(subscriber) == 0


async def test_a_large_message_is_no_reason_to_call_a_reader_slow(opened: Services, ledger: Ledger) -> None:
    """A hundred clicks of 8 kB each come at once to a reader that has read everything before."""
    async with reading(opened) as reader:
        await reader.next()
        clicks = await commit(opened, ledger, [visit(destination="https://example.com/" + "x" * 8_000)] * 100)
        await reader.until(100)
        assert reader.clicks == clicks


async def test_a_quiet_feed_shows_that_it_lives(opened: Services) -> None:
    """An empty batch with a fresh cursor every 30 s (here: every 0.1 s)."""
    feeds = opened.click_feed._feeds
    quiet = LiveFeeds(feeds, opened.click_feed.hub, quiet_seconds=0.1)
    batches = quiet.follow(WORKSPACE, ClickFilter(), None)
    async with asyncio.timeout(30):
        found = [await anext(batches) for _ in range(3)]
    assert [batch.items for batch in found] == [(), (), ()]
    await batches.aclose()


async def test_only_wanted_clicks_come_and_the_cursor_moves_on(opened: Services, ledger: Ledger) -> None:
    """Filters hold for what is live and for what is replayed."""
    links = [new_id("lnk"), new_id("lnk")]
    wanted = [
        ClickFilter(link_ids=frozenset({links[1]})),
        ClickFilter(kinds=frozenset({ClickKind.BOT})),
        ClickFilter(countries=frozenset({"GB"})),
        ClickFilter(devices=frozenset({Device.BOT})),
        ClickFilter(tags=frozenset({"spring", "other"})),
        ClickFilter(link_ids=frozenset()),
    ]
    async with reading(opened) as everything:
        start = (await everything.next()).cursor
    records = [
        visit(link_id=links[0]),
        visit(link_id=links[1], agent="curl/8", country="GB", tags=("spring",)),
    ]
    clicks = await commit(opened, ledger, records)
    for each in wanted[:-1]:
        async with reading(opened, start, each) as reader:
            assert (await reader.next()).items == (clicks[1],)
    async with reading(opened, start, wanted[-1]) as reader:
        batch = await reader.next()
        assert batch.items == ()
        assert batch.cursor != start
    async with reading(opened, None, wanted[0]) as reader:
        await reader.next()
        clicks = await commit(opened, ledger, records)
        assert (await reader.next()).items == (clicks[1],)


async def test_a_clock_that_steps_back_keeps_the_feed_going(opened: Services, ledger: Ledger) -> None:
    """CL-14: clicks with earlier instants come behind those that were committed before them."""
    at_ms = visit().at_ms
    async with reading(opened) as reader:
        cursor = (await reader.next()).cursor
        first = await commit(opened, ledger, [visit(at_ms=at_ms)])
        second = await commit(opened, ledger, [visit(at_ms=at_ms - 600_000)])
        await reader.until(2)
        assert reader.clicks == first + second
    async with reading(opened, cursor) as reader:
        await reader.until(2)
        assert reader.clicks == first + second


@pytest.mark.parametrize("seed", range(5))
async def test_interleaved_workers_never_hide_a_click(opened: Services, seed: int) -> None:
    """RT-12: three workers commit at once, some untold; a reader that reconnects at random sees each once."""
    dice = random.Random(seed)
    committed: list[str] = []

    async def work(slot: int) -> None:
        async with Ledger(opened.database, opened.clock) as ledger:
            for _ in range(12):
                records = [visit(at_ms=time.time_ns() // 1_000_000 - dice.randrange(50))] * dice.randrange(
                    1, 80
                )
                clicks = await commit(opened, ledger, records, slot=slot, tell=dice.random() < 0.8)
                committed.extend(click.id for click in clicks)
                await asyncio.sleep(dice.uniform(0, 0.05))  # workers of different speed

    async with reading(opened) as reader:
        cursor = (await reader.next()).cursor
    seen: list[str] = []
    working = asyncio.gather(*(work(slot) for slot in range(3)))
    async with asyncio.timeout(30):
        while not working.done() or len(seen) < len(committed):
            async with reading(opened, cursor) as reader:
                with contextlib.suppress(TimeoutError):  # all was seen before the last worker ended
                    for _ in range(dice.randrange(1, 8)):
                        await reader.next(3)
                seen += [click.id for click in reader.clicks]
                cursor = reader.cursor or cursor
    assert Counter(seen) == Counter(committed)


async def test_a_feed_ends_with_its_last_reader(only_news: None, opened: Services, ledger: Ledger) -> None:
    """Nothing is listened to, kept or counted for a workspace that nobody views."""
    hub = opened.click_feed.hub
    async with reading(opened) as one, reading(opened) as two:
        await one.next()
        await two.next()
        assert (len(hub._viewed), hub.counts.subscribers) == (1, 2)
    assert (len(hub._viewed), hub.counts.subscribers) == (0, 0)
    async with reading(opened) as reader:
        await reader.next()
        (click,) = await commit(opened, ledger, [visit()])
        assert (await reader.next()).items == (click,)


async def cursor_secret(opened: Services) -> cursors.Secret:
    return await opened.click_feed._feeds.secret()


async def until(done: object, seconds: float = 30) -> None:
    assert callable(done)
    async with asyncio.timeout(seconds):
        while not done():
            await asyncio.sleep(0.01)  # plain attributes raise no events
