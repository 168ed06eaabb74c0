"""What the journal keeps of a visitor, and what it does not."""

from pathlib import Path

import msgspec
import pytest

from app.settings import Settings
from domain.visits import VisitRecord
from redirect.proxies import Proxies
from tests.conftest import SHARED
from tests.redirect.sites import Site, serving_site

CITIES = SHARED / "data" / "GeoIP2-City-Test.mmdb"


async def visited(site: Site, *headers: str) -> VisitRecord:
    """The record of one visit with these headers."""
    link = await site.add()
    assert (await site.get(f"/{link.slug}", *headers)).status == 302
    (record,) = site.records(link)
    return record


@pytest.mark.parametrize(
    ("agent", "kept"),
    [("Googlebot/2.1", "Googlebot/2.1"), ("", ""), ("x" * 10_000, "x" * 512), ("${jndi:x} $where\té", None)],
)
async def test_agents_are_cropped(site: Site, agent: str, kept: str | None) -> None:
    """CL-09: whatever the agent says, the visit is served and the agent kept as text of bounded length."""
    record = await visited(site, f"User-Agent: {agent}")
    assert record.agent == (agent.encode().decode("latin-1") if kept is None else kept)


@pytest.mark.parametrize("agent", [b"a\x00b", b"a\nb", b"a\rb"])
async def test_agents_that_http_forbids_are_refused(site: Site, agent: bytes) -> None:
    """CL-09: NUL, CR and LF cannot be in a header (RFC 9110, section 5.5): 400, never 500."""
    link = await site.add()
    head = f"GET /{link.slug} HTTP/1.1\r\nHost: go.example\r\nConnection: close\r\nUser-Agent: ".encode()
    assert (await site.send(head + agent + b"\r\n\r\n")).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("referer", "host"),
    [
        ("https://News.Example.ORG:8443/a?b", "news.example.org"),
        ("https://user:secret@example.org/", "example.org"),
        ("http://[2001:db8::1]:80/", "[2001:db8::1]"),
        ("android-app://com.example.app/", "com.example.app"),
        ("about:blank", ""),
        ("javascript://x", ""),
        ("https://", ""),
    ],
)
async def test_referrers_are_hosts(site: Site, referer: str, host: str) -> None:
    assert (await visited(site, f"Referer: {referer}")).referrer == host


async def test_languages_are_kept(site: Site) -> None:
    assert (await visited(site, "Accept-Language: de-AT,en;q=0.5")).languages == "de-AT,en;q=0.5"


async def test_visitors_are_told_apart_by_agent_and_workspace(site: Site) -> None:
    """CL-08, PR-04: one hash for one agent of one address, another for another agent or workspace."""
    link, foreign = await site.add(), await site.add(workspace_id="ws_02")
    for agent in ("a", "b", "a"):
        await site.get(f"/{link.slug}", f"User-Agent: {agent}")
    await site.get(f"/{foreign.slug}", "User-Agent: a")
    first, second, third = (record.visitor for record in site.records(link))
    (elsewhere,) = (record.visitor for record in site.records(foreign))
    assert first == third != second
    assert elsewhere not in {first, second}
    assert len(first) == 16


async def test_global_privacy_control_leaves_no_hash(site: Site) -> None:
    """CL-12: counted, without a hash."""
    record = await visited(site, "Sec-GPC: 1", "User-Agent: a")
    assert record.visitor == b""


async def test_no_address_is_in_the_journal(site: Site) -> None:
    """PR-03: neither the peer's address nor a forwarded one."""
    await visited(site, "X-Forwarded-For: 203.0.113.77")
    for segment in site.journals_dir.glob("*/*.seg"):
        content = segment.read_bytes()
        assert b"127.0.0.1" not in content
        assert b"203.0.113.77" not in content


async def test_untrusted_peers_forward_nothing(site: Site) -> None:
    """CL-10: the header of somebody who is no proxy of ours changes no fact."""
    link = await site.add()
    for forwarded in ("203.0.113.1", "203.0.113.2"):
        await site.get(f"/{link.slug}", f"X-Forwarded-For: {forwarded}", "User-Agent: a")
    assert len({record.visitor for record in site.records(link)}) == 1


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("", "10.0.0.1"),
        ("203.0.113.1", "203.0.113.1"),
        ("198.51.100.9, 203.0.113.1, 10.1.1.1", "203.0.113.1"),
        ("198.51.100.9, [2001:db8::7]:4711", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("203.0.113.1:4711", "203.0.113.1"),
        ("::ffff:203.0.113.1", "203.0.113.1"),
        ("203.0.113.1, garbage", "10.0.0.1"),
        ("203.0.113.1, garbage, 10.2.2.2", "10.2.2.2"),
        (",,,", "10.0.0.1"),
        (", ".join(["10.9.9.9"] * 100), "10.9.9.9"),
        (", ".join(f"203.0.113.{number}" for number in range(100)), "203.0.113.99"),
        ("x" * 30_000, "10.0.0.1"),
        ("10.3.3.3, 10.4.4.4", "10.3.3.3"),
    ],
)
def test_the_rightmost_untrusted_hop_is_the_client(forwarded: str, client: str) -> None:
    """CL-11: repeated headers (joined), ports, zones, garbage, a hundred hops."""
    proxies = Proxies("10.0.0.0/8, 127.0.0.2")
    assert proxies.client("10.0.0.1", forwarded) == client
    assert proxies.client("198.51.100.1", forwarded) == "198.51.100.1"


async def test_repeated_forwarding_headers(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """CL-11: several X-Forwarded-For lines are one list, in their order."""
    own = msgspec.structs.replace(
        settings,
        data_dir=tmp_path_factory.mktemp("proxied"),
        trusted_proxies="127.0.0.1",
        country_header="CF-IPCountry",
    )
    async with serving_site(own) as site:
        link = await site.add()
        for first in ("203.0.113.1", "203.0.113.2"):
            lines = (f"X-Forwarded-For: {first}", "X-Forwarded-For: 198.51.100.7", "CF-IPCountry: at")
            await site.get(f"/{link.slug}", *lines, "User-Agent: a")
        records = site.records(link)
        assert len({record.visitor for record in records}) == 1
        assert {record.country for record in records} == {"AT"}
        assert (await visited(site, "CF-IPCountry: <x>")).country == ""


@pytest.mark.skipif(not CITIES.exists(), reason="the geo test database is not part of the project")
async def test_places(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    """CL-12, CL-16: country, region and city of the address; with Sec-GPC the country at most."""
    own = msgspec.structs.replace(
        settings, data_dir=tmp_path_factory.mktemp("placed"), trusted_proxies="127.0.0.1", geoip_db=CITIES
    )
    async with serving_site(own) as site:
        london = "X-Forwarded-For: 2.125.160.216"
        record = await visited(site, london)
        assert (record.country, record.region, record.city) == ("GB", "GB-ENG", "Boxford")
        private = await visited(site, london, "Sec-GPC: 1")
        assert (private.country, private.region, private.city, private.visitor) == ("GB", "", "", b"")
        assert (await visited(site, "X-Forwarded-For: 192.0.2.1")).country == ""


@pytest.mark.parametrize("content", [None, b"", b"no database", b"\xab\xcd\xefMaxMind.com"])
async def test_a_missing_or_damaged_geo_database(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory, content: bytes | None
) -> None:
    """CL-16: countries are unknown, visits are served."""
    folder: Path = tmp_path_factory.mktemp("damaged")
    database = folder / "geo.mmdb"
    if content is not None:
        database.write_bytes(content)
    own = msgspec.structs.replace(settings, data_dir=folder, geoip_db=database)
    async with serving_site(own) as site:
        assert (await visited(site)).country == ""
