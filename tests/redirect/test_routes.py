"""The route table: edits arrive, nothing is invented, a sick database or Redis is survived."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from app.settings import Settings
from domain.links import Link, LinkChanged
from domain.routes import Decision, Tombstone
from domain.visits import Outcome
from redirect import routes
from redirect.buckets import Buckets
from redirect.counts import Counts
from redirect.entries import Address, Entry
from redirect.routes import Routes
from storage.routes import MongoRoutes
from tests.faults.proxies import Proxy, door, mongodb_socket
from tests.redirect.sites import DOMAIN, PATIENCE_SECONDS, Site, serving_site


class HeldUp:
    """The real look-up, which a test holds up after it has read and before it answers."""

    def __init__(self, source: MongoRoutes) -> None:
        self._source = source
        self.asked = 0
        self.questions: list[int] = []
        """Links in each question for versions."""
        self.read = asyncio.Event()
        self.go = asyncio.Event()

    async def by_slug(self, domain: str, slug_key: str) -> Link | Tombstone | None:
        found = await self._source.by_slug(domain, slug_key)
        self.asked += 1
        self.read.set()
        await self.go.wait()
        return found

    async def versions(self, addresses: Sequence[Address]) -> dict[Address, int]:
        versions = await self._source.versions(addresses)
        self.questions.append(len(addresses))
        self.read.set()
        await self.go.wait()
        return versions


def table(source: Any, *, now: Callable[[], float] = time.monotonic, size: int = 100) -> Routes:
    routes = Routes(source, Counts(), now, load_seconds=PATIENCE_SECONDS, size=size)
    routes.listening()
    return routes


async def until(holds: Callable[[], Any]) -> None:
    """Wait until `holds()`; what is waited for happens in the server's own time."""
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.02)


async def get_until(site: Site, path: str, status: int, seconds: float) -> None:
    """Visit until the answer is `status`; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while (await site.get(path)).status != status:
            await asyncio.sleep(0.02)


async def test_visitors_who_come_together_share_a_look_up(site: Site) -> None:
    link = await site.add()
    source = HeldUp(MongoRoutes(site.services.database))
    routes = table(source)
    visits = [asyncio.create_task(routes.find(DOMAIN, link.slug_key)) for _ in range(20)]
    await source.read.wait()
    source.go.set()
    entries = await asyncio.gather(*visits)
    assert {entry.route.link_id for entry in entries if entry} == {link.id}
    assert source.asked == 1


async def test_a_link_made_during_a_look_up_is_found_by_who_comes_later(site: Site) -> None:
    """L4: a created link redirects at once, also where somebody asked for it just before it was made."""
    source = HeldUp(MongoRoutes(site.services.database))
    routes = table(source)
    early = asyncio.create_task(routes.find(DOMAIN, "made-meanwhile"))
    await source.read.wait()
    link = await site.add("made-meanwhile")
    later = asyncio.create_task(routes.find(DOMAIN, "made-meanwhile"))
    await asyncio.sleep(0)
    source.go.set()
    assert await early is None
    entry = await later
    assert entry is not None
    assert entry.route.link_id == link.id


async def test_a_look_up_that_overlaps_an_edit_is_repeated(site: Site) -> None:
    """RD-12: what was read before an edit is thrown away once the edit is known."""
    link = await site.add(destination="https://example.com/old")
    source = HeldUp(MongoRoutes(site.services.database))
    routes = table(source)
    visit = asyncio.create_task(routes.find(DOMAIN, link.slug_key))
    await source.read.wait()
    edited = await site.edit(link, destination="https://example.com/new")
    routes.changed(LinkChanged(DOMAIN, link.slug_key, edited.version))
    source.go.set()
    entry = await visit
    assert entry is not None
    assert entry.route.settled == Decision(Outcome.REDIRECT, "https://example.com/new")
    assert source.asked == 2


async def test_the_table_is_bounded(site: Site) -> None:
    routes = table(MongoRoutes(site.services.database), size=10)
    for _ in range(25):
        link = await site.add()
        entry = await routes.find(DOMAIN, link.slug_key)
        assert entry is not None
        routes.learn(link.slug.encode(), entry)
    assert len(routes) == 10
    assert len(routes._aliases) == 10
    assert routes.knows(DOMAIN, link.slug_key)


async def known(site: Site, routes: Routes, count: int) -> list[tuple[Link, Entry]]:
    """Links that are in the table, each under its id as an alias."""
    pairs = []
    for _ in range(count):
        link = await site.add()
        entry = await routes.find(DOMAIN, link.slug_key)
        assert entry is not None
        routes.learn(link.id.encode(), entry)
        pairs.append((link, entry))
    return pairs


async def test_believed_routes_answer_at_once_while_they_are_confirmed_together(site: Site) -> None:
    """The hot path stays short while a route is believed; `renew` keeps many so with one question."""
    now = 1_000.0
    source = HeldUp(MongoRoutes(site.services.database))
    source.go.set()
    routes = table(source, now=lambda: now)
    pairs = await known(site, routes, 5)
    for _, entry in pairs:
        routes.renew(entry)
    source.go.clear()
    source.read.clear()
    now += 4.5
    for link, entry in pairs * 3:
        assert routes.at_once(link.id.encode()) is entry
        routes.renew(entry)
    await source.read.wait()
    now += 0.4
    assert all(routes.at_once(link.id.encode()) is entry for link, entry in pairs)
    source.go.set()
    await until(lambda: all(entry.until > now + 4 for _, entry in pairs))
    assert (source.asked, source.questions) == (5, [5])
    now += 5.1
    assert [routes.at_once(link.id.encode()) for link, _ in pairs] == [None] * 5


async def test_what_is_not_confirmed_is_looked_up_or_gone(site: Site) -> None:
    """RD-12: edits and deletions that nobody told of are found out, and one told of meanwhile stays."""
    now = 1_000.0
    source = HeldUp(MongoRoutes(site.services.database))
    source.go.set()
    routes = table(source, now=lambda: now)
    (edited, entry), (deleted, _), (told, told_entry) = pairs = await known(site, routes, 3)
    links = site.services.database["links"]
    await links.update_one(
        {"_id": edited.id}, {"$set": {"destination": "https://new.example/", "version": 2}}
    )
    await links.update_one({"_id": deleted.id}, {"$set": {"deleted_at": deleted.created_at, "version": 2}})
    now += 4.5
    source.go.clear()
    source.read.clear()
    for _, each in pairs:
        routes.renew(each)
    await source.read.wait()
    routes.changed(LinkChanged(DOMAIN, told.slug_key, 2))
    source.go.set()
    await until(lambda: not routes.knows(DOMAIN, deleted.slug_key))
    await until(lambda: entry.until > now + 4)
    assert entry.route.settled == Decision(Outcome.REDIRECT, "https://new.example/")
    assert (routes.knows(DOMAIN, told.slug_key), told_entry.until) == (False, 0.0)
    assert (source.asked, source.questions) == (5, [3])


async def test_versions_are_told_of_many_hosts_at_once(site: Site) -> None:
    """A slug means another link on another host; what is deleted or was never made has no version."""
    here = await site.add()
    await site.add(here.slug, domain="to.example", version=7)
    asked = [(DOMAIN, here.slug_key), ("to.example", here.slug_key), (DOMAIN, "never-made")]
    assert await MongoRoutes(site.services.database).versions(asked) == dict(
        zip(asked[:2], (1, 7), strict=True)
    )


async def test_routes_are_asked_for_again_after_five_seconds(site: Site) -> None:
    """An edit that nobody told of is seen within five seconds, within one where news do not come in."""
    now = 1_000.0
    routes = table(MongoRoutes(site.services.database), now=lambda: now)
    link = await site.add(destination="https://example.com/old")

    async def destination() -> str | None:
        entry = await routes.find(DOMAIN, link.slug_key)
        return entry.route.settled.destination if entry and entry.route.settled else None

    assert await destination() == "https://example.com/old"
    changed = {"$set": {"destination": "https://example.com/new"}}
    await site.services.database["links"].update_one({"_id": link.id}, changed)
    now += 3.9
    assert await destination() == "https://example.com/old"
    now += 1.2
    assert await destination() == "https://example.com/new"
    routes.deaf()
    await site.services.database["links"].update_one(
        {"_id": link.id}, {"$set": {"destination": "https://example.com/newer"}}
    )
    assert await destination() == "https://example.com/newer"
    await site.services.database["links"].delete_one({"_id": link.id})
    now += 1.1
    assert await destination() is None


async def test_edits_arrive_within_a_second(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RD-12: edited, paused, expired, deleted while cached in four processes' tables: at once in each."""
    monkeypatch.setattr(routes, "BELIEVED_SECONDS", 3_600.0)  # nothing but the news can bring an edit
    async with _several(settings, tmp_path_factory, 4) as sites:
        first = sites[0]
        link = await first.add()
        for site in sites:
            assert (await site.get(f"/{link.slug}")).status == 302
        link = await first.edit(link, paused=True)
        await asyncio.gather(*(get_until(site, f"/{link.slug}", 410, 30) for site in sites))
        link = await first.edit(link, paused=False)
        await asyncio.gather(*(get_until(site, f"/{link.slug}", 302, 30) for site in sites))
        link = await first.edit(link, expires_at=datetime(2020, 1, 1, tzinfo=UTC))
        await asyncio.gather(*(get_until(site, f"/{link.slug}", 410, 30) for site in sites))
        tombstone = {
            **msgspec.structs.asdict(link),
            "deleted_at": link.created_at,
            "version": link.version + 1,
        }
        await first.services.database["links"].replace_one(
            {"_id": link.id},
            {key: tombstone[key] for key in ("domain", "slug", "slug_key", "version", "deleted_at")},
        )
        await first.tell(msgspec.structs.replace(link, version=link.version + 1))
        await asyncio.gather(*(get_until(site, f"/{link.slug}", 404, 30) for site in sites))


async def test_a_slug_is_found_as_soon_as_it_is_made(site: Site) -> None:
    """A miss is never remembered."""
    assert (await site.get("/made-later")).status == 404
    await site.add("made-later")
    assert (await site.get("/made-later")).status == 302


async def test_mongodb_away(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    """RD-14: known links go on, with their clicks; unknown slugs are 503, never 404; it heals."""
    async with door(mongodb_socket(settings)) as mongodb:
        url = f"mongodb://127.0.0.1:{mongodb.port}/?directConnection=true"
        own = msgspec.structs.replace(
            settings, mongodb_url=url, redirect_lookup_ms=250, data_dir=tmp_path_factory.mktemp("away")
        )
        async with serving_site(own) as site:
            link, fresh = await site.add(), await site.add()
            for shut in (mongodb.refuse, _silence(mongodb)):
                await get_until(site, f"/{link.slug}", 302, 30)
                answered = len(site.records(link))
                await shut()
                site.redirect.routes.listening()  # everything has to be asked for again
                started = time.monotonic()
                statuses = [(await site.get(f"/{link.slug}")).status for _ in range(50)]
                assert statuses == [302] * 50
                assert time.monotonic() - started < 0.3 * 50
                assert len(site.records(link)) == answered + 50
                for path in ("/unknown-now", f"/{fresh.slug}"):
                    response = await site.get(path)
                    assert (response.status, "retry-after" in response.headers) == (503, True)
                    assert response.headers["cache-control"] == "no-store"
                await mongodb.heal()
                await get_until(site, f"/{fresh.slug}", 302, 30)
                await get_until(site, "/unknown-now", 404, 30)
                site.redirect.routes.changed(LinkChanged(DOMAIN, fresh.slug_key, 0))


async def test_an_edit_known_while_mongodb_is_away(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What is known to be outdated is not served: 503 until the database tells."""
    async with door(mongodb_socket(settings)) as mongodb:
        url = f"mongodb://127.0.0.1:{mongodb.port}/?directConnection=true"
        own = msgspec.structs.replace(
            settings, mongodb_url=url, redirect_lookup_ms=250, data_dir=tmp_path_factory.mktemp("edited")
        )
        async with serving_site(own) as site:
            link = await site.add()
            assert (await site.get(f"/{link.slug}")).status == 302
            await mongodb.refuse()
            site.redirect.routes.changed(LinkChanged(DOMAIN, link.slug_key, 2))
            assert (await site.get(f"/{link.slug}")).status == 503


async def test_starts_while_mongodb_is_away(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """OP-02: unknown is 503, not 404, and heals by itself, visitor hashes included."""
    async with door(mongodb_socket(settings)) as mongodb:
        url = f"mongodb://127.0.0.1:{mongodb.port}/?directConnection=true"
        own = msgspec.structs.replace(
            settings, mongodb_url=url, redirect_lookup_ms=250, data_dir=tmp_path_factory.mktemp("start")
        )
        async with serving_site(settings) as elsewhere:
            link = await elsewhere.add()
        await mongodb.refuse()
        async with serving_site(own, indexes=False) as site:
            assert (await site.get(f"/{link.slug}")).status == 503
            await mongodb.heal()
            await get_until(site, f"/{link.slug}", 302, 30)
            await until(lambda: site.redirect.reader._salts.at(int(time.time() * 1000)))
            await site.get(f"/{link.slug}")
            assert site.records(link)[-1].visitor != b""


@pytest.mark.parametrize("how", ["refuse", "silence"])
async def test_redis_away(settings: Settings, tmp_path_factory: pytest.TempPathFactory, how: str) -> None:
    """RD-13: redirects do not notice, edits still arrive, and a silent connection is found out."""
    async with door(urlsplit(str(settings.redis_url)).path) as redis:
        own = msgspec.structs.replace(
            settings, redis_url=f"redis://127.0.0.1:{redis.port}", data_dir=tmp_path_factory.mktemp("deaf")
        )
        async with serving_site(own) as site:
            link = await site.add()
            await until(lambda: site.redirect.routes._believed_seconds > 1)
            assert (await site.get(f"/{link.slug}")).status == 302
            await (redis.refuse() if how == "refuse" else _silence(redis)())
            await until(lambda: site.counts.news_lost)
            assert (await site.get(f"/{link.slug}")).status == 302
            paused = {"$set": {"paused": True, "version": 2}}
            await site.services.database["links"].update_one({"_id": link.id}, paused)
            await get_until(site, f"/{link.slug}", 410, 3.5)  # sooner than where news come in
            await redis.heal()
            await until(lambda: site.redirect.routes._believed_seconds > 1)
            assert [each.outcome for each in site.records(link)][:2] == [Outcome.REDIRECT, Outcome.REDIRECT]


async def test_clients_who_guess_are_limited(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """LK-08: after so many misses 429 with Retry-After; known links and other clients are unharmed."""
    own = msgspec.structs.replace(
        settings, data_dir=tmp_path_factory.mktemp("guess"), trusted_proxies="127.0.0.1"
    )
    async with serving_site(own) as site:
        site.redirect._misses = Buckets(per_minute=5)
        link, fresh = await site.add(), await site.add()
        assert (await site.get(f"/{link.slug}")).status == 302
        neighbours = [f"X-Forwarded-For: 2001:db8:0:1::{number}" for number in range(8)]
        statuses = [(await site.get("/guess", neighbour)).status for neighbour in neighbours]
        assert statuses == [404] * 5 + [429] * 3
        limited = await site.get(f"/{fresh.slug}", neighbours[0])
        assert (limited.status, int(limited.headers["retry-after"]) > 0) == (429, True)
        assert (await site.get(f"/{link.slug}", neighbours[0])).status == 302
        assert (await site.get("/guess", "X-Forwarded-For: 2001:db8:0:2::1")).status == 404


def test_misses_are_a_bucket_for_each_client() -> None:
    """LK-08: refilled evenly, refunded for what was found, and bounded."""
    misses = Buckets(per_minute=60, kept=3)
    assert [misses.spend("a", 0.0) for _ in range(60)] == [0.0] * 60
    assert misses.spend("a", 0.0) == pytest.approx(1.0)
    assert misses.spend("a", 0.5) == pytest.approx(0.5)
    assert misses.spend("a", 1.1) == 0.0
    misses.give_back("a")
    assert misses.spend("a", 1.1) == 0.0
    for client in "bcde":
        misses.spend(client, 2.0)
    assert len(misses._buckets) == 3


@asynccontextmanager
async def _several(
    settings: Settings, folders: pytest.TempPathFactory, count: int
) -> AsyncIterator[list[Site]]:
    """So many redirects beside each other; news reach all of them."""
    if count == 0:
        yield []
        return
    own = msgspec.structs.replace(settings, data_dir=folders.mktemp("one"))
    async with serving_site(own) as site, _several(settings, folders, count - 1) as others:
        await until(lambda: site.redirect.routes._believed_seconds > 1)
        yield [site, *others]


def _silence(proxy: Proxy) -> Callable[[], Any]:
    async def silence() -> None:
        proxy.silence()

    return silence
