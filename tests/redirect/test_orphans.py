"""Orphan visits: who asked for a slug that does not exist, told to whoever alone owns the host."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from app.settings import Settings
from domain.errors import Unavailable
from domain.visits import Outcome, Purpose, VisitRecord
from domain.workspaces import Workspace
from redirect.buckets import Buckets
from storage.workspaces import MongoWorkspaces
from tests.redirect.sites import DOMAIN, Site, recorded, serving_site


@pytest.fixture
async def lonely(empty: Settings) -> AsyncIterator[Site]:
    """A redirect on a database without workspaces."""
    own = msgspec.structs.replace(empty, short_url="https://s.example")
    async with serving_site(own) as site:
        yield site


async def found(site: Site, *domains: str) -> str:
    """A new workspace with these hosts."""
    workspace = Workspace(
        id=site.services.ids.new("ws"), name="Test", domains=domains, created_at=site.services.clock()
    )
    await MongoWorkspaces(site.services.database).first(workspace.id, workspace)
    return workspace.id


def orphans(site: Site) -> list[VisitRecord]:
    return [record for record in recorded(site.journals_dir) if record.link_id is None]


async def test_a_visit_to_an_unknown_slug_is_recorded_for_the_hosts_owner(lonely: Site) -> None:
    owner = await found(lonely, DOMAIN)
    await found(lonely, "other.example")
    answer = await lonely.get("/No-Such?qr=1", "Referer: https://www.example.org/page", "User-Agent: curl/8")
    assert answer.status == 404
    (record,) = orphans(lonely)
    assert (record.workspace_id, record.slug, record.outcome) == (owner, "no-such", Outcome.NOT_FOUND)
    assert (record.link_version, record.destination, record.visitor) == (0, None, b"")
    assert (record.agent, record.referrer, record.qr) == ("curl/8", "www.example.org", True)
    await lonely.get("/no-such", method="HEAD")
    assert orphans(lonely)[1].purpose is Purpose.HEAD
    assert (lonely.counts.misses, lonely.counts.orphans) == (2, 2)


async def test_the_installations_host_belongs_to_its_only_workspace(lonely: Site) -> None:
    owner = await found(lonely)
    await lonely.get("/nothing", host="s.example")
    assert [record.workspace_id for record in orphans(lonely)] == [owner]


async def test_a_shared_host_has_no_owner(lonely: Site) -> None:
    """Nobody sees what was meant for somebody else."""
    await found(lonely, DOMAIN)
    await found(lonely, DOMAIN)
    for host in ("s.example", DOMAIN, "unknown.example"):
        assert (await lonely.get("/nothing", host=host)).status == 404
    assert orphans(lonely) == []
    assert (lonely.counts.misses, lonely.counts.orphans) == (3, 0)


async def test_a_deleted_link_is_an_orphans_slug(lonely: Site) -> None:
    """A tombstone leads nowhere either."""
    await found(lonely, DOMAIN)
    link = await lonely.add("was-here")
    assert (await lonely.get("/was-here")).status == 302
    await lonely.services.database["links"].replace_one(
        {"_id": link.id},
        {
            "workspace_id": link.workspace_id,
            "domain": link.domain,
            "slug": link.slug,
            "slug_key": link.slug_key,
            "version": 2,
            "deleted_at": lonely.services.clock(),
        },
    )
    await lonely.tell(msgspec.structs.replace(link, version=2))
    async with asyncio.timeout(30):
        while (await lonely.get("/was-here")).status != 404:
            await asyncio.sleep(0.01)  # news come over Redis; the redirect has no event for it
    assert [record.slug for record in orphans(lonely)] == ["was-here"]


async def test_what_no_slug_can_be_is_no_orphan(lonely: Site) -> None:
    await found(lonely, DOMAIN)
    for path in ("/", "/a/b", "/favicon.ico", "/%ff", "/robots.txt"):
        assert (await lonely.get(path)).status == 404
    assert orphans(lonely) == []


async def test_while_nobody_can_tell_the_owner_the_visit_is_counted(lonely: Site) -> None:
    """The answer is 404 all the same: that there is no link is known."""

    class Away:
        async def owner_of(self, host: str) -> str | None:
            raise Unavailable(f"the database is away: {host}")

    lonely.redirect._orphans._owners = Away()
    assert (await lonely.get("/nothing")).status == 404
    assert (orphans(lonely), lonely.counts.orphans_lost) == ([], 1)


async def test_guessing_is_limited_before_it_is_recorded(lonely: Site) -> None:
    """LK-08: a client that misses too often fills no journal."""
    await found(lonely, DOMAIN)
    lonely.redirect._misses = Buckets(per_minute=60)  # one more each second, however long it takes
    request = "GET /guess HTTP/1.1\r\nHost: go.example\r\n\r\n" * 300
    last = "GET /guess HTTP/1.1\r\nHost: go.example\r\nConnection: close\r\n\r\n"
    answers = await lonely.send((request + last).encode())
    assert answers.count(b"HTTP/1.1 429") > 100
    assert len(orphans(lonely)) == answers.count(b"HTTP/1.1 404") < 200
