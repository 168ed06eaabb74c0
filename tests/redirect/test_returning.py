"""Rules on who returns, and on how many clicks a link has: what a redirect knows beyond the visit."""

import re
from collections.abc import Mapping

import msgspec
import pytest

from app.settings import Settings
from domain import ledgers
from domain.agents import Agents
from domain.ledgers import Stretch
from redirect.cookies import LIFETIME_DAYS
from storage.ledgers import Ledger
from tests.api.conftest import Api
from tests.faults.proxies import door, mongodb_socket
from tests.redirect.decisions import ELSEWHERE, FIREFOX, IPHONE, MATCHED, explained, visited
from tests.redirect.sites import DOMAIN, Site, serving_site

RULES = [{"name": "back", "when": {"returning": True}, "destination": MATCHED}]
PERSON = {"userAgent": FIREFOX}


async def test_a_browser_that_keeps_cookies_returns(ruled: Site, caller: Api) -> None:
    """RU4: the first visit is new and gets an opaque cookie, the next one is not and gets no other."""
    link = await caller.create(ELSEWHERE, domain=DOMAIN, rules=RULES)
    first = await visited(ruled, link["slug"], PERSON)
    assert first.headers["location"] == ELSEWHERE
    cookie = first.headers["set-cookie"]
    assert re.fullmatch(
        rf"lg_v=[A-Za-z0-9_-]{{22}}; Max-Age={LIFETIME_DAYS * 86_400}; Path=/; HttpOnly; SameSite=Lax", cookie
    )
    sent = f"Cookie: other=1; {cookie.partition(';')[0]}; more=2"
    second = await visited(ruled, link["slug"], PERSON, sent)
    assert (second.headers["location"], "set-cookie" in second.headers) == (MATCHED, False)
    assert (await explained(caller, link, PERSON))["destination"] == ELSEWHERE
    assert (await explained(caller, link, {**PERSON, "returning": True}))["destination"] == MATCHED
    value = cookie.partition(";")[0].partition("=")[2]
    for record in ruled.records_of(link["id"]):
        assert value.encode() not in msgspec.msgpack.encode(record)


@pytest.mark.parametrize(
    "cookie", ["lg_v=", "lg_v=short", f"lg_v={'x' * 23}", f"xlg_v={'x' * 22}", f"lg_v={'x' * 21}%"]
)
async def test_what_is_no_cookie_of_ours_is_none(ruled: Site, caller: Api, cookie: str) -> None:
    link = await caller.create(ELSEWHERE, domain=DOMAIN, rules=RULES)
    answer = await visited(ruled, link["slug"], PERSON, f"Cookie: {cookie}")
    assert (answer.headers["location"], "set-cookie" in answer.headers) == (ELSEWHERE, True)


async def test_who_wants_no_recognition_gets_none(ruled: Site, caller: Api) -> None:
    """CL-12: Sec-GPC means that a cookie is neither set nor read."""
    link = await caller.create(ELSEWHERE, domain=DOMAIN, rules=RULES)
    for cookie in ((), (f"Cookie: lg_v={'x' * 22}",)):
        answer = await visited(ruled, link["slug"], PERSON, "Sec-GPC: 1", *cookie)
        assert (answer.headers["location"], "set-cookie" in answer.headers) == (ELSEWHERE, False)


@pytest.mark.parametrize(("method", "header"), [("HEAD", "X-A: 1"), ("GET", "Sec-Purpose: prefetch")])
async def test_who_may_still_come_is_not_marked(ruled: Site, caller: Api, method: str, header: str) -> None:
    """A prefetch must not make the visit that it is for a second one."""
    link = await caller.create(ELSEWHERE, domain=DOMAIN, rules=RULES)
    answer = await visited(ruled, link["slug"], PERSON, header, method=method)
    assert (answer.status, "set-cookie" in answer.headers) == (302, False)


async def test_only_links_that_ask_set_a_cookie(ruled: Site, caller: Api) -> None:
    asking = [{"name": "r", "when": {"country": ["GB"]}, "destination": MATCHED}]
    for given in ({}, {"rules": asking}, {"clickLimit": 5}):
        link = await caller.create(ELSEWHERE, domain=DOMAIN, **given)
        assert "set-cookie" not in (await visited(ruled, link["slug"], PERSON)).headers


@pytest.mark.parametrize(("scheme", "secure"), [("https", True), ("http", False), ("https, http", False)])
async def test_cookies_of_https_are_secure(ruled: Site, caller: Api, scheme: str, secure: bool) -> None:
    """As the trusted proxy says that the visitor came."""
    link = await caller.create(ELSEWHERE, domain=DOMAIN, rules=RULES)
    answer = await visited(ruled, link["slug"], PERSON, f"X-Forwarded-Proto: {scheme}")
    assert answer.headers["set-cookie"].endswith("; Secure") is secure


async def test_shares_stay_with_the_cookie(ruled: Site, caller: Api) -> None:
    """The same variant from the first visit on, also from another address and with another agent."""
    variants = [{"key": key, "destination": f"https://example.com/{key}"} for key in "abcdefgh"]
    rules = [{"name": "all", "when": {"any": [{"returning": True}, {"percent": 100}]}, "variants": variants}]
    link = await caller.create(ELSEWHERE, domain=DOMAIN, rules=rules)
    for number in range(8):
        first = await visited(ruled, link["slug"], {"userAgent": f"{FIREFOX} {number}"})
        sent = f"Cookie: {first.headers['set-cookie'].partition(';')[0]}"
        moved: Mapping[str, str] = {"userAgent": IPHONE, "ip": "192.0.2.7"}
        later = await visited(ruled, link["slug"], moved, sent)
        assert later.headers["location"] == first.headers["location"]


async def shipped(site: Site, link_id: str) -> None:
    """Put what the journal has of a link into the ledger, as a worker would."""
    agents = Agents()
    entries = tuple(
        ledgers.entry(site.services.ids.new("clk"), record, agents.read)
        for record in site.records_of(link_id)
    )
    stretch = Stretch(site.services.ids.new("jnl"), 0, 1_000, entries)
    async with Ledger(site.services.database, site.services.clock) as ledger:
        await ledger.offset_of(stretch.journal_id)
        await ledger.commit(stretch, 0)


async def test_how_many_clicks_a_link_has(
    settings: Settings, caller: Api, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """RU5: people count; the figure is as old as what is known of the link, also while MongoDB is away."""
    rules = [{"name": "busy", "when": {"clicks": {"gte": 3}}, "destination": MATCHED}]
    async with door(mongodb_socket(settings)) as mongodb:
        url = f"mongodb://127.0.0.1:{mongodb.port}/?directConnection=true"
        own = msgspec.structs.replace(
            settings, mongodb_url=url, redirect_lookup_ms=250, data_dir=tmp_path_factory.mktemp("counted")
        )
        async with serving_site(own) as site:
            link = await caller.create(ELSEWHERE, domain=DOMAIN, rules=rules)
            for agent in (FIREFOX, FIREFOX, IPHONE, "Googlebot/2.1"):
                answer = await visited(site, link["slug"], {"userAgent": agent})
                assert answer.headers["location"] == ELSEWHERE
            assert (await explained(caller, link, PERSON))["destination"] == ELSEWHERE
            await shipped(site, link["id"])
            assert (await explained(caller, link, PERSON))["rule"] == "busy"
            assert (await visited(site, link["slug"], PERSON)).headers["location"] == ELSEWHERE
            site.redirect.routes.listening()  # everything is asked for again, as within five seconds
            assert (await visited(site, link["slug"], PERSON)).headers["location"] == MATCHED
            await mongodb.refuse()
            site.redirect.routes.listening()
            assert (await visited(site, link["slug"], PERSON)).headers["location"] == MATCHED
