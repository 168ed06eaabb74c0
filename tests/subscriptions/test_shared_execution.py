"""Identical subscriptions are executed once, and nobody gets a frame too many or too few by it."""

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from app import api
from app.api import Api
from app.graphql import auth
from app.services import Services
from domain import keys
from domain.access import Scope
from domain.click_filters import ClickFilter
from domain.clicks import ClickKind
from domain.keys import ApiKey
from storage.ledgers import Ledger
from subscriptions import shared
from subscriptions.subscribers import Subscriber
from subscriptions.wants import Wants
from tests.delivery.workers import entries, new_id, visit
from tests.protocols.conftest import closing, hear, listening_on, say
from tests.subscriptions.readers import WORKSPACE, commit
from tests.subscriptions.test_clicks_feed import until

FEED = "subscription ($after: String) { clicks(after: $after) { clicks { id } cursor gap { reason } } }"


@dataclass
class Viewer:
    """A socket with one subscription, and the frames that came."""

    socket: ClientConnection
    frames: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [click["id"] for frame in self.frames for click in frame["data"]["clicks"]["clicks"]]

    @property
    def cursor(self) -> str:
        cursor: str = self.frames[-1]["data"]["clicks"]["cursor"]
        return cursor

    async def next(self) -> dict[str, Any]:
        message: dict[str, Any] = await hear(self.socket)
        assert message["type"] == "next", message
        self.frames.append(message["payload"])
        return message

    async def until(self, count: int) -> None:
        while len(self.ids) < count:
            await self.next()


@dataclass
class Site:
    """The API on a port over services whose hub listens."""

    opened: Services
    served: Api
    port: int

    @property
    def groups(self) -> list[shared.Group]:
        return list(self.served.graph._groups._groups.values())

    @property
    def members(self) -> int:
        return sum(len(group._members) for group in self.groups)

    async def key(self, *scopes: Scope) -> str:
        """A new key of the workspace."""
        text = keys.secret(secrets.token_bytes)
        key = ApiKey(
            id=new_id("key"),
            workspace_id=WORKSPACE,
            name="viewer",
            prefix=keys.shown(text),
            secret_hash=keys.digest(text),
            scopes=frozenset(scopes),
            created_at=self.opened.clock(),
        )
        assert await self.opened.keys.add(WORKSPACE, key)
        return text

    @asynccontextmanager
    async def viewing(
        self, key: str, document: str = FEED, *, name: str = "1", **variables: Any
    ) -> AsyncIterator[Viewer]:
        """A subscriber that has got its first frame."""
        url = f"ws://127.0.0.1:{self.port}/graphql"
        async with connect(url, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
            await say(socket, {"type": "connection_init", "payload": {"authorization": f"Bearer {key}"}})
            await hear(socket)
            payload = {"query": document, "variables": variables}
            await say(socket, {"id": name, "type": "subscribe", "payload": payload})
            viewer = Viewer(socket)
            await viewer.next()
            yield viewer

    async def until_joined(self, members: int) -> None:
        """Wait until so many subscribers are in groups."""
        await until(lambda: self.members == members)


@pytest.fixture
async def site(opened: Services) -> AsyncIterator[Site]:
    served = api.over(opened)
    async with listening_on(served.application) as (port, _):
        yield Site(opened, served, port)
        served.draining.set()


async def test_identical_operations_are_executed_once(
    site: Site, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five subscribers with three keys of the same rights: one execution, the same frame, each its own id."""
    executed = 0
    limited = site.served.graph._limited

    async def counted(*arguments: Any) -> Any:
        nonlocal executed
        executed += 1
        return await limited(*arguments)

    several = [await site.key(Scope.ANALYTICS_READ) for _ in range(3)]
    async with AsyncExitStack() as stack:
        viewers = [
            await stack.enter_async_context(site.viewing(several[number % 3], name=f"feed-{number}"))
            for number in range(5)
        ]
        await site.until_joined(5)
        monkeypatch.setattr(site.served.graph, "_limited", counted)
        (click,) = await commit(site.opened, ledger, [visit()])
        messages = [await viewer.next() for viewer in viewers]
    assert executed == 1
    assert len({json.dumps(message["payload"]) for message in messages}) == 1
    assert [message["id"] for message in messages] == [f"feed-{number}" for number in range(5)]
    assert viewers[0].ids == [click.id]


async def test_rights_texts_and_variables_keep_apart(site: Site) -> None:
    """Who may see less shares nothing with who may see more, and other documents or filters are others."""
    less, more = await site.key(Scope.ANALYTICS_READ), await site.key(Scope.ADMIN)
    other = FEED.replace("clicks { id }", "clicks { id kind }")
    bots = FEED.replace("$after: String", "$kinds: [ClickKind!]")
    bots = bots.replace("after: $after", "filter: {kinds: $kinds}")
    asked: list[tuple[str, str, dict[str, Any]]] = [
        (less, FEED, {}),
        (more, FEED, {}),
        (less, other, {}),
        (less, bots, {"kinds": ["BOT"]}),
        (less, bots, {"kinds": ["HUMAN"]}),
    ]
    async with AsyncExitStack() as stack:
        for key, document, variables in asked:
            await stack.enter_async_context(site.viewing(key, document, **variables))
        await site.until_joined(5)
        assert len(site.groups) == 5
        await stack.enter_async_context(site.viewing(less, FEED))
        await site.until_joined(6)
        assert len(site.groups) == 5
    await until(lambda: site.groups == [])
    assert site.opened.click_feed.hub.counts.subscribers == 0


async def test_a_cursor_that_is_used_twice_keeps_apart(site: Site) -> None:
    """Only a variable that is nothing but the root field's cursor may differ between identical ones."""
    key = await site.key(Scope.ANALYTICS_READ)
    async with site.viewing(key) as first:
        cursor = first.cursor
        twice = "subscription ($after: String) { clicks(after: $after) { cursor clicks { id } } } # $after"
        async with site.viewing(key, twice, after=cursor), site.viewing(key, twice, after=None):
            await site.until_joined(3)
            assert len(site.groups) == 3
        async with site.viewing(key, after=cursor):
            await site.until_joined(2)
            assert len(site.groups) == 1


@pytest.mark.parametrize("seed", range(3))
async def test_resuming_under_load_joins_the_group_without_hole_or_duplicate(
    site: Site, ledger: Ledger, seed: int
) -> None:
    """RT-12: readers come back with cursors while clicks pour in; all end in one group, each click once."""
    key = await site.key(Scope.ANALYTICS_READ)
    committed: list[str] = []

    async def work() -> None:
        for number in range(25):
            records = [visit()] * (1 + (number * 37 + seed * 11) % 120)
            clicks = await commit(site.opened, ledger, records, tell=number % 5 != 4)
            committed.extend(click.id for click in clicks)

    async def come_and_go(steady: Viewer) -> list[str]:
        seen: list[str] = []
        cursor = steady.cursor
        for turn in range(4):
            async with site.viewing(key, after=cursor) as viewer:
                for _ in range(3 + turn + seed):
                    if working.done():
                        break
                    await viewer.next()
                seen += viewer.ids
                cursor = viewer.cursor
        async with site.viewing(key, after=cursor) as viewer:
            await working
            while len(seen) + len(viewer.ids) < len(committed):
                await viewer.next()
            assert len(site.groups) == 1
            return seen + viewer.ids

    async with site.viewing(key) as steady, asyncio.timeout(40):
        working = asyncio.create_task(work())
        everything = await asyncio.gather(*(come_and_go(steady) for _ in range(3)))
        await steady.until(len(committed))
    assert steady.ids == committed
    for ids in everything:
        assert Counter(ids) == Counter(committed)


async def test_who_leaves_first_takes_nobody_along(site: Site, ledger: Ledger) -> None:
    """The group outlives the subscriber that it began with."""
    key = await site.key(Scope.ANALYTICS_READ)
    async with AsyncExitStack() as first:
        await first.enter_async_context(site.viewing(key))
        async with site.viewing(key) as second:
            await site.until_joined(2)
            await first.aclose()
            await site.until_joined(1)
            (click,) = await commit(site.opened, ledger, [visit()])
            await second.until(1)
            assert second.ids == [click.id]


async def test_a_failing_stream_is_told_to_every_member(
    site: Site, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each gets an error, masked, and may subscribe again on the same socket."""

    async def broken(*_: Any) -> Any:
        raise RuntimeError("mongodb://root:hunter2@db.internal")

    key = await site.key(Scope.ANALYTICS_READ)
    async with site.viewing(key) as one, site.viewing(key) as two:
        await site.until_joined(2)
        with monkeypatch.context() as patch:
            patch.setattr(site.served.graph, "_limited", broken)
            await commit(site.opened, ledger, [visit()])
            messages = [await hear(viewer.socket) for viewer in (one, two)]
        assert [message["type"] for message in messages] == ["error", "error"]
        assert {message["payload"][0]["extensions"]["code"] for message in messages} == {"INTERNAL"}
        assert "hunter2" not in json.dumps(messages)
        await say(one.socket, {"id": "2", "type": "subscribe", "payload": {"query": FEED}})
        assert (await one.next())["id"] == "2"


def test_a_subscriber_to_one_link_is_not_asked_about_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Filters at the source: of a thousand links' subscribers only those of the clicked link are touched."""
    wants = Wants()
    links = [new_id("lnk") for _ in range(1_000)]
    subscribers = [Subscriber(ClickFilter(link_ids=frozenset({link}))) for link in links]
    twins = [Subscriber(ClickFilter(kinds=frozenset({ClickKind.HUMAN}))) for _ in range(2)]
    for subscriber in (*subscribers, *twins):
        wants.add(subscriber)
    clicks = [entry.click for entry in entries("0" * 26, visit(link_id=links[7]), visit(link_id=links[7]))]
    asked = 0
    matches = ClickFilter.matches

    def counted(self: ClickFilter, click: Any) -> bool:
        nonlocal asked
        asked += 1
        return matches(self, click)

    monkeypatch.setattr(ClickFilter, "matches", counted)
    assert set(wants.offer(clicks)) == {subscribers[7], *twins}
    assert (len(subscribers[7]), len(twins[0]), len(twins[1])) == (2, 2, 2)
    assert asked == 4
    for subscriber in (*subscribers, *twins):
        wants.discard(subscriber)
    assert (len(wants), wants.offer(clicks), wants._of_links) == (0, [], {})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"$set": {"revoked_at": datetime(2026, 1, 1, tzinfo=UTC)}}, 4401),
        ({"$set": {"scopes": ["links:read"]}}, 4403),
    ],
)
async def test_a_key_that_may_no_longer_view_is_let_go_within_five_seconds(
    site: Site, change: dict[str, Any], code: int
) -> None:
    """A revoked key, or one without its scope, ends its sockets; the others of the group stay."""
    lost, kept = await site.key(Scope.ANALYTICS_READ), await site.key(Scope.ANALYTICS_READ)
    async with site.viewing(lost) as one, site.viewing(kept) as two:
        await site.until_joined(2)
        await site.opened.database["keys"].update_one({"secret_hash": keys.digest(lost)}, change)
        assert (await closing(one.socket, seconds=auth.HOLD_SECONDS + auth.RECHECK_SECONDS + 5))[0] == code
        await site.until_joined(1)
        assert two.socket.close_code is None
    assert auth.HOLD_SECONDS + auth.RECHECK_SECONDS < 5
