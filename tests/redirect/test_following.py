"""Following a link: what visitors get, and what the journal keeps of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.utm import Utm
from domain.visits import Outcome, Purpose
from tests.redirect.sites import DOMAIN, Site

HOUR = timedelta(hours=1)


async def test_redirects_to_the_destination(site: Site) -> None:
    """RD-11: a link answers 302 unless it asks for another code, and nothing may keep the answer."""
    link = await site.add(destination="https://example.com/a?b=c#d")
    response = await site.get(f"/{link.slug}")
    assert response.status == 302
    assert response.headers["location"] == "https://example.com/a?b=c#d"
    assert response.headers["cache-control"] == "private, no-store"
    assert response.headers["content-length"] == "0"
    assert "date" in response.headers
    assert len(site.records(link)) == 1


@pytest.mark.parametrize("code", [301, 302, 307, 308])
async def test_redirects_with_the_code_of_the_link(site: Site, code: int) -> None:
    """RD-11: 301 only by opt-in, and even that is not cached, so that every visit is counted."""
    link = await site.add(redirect_code=code)
    for _ in range(2):  # the second one from the table
        response = await site.get(f"/{link.slug}")
        assert (response.status, response.headers["cache-control"]) == (code, "private, no-store")


async def test_adds_utm_parameters_and_records_them(site: Site) -> None:
    link = await site.add(
        destination="https://example.com/?a=1#top", utm=Utm(source="mail", campaign="x y"), tags=("vip",)
    )
    response = await site.get(f"/{link.slug}")
    assert response.headers["location"].startswith("https://example.com/?a=1&utm_source=mail&utm_campaign=x")
    assert response.headers["location"].endswith("#top")
    (record,) = site.records(link)
    assert record.utm == ("mail", None, "x y", None, None)
    assert record.tags == ("vip",)
    assert record.destination == response.headers["location"]


async def test_unknown_slug_is_not_found(site: Site) -> None:
    """RD-01: 404, no-store, no click on any link."""
    before = (site.counts.redirects, site.counts.refusals)
    response = await site.get("/no-such-link")
    assert (response.status, response.headers["cache-control"]) == (404, "no-store")
    assert "location" not in response.headers
    assert (site.counts.redirects, site.counts.refusals) == before


@pytest.mark.parametrize(
    "path",
    [
        "/%ff%fe",
        "/%00",
        "/%2e%2e%2f",
        "/",
        "/a/b",
        "/%",
        "/%zz",
        "/favicon.ico",
        "/" + "x" * 300,
        "/%E2%80%AE",
    ],
)
async def test_strange_slugs_are_not_found(site: Site, path: str) -> None:
    """RD-02: whatever cannot be a slug is 404, never 500."""
    assert (await site.get(path)).status == 404


@pytest.mark.parametrize("path", ["/cafe%CC%81-x", "/caf%C3%A9-X", "/CAF%c3%89-x"])
async def test_spellings_of_one_slug(site: Site, path: str) -> None:
    """LK-06: however a slug is typed, it is the same link."""
    if not await site.services.database["links"].find_one({"slug": "café-x"}):
        await site.add("café-x")
    assert (await site.get(path)).status == 302


async def test_head_is_answered_like_get(site: Site) -> None:
    """RD-04: the same status and Location without a body, recorded as HEAD."""
    link = await site.add()
    response = await site.get(f"/{link.slug}", method="HEAD")
    assert (response.status, response.headers["location"]) == (302, "https://example.com/landing")
    assert [record.purpose for record in site.records(link)] == [Purpose.HEAD]
    missing = await site.get("/no-such-link", method="HEAD")
    assert (missing.status, missing.body) == (404, "")
    assert int(missing.headers["content-length"]) > 0


@pytest.mark.parametrize(
    "header",
    [
        "Sec-Purpose: prefetch",
        "Sec-Purpose: prefetch;anonymous-client-ip",
        "Sec-Purpose: prefetch;prerender",
        "Purpose: prefetch",
        "X-Moz: prefetch",
    ],
)
async def test_prefetches_are_marked(site: Site, header: str) -> None:
    """RD-05: served like any visit, and told apart."""
    link = await site.add()
    for _ in range(2):
        assert (await site.get(f"/{link.slug}", header)).status == 302
    assert [record.purpose for record in site.records(link)] == [Purpose.PREFETCH] * 2


@pytest.mark.parametrize("method", ["POST", "PUT", "TRACE", "DELETE", "OPTIONS", "PATCH"])
async def test_other_methods_are_not_allowed(site: Site, method: str) -> None:
    """RD-06: 405 with Allow, and no click."""
    link = await site.add()
    response = await site.get(f"/{link.slug}", method=method)
    assert (response.status, response.headers["allow"]) == (405, "GET, HEAD")
    assert site.records(link) == []


async def test_unknown_host_is_not_found(site: Site) -> None:
    """RD-07: a link belongs to its host; headers that name another one change nothing."""
    link = await site.add()
    assert (await site.get(f"/{link.slug}", host="evil.example")).status == 404
    response = await site.get(f"/{link.slug}", "X-Forwarded-Host: evil.example", host=DOMAIN.upper() + ".:80")
    assert (response.status, response.headers["location"]) == (302, "https://example.com/landing")
    assert "evil" not in (await site.get("/none", "X-Forwarded-Host: evil.example")).body


async def test_links_of_other_hosts_follow_their_host(site: Site) -> None:
    mine = await site.add("same", destination="https://example.com/mine")
    await site.add("same", domain="links.example:8443", destination="https://example.com/theirs")
    response = await site.get("/same", host="links.example:8443")
    assert response.headers["location"] == "https://example.com/theirs"
    assert site.records(mine) == []


@pytest.mark.parametrize(
    "host", ["a/../admin?x", "a@b", "a b", "", "a:b:c", "go.example:123456", "[::1", "ä.example"]
)
async def test_malformed_hosts_are_refused(site: Site, host: str) -> None:
    """RD-08: 400."""
    assert (await site.get("/x", host=host)).status == 400


@pytest.mark.parametrize(
    "head",
    [
        b"GET @evil.com HTTP/1.1\r\nHost: go.example\r\n\r\n",
        b"GET http://go.example/x HTTP/1.1\r\nHost: go.example\r\n\r\n",
        b"GET http://evil.com/x HTTP/1.1\r\nHost: go.example\r\n\r\n",
        b"GET /x HTTP/1.1\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: go.example\r\nHost: evil.com\r\n\r\n",
        b"CONNECT go.example:443 HTTP/1.1\r\nHost: go.example\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
async def test_malformed_targets_are_refused(site: Site, head: bytes) -> None:
    """RD-08: 400, also for a link that the table knows."""
    link = await site.add()
    await site.get(f"/{link.slug}")
    answer = await site.send(head.replace(b"/x", f"/{link.slug}".encode()))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"location" not in answer.lower()
    assert len(site.records(link)) == 1


@pytest.mark.parametrize(
    ("stored", "location"),
    [
        ("https://example.com/a\r\nSet-Cookie: x=1", "https://example.com/aSet-Cookie:%20x=1"),
        ("https://example.com/\U0001f600?q=ü", "https://example.com/%F0%9F%98%80?q=%C3%BC"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
    ],
)
async def test_bad_rows_are_encoded(site: Site, stored: str, location: str) -> None:
    """RD-09, RD-10: what a hand put into the database leaves as ASCII, and adds no header."""
    link = await site.add()
    await site.services.database["links"].update_one({"_id": link.id}, {"$set": {"destination": stored}})
    response = await site.get(f"/{link.slug}")
    assert (response.status, response.headers["location"]) == (302, location)
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "change",
    [
        {"destination": "javascript:alert(1)"},
        {"destination": ""},
        {"destination": f"https://{DOMAIN.upper()}./loop"},
        {"destination": 7},
        {"version": "one"},
        {"created_at": "yesterday"},
    ],
)
async def test_rows_that_lead_nowhere_get_a_page(site: Site, change: dict[str, object]) -> None:
    """RD-09, RD-17: a safe page, no Location, no click, and the connection lives on."""
    link = await site.add()
    await site.services.database["links"].update_one({"_id": link.id}, {"$set": change})
    for _ in range(2):
        response = await site.get(f"/{link.slug}")
        assert (response.status, "location" in response.headers) == (502, False)
    assert site.records(link) == []


async def test_closed_links(site: Site) -> None:
    """Paused, archived and expired links are gone, or lead to their fallback; the click says why."""
    now = datetime.now(UTC)
    closed: dict[Outcome, dict[str, Any]] = {
        Outcome.PAUSED: {"paused": True},
        Outcome.ARCHIVED: {"archived_at": now},
        Outcome.EXPIRED: {"expires_at": now - HOUR},
    }
    for outcome, fields in closed.items():
        gone = await site.add(**fields)
        assert (await site.get(f"/{gone.slug}")).status == 410
        assert [(each.outcome, each.destination) for each in site.records(gone)] == [(outcome, None)]
        led = await site.add(fallback="https://example.com/over", redirect_code=301, **fields)
        response = await site.get(f"/{led.slug}")
        assert (response.status, response.headers["location"]) == (302, "https://example.com/over")
        assert [(each.outcome, each.destination) for each in site.records(led)] == [
            (outcome, "https://example.com/over")
        ]


async def test_scheduled_links_are_not_there_yet(site: Site) -> None:
    """Before its time a link is 404: not even the fallback tells that it exists."""
    link = await site.add(starts_at=datetime.now(UTC) + HOUR, fallback="https://example.com/over")
    response = await site.get(f"/{link.slug}")
    assert (response.status, "location" in response.headers) == (404, False)
    assert [each.outcome for each in site.records(link)] == [Outcome.NOT_STARTED]


async def test_open_links_with_a_time_window(site: Site) -> None:
    now = datetime.now(UTC)
    link = await site.add(starts_at=now - HOUR, expires_at=now + HOUR)
    assert (await site.get(f"/{link.slug}")).status == 302


async def test_deleted_links_are_not_found(site: Site) -> None:
    """RD-12: a tombstone keeps the slug and answers 404."""
    link = await site.add()
    tombstone = {key: getattr(link, key) for key in ("workspace_id", "domain", "slug", "slug_key", "version")}
    await site.services.database["links"].replace_one(
        {"_id": link.id}, {**tombstone, "deleted_at": link.created_at}
    )
    assert (await site.get(f"/{link.slug}")).status == 404


@pytest.mark.parametrize("name", ["redir_url", "url", "next", "redirect", "continue"])
async def test_queries_name_no_destination(site: Site, name: str) -> None:
    """LK-10: an open redirect there is not."""
    for forward in (False, True):
        link = await site.add(forward_query=forward)
        response = await site.get(f"/{link.slug}?{name}=https://evil.example/")
        assert response.headers["location"].split("?")[0] == "https://example.com/landing"


async def test_forwards_queries_when_asked_to(site: Site) -> None:
    """LK-11: encoded, capped, and nothing but parameters is added."""
    link = await site.add(destination="https://example.com/p?a=1#f", forward_query=True)
    response = await site.get(f"/{link.slug}?b=2&b=3&a=9&c=%0d%0aSet-Cookie:x&d=e%23f&qr=1")
    assert (
        response.headers["location"] == "https://example.com/p?a=1&b=2&b=3&c=%0D%0ASet-Cookie%3Ax&d=e%23f#f"
    )
    assert "set-cookie" not in response.headers
    long = await site.get(f"/{link.slug}?x=1&y={'y' * 7_000}&z=1")
    assert long.headers["location"] == "https://example.com/p?a=1&x=1#f"
    assert [each.qr for each in site.records(link)] == [True, False]
