"""Live figures of links: exact, at the pace that was asked for, read once for all who watch."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
import pytest

from app import api as apis
from app.services import Services
from domain.access import Scope
from domain.clicks import LinkStats
from domain.errors import Unavailable
from domain.feeds import Heads
from domain.visits import Outcome
from storage.ledgers import Ledger
from storage.stats import Stats
from subscriptions.boards import Boards
from tests.api.conftest import Api, workspace
from tests.api.test_results_url import Site
from tests.delivery.workers import Worker, new_id, visit
from tests.protocols.conftest import listening_on
from tests.redirect.sites import DOMAIN, serving_site
from tests.subscriptions.readers import WORKSPACE, commit

FEED = """subscription ($ids: [ID!]!, $every: Int) {
  linkStats(ids: $ids, everyMs: $every) { linkId clicks uniques bots } }"""
STATS = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Link { stats { linkId clicks uniques bots } } } }"
BROWSER = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Watching:
    """Watches links and remembers the latest figures of each."""

    def __init__(self, frames: AsyncGenerator[Sequence[LinkStats], None]) -> None:
        self.frames = frames
        self.seen: dict[str, LinkStats] = {}

    async def next(self, seconds: float = 30) -> Sequence[LinkStats]:
        async with asyncio.timeout(seconds):
            rows = await anext(self.frames)
        self.seen.update((row.link_id, row) for row in rows)
        return rows

    async def until(self, link_id: str, clicks: int) -> None:
        async with asyncio.timeout(30):
            while self.seen[link_id].clicks < clicks:
                await self.next()


@asynccontextmanager
async def watching(boards: Boards, *link_ids: str, every: float = 0.25) -> AsyncIterator[Watching]:
    frames = boards.follow(WORKSPACE, link_ids, every)
    try:
        yield Watching(frames)
    finally:
        await frames.aclose()


class Counted:
    """Figures, and how often they were read; away while `away`."""

    def __init__(self, stats: Stats) -> None:
        self.reads: list[list[str]] = []
        self.away = False
        self._stats = stats

    async def at_heads(self, workspace_id: str, link_ids: Sequence[str]) -> tuple[Any, Heads]:
        if self.away:
            raise Unavailable("The database does not answer right now; try again.")
        self.reads.append(list(link_ids))
        return await self._stats.at_heads(workspace_id, link_ids)


@pytest.fixture
def counted(opened: Services) -> Counted:
    return Counted(opened.stats)


@pytest.fixture
def boards(opened: Services, counted: Counted) -> Boards:
    return Boards(opened.click_feed.hub, counted)


async def test_all_come_at_once_and_then_what_changed(
    only_news: None, opened: Services, ledger: Ledger, boards: Boards
) -> None:
    busy, quiet = new_id("lnk"), new_id("lnk")
    await commit(opened, ledger, [visit(link_id=busy)] * 3)
    async with watching(boards, busy, quiet) as reader:
        first = await reader.next()
        assert [(row.link_id, row.clicks, row.uniques) for row in first] == [(busy, 3, 1), (quiet, 0, 0)]
        await commit(opened, ledger, [visit(link_id=busy, agent="curl/8"), visit(link_id=new_id("lnk"))])
        (row,) = await reader.next()
        assert (row.link_id, row.clicks, row.bots) == (busy, 3, 1)
        assert opened.click_feed.hub.counts.holes == 0  # Redis told, just connected as it was
        assert reader.seen == await opened.stats.by_links(WORKSPACE, [busy, quiet])


async def test_what_changes_nothing_sends_no_frame(opened: Services, ledger: Ledger, boards: Boards) -> None:
    link = new_id("lnk")
    async with watching(boards, link) as reader:
        await reader.next()
        await commit(opened, ledger, [visit(link_id=link, outcome=Outcome.PAUSED)])
        await commit(opened, ledger, [visit(link_id=link)])
        assert [row.clicks for row in await reader.next()] == [1]


async def test_a_busy_link_gives_one_frame_in_an_interval(
    opened: Services, ledger: Ledger, boards: Boards
) -> None:
    """However many clicks there are; the last frame has them all."""
    link, frames = new_id("lnk"), 0
    async with watching(boards, link, every=0.5) as reader:
        await reader.next()
        began = time.monotonic()

        async def work() -> None:
            for _ in range(20):
                await commit(opened, ledger, [visit(link_id=link)] * 50)

        working = asyncio.create_task(work())
        while reader.seen[link].clicks < 1_000:
            await reader.next()
            frames += 1
        assert frames <= (time.monotonic() - began) / 0.5 + 1
        await working


async def test_everybody_who_watches_shares_one_reading(
    opened: Services, ledger: Ledger, boards: Boards, counted: Counted
) -> None:
    """No query for each subscriber: a link is read once, and nothing is read while clicks come."""
    one, two = new_id("lnk"), new_id("lnk")
    async with watching(boards, one) as first, watching(boards, two, one) as second:
        await first.next()
        await second.next()
        for number in range(1, 5):
            await commit(opened, ledger, [visit(link_id=one)], tell=number != 3)
            await first.until(one, number)
            await second.until(one, number)
        assert counted.reads == [[one], [two]]
    assert boards._boards == {}
    async with asyncio.timeout(30):
        while opened.click_feed.hub._viewed:
            await asyncio.sleep(0.01)  # closed behind the last subscriber; a dictionary raises no event


async def test_figures_are_exact_whenever_one_begins_to_watch(
    opened: Services, ledger: Ledger, boards: Boards
) -> None:
    """CL-13: two workers commit, some of it untold, while watchers come and go."""
    link, total = new_id("lnk"), 40
    async with Ledger(opened.database, opened.clock) as other:

        async def work(own: Ledger, slot: int) -> None:
            for number in range(total // 2):
                await commit(opened, own, [visit(link_id=link)] * 5, slot=slot, tell=number % 4 != 0)

        working = asyncio.gather(work(ledger, 0), work(other, 1))
        for _ in range(6):
            async with watching(boards, link) as reader:
                await reader.next()
        async with watching(boards, link) as reader:
            await reader.next()
            await working
            await reader.until(link, total * 5)
            assert reader.seen == await opened.stats.by_links(WORKSPACE, [link])


async def test_a_hole_is_made_up_for_even_where_its_clicks_are_gone(
    opened: Services, ledger: Ledger, boards: Boards, counted: Counted
) -> None:
    """What retention removed before the hub could read it still counts; MongoDB may be away meanwhile."""
    link = new_id("lnk")
    async with watching(boards, link) as reader:
        await reader.next()
        await commit(opened, ledger, [visit(link_id=link)])
        await reader.until(link, 1)
        counted.away = True
        await commit(opened, ledger, [visit(link_id=link)] * 3, tell=False)
        await opened.database.clicks.delete_many({"link_id": link})
        await commit(opened, ledger, [visit(link_id=link)])
        async with asyncio.timeout(30):
            while not boards._boards[WORKSPACE].tally.unread:
                await asyncio.sleep(0.01)  # until the hole is noticed
        counted.away = False
        await reader.until(link, 5)
        assert reader.seen == await opened.stats.by_links(WORKSPACE, [link])


async def test_a_database_that_is_away_at_the_beginning_is_told(boards: Boards, counted: Counted) -> None:
    counted.away = True
    async with watching(boards, new_id("lnk")) as reader:
        with pytest.raises(Unavailable):
            await reader.next()
    assert boards._boards == {}


async def refusal(api: Api, ids: Sequence[str], every: int | None = None) -> tuple[str, str]:
    """The code and the message that the subscription ends with."""
    variables = {"ids": list(ids), "every": every}
    stream: Any = await api.schema.subscribe(
        FEED, variable_values=variables, context_value=api.context.fork()
    )
    async with aclosing(stream):
        error = (await anext(stream)).errors[0].original_error
    return error.code, error.message


async def test_redirects_of_real_visitors_arrive(opened: Services) -> None:
    """From the request of a visitor to the frame, through journal and worker; the end is Link.stats."""
    api, worker = await workspace(opened), Worker(opened)
    async with serving_site(opened.settings, indexes=False) as site, asyncio.TaskGroup() as group:
        own = {"workspace_id": api.context.viewer.workspace_id, "domain": DOMAIN}
        links = [await site.add(**own) for _ in range(3)]
        ids = [link.id for link in links]
        working = group.create_task(worker.run())
        stream: Any = await api.schema.subscribe(
            FEED, variable_values={"ids": ids, "every": 250}, context_value=api.context.fork()
        )
        seen: dict[str, Any] = {}
        async with aclosing(stream), asyncio.timeout(30):
            seen.update((row["linkId"], row) for row in (await anext(stream)).data["linkStats"])
            assert [row["clicks"] for row in seen.values()] == [0, 0, 0]
            for number in range(30):
                await site.get(f"/{links[number % 2].slug}", BROWSER)
                await site.get(f"/{links[0].slug}", "User-Agent: curl/8.5.0")
                await site.get(f"/{links[1].slug}", BROWSER, method="HEAD")
            while sum(row["clicks"] + row["bots"] for row in seen.values()) < 60:
                seen.update((row["linkId"], row) for row in (await anext(stream)).data["linkStats"])
        worker.stopping.set()
        await working
    assert seen[ids[0]] == {"linkId": ids[0], "clicks": 15, "uniques": 1, "bots": 30}
    figures = await api(STATS, ids=ids)
    assert [link["stats"] for link in figures["nodes"]] == [seen[link_id] for link_id in ids]


async def test_links_of_others_and_bounds_are_told(opened: Services) -> None:
    """RT-07: another workspace's link is not found, like one that never was; nothing is watched then."""
    api, other = await workspace(opened), await workspace(opened)
    own, foreign = [(await each.create())["id"] for each in (api, other)]
    for unknown in (foreign, new_id("lnk"), "nonsense"):
        assert await refusal(api, [own, unknown]) == ("NOT_FOUND", f"There is no link {unknown}.")
    assert await refusal(api, [own], 249) == ("BAD_REQUEST", "everyMs is 249; 250 to 3600000 is possible.")
    assert (await refusal(api, [own], -1))[0] == "BAD_REQUEST"
    assert await refusal(api, []) == ("BAD_REQUEST", "There are no ids; give 1 to 250.")
    assert (await refusal(api, [new_id("lnk") for _ in range(251)]))[0] == "LIMIT_EXCEEDED"
    assert opened.live_stats._boards == {}


async def test_two_event_streams_of_one_key_get_every_change(opened: Services, ledger: Ledger) -> None:
    """Over real HTTP: the same figures for both, each frame whole."""
    api = await workspace(opened)
    link_id = (await api.create())["id"]
    own = {"workspace_id": api.context.viewer.workspace_id, "link_id": link_id}
    body = {"query": FEED, "variables": {"ids": [link_id], "every": 250}}
    async with (
        listening_on(apis.over(opened).application) as (port, _),
        await Site(f"http://127.0.0.1:{port}", opened).client(api, Scope.ANALYTICS_READ) as client,
        client.stream("POST", "/graphql", json=body, headers={"accept": "text/event-stream"}) as one,
        client.stream("POST", "/graphql", json=body, headers={"accept": "text/event-stream"}) as two,
        asyncio.timeout(30),
    ):
        streams = [events(each) for each in (one, two)]
        assert [(await anext(each))["clicks"] for each in streams] == [0, 0]
        for number in range(1, 4):
            await commit(opened, ledger, [visit(**own)])
            for each in streams:
                while (row := await anext(each))["clicks"] < number:
                    pass
                assert row == {"linkId": link_id, "clicks": number, "uniques": 1, "bots": 0}
        for each in streams:
            await each.aclose()


async def events(response: httpx.Response) -> AsyncGenerator[dict[str, Any], None]:
    """The one row of each frame of an event stream."""
    async for line in response.aiter_lines():
        if line.startswith("data: "):
            answer = json.loads(line.removeprefix("data: "))
            assert "errors" not in answer, answer
            (row,) = answer["data"]["linkStats"]
            yield row
