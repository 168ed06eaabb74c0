"""Rules and variants from createLink to the Location of a real answer, with `explain` agreeing each time."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from domain import agents, ledgers
from domain.visits import Outcome
from tests.api.conftest import Api
from tests.redirect.decisions import (
    CITIES,
    ELSEWHERE,
    FIREFOX,
    IPHONE,
    LONDON,
    LOS_ANGELES,
    MATCHED,
    Visitor,
    explained,
    location,
)
from tests.redirect.sites import DOMAIN, Site

placed = pytest.mark.skipif(not CITIES.exists(), reason="the geo test database is not part of the project")


def hours(zone: str) -> dict[str, str]:
    """From an hour ago for two hours, as clocks in `zone` show it."""
    now = datetime.now(ZoneInfo(zone))
    return {
        "from": f"{now - timedelta(hours=1):%H:%M}",
        "to": f"{now + timedelta(hours=1):%H:%M}",
    }


def instant(hour: int) -> str:
    return f"{datetime.now(UTC) + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}"


CASES: dict[str, tuple[Mapping[str, Any], Visitor, Visitor]] = {
    "all": (
        {"all": [{"ip": [f"{LONDON}/32"]}, {"device": ["MOBILE"]}]},
        {"ip": LONDON, "userAgent": IPHONE},
        {"ip": LONDON, "userAgent": FIREFOX},
    ),
    "any": (
        {"any": [{"ip": ["10.0.0.0/8"]}, {"device": ["MOBILE"]}]},
        {"ip": LONDON, "userAgent": IPHONE},
        {"ip": LONDON, "userAgent": FIREFOX},
    ),
    "not": ({"not": {"device": ["MOBILE"]}}, {"userAgent": FIREFOX}, {"userAgent": IPHONE}),
    "ip": ({"ip": ["81.2.69.0/24", "2001:db8::/32"]}, {"ip": "2001:db8::1"}, {"ip": "2001:db9::1"}),
    "device": ({"device": ["MOBILE", "TABLET"]}, {"userAgent": IPHONE}, {"userAgent": FIREFOX}),
    "os": ({"os": ["ios"]}, {"userAgent": IPHONE}, {"userAgent": FIREFOX}),
    "browser": ({"browser": ["Firefox"]}, {"userAgent": FIREFOX}, {"userAgent": IPHONE}),
    "language": ({"language": ["de"]}, {"languages": ["nl", "de-AT", "en"]}, {"languages": ["nl", "en"]}),
    "referrer": (
        {"referrer": ["example.org"]},
        {"referrer": "https://News.Example.org:8443/a"},
        {"referrer": "https://notexample.org/"},
    ),
    "query": (
        {"query": {"name": "age", "gte": 18, "lt": 30}},
        {"query": {"age": "18"}},
        {"query": {"age": "30"}},
    ),
    "query exists": (
        {"query": {"name": "ref", "exists": True}},
        {"query": {"ref": ""}},
        {"query": {"other": "1"}},
    ),
    "time": ({"time": {**hours("Asia/Kolkata"), "timezone": "Asia/Kolkata"}}, {}, {"at": instant(5)}),
    "between": ({"between": {"after": instant(-1), "before": instant(1)}}, {}, {"at": instant(2)}),
}
"""Of each condition: itself, a visitor whom it matches, and one whom it does not."""

PLACED: dict[str, tuple[Mapping[str, Any], Visitor, Visitor]] = {
    "continent": ({"continent": ["EU"]}, {"ip": LONDON}, {"ip": LOS_ANGELES}),
    "country": ({"country": ["GB", "IE"]}, {"ip": LONDON}, {"ip": LOS_ANGELES}),
    "region": ({"region": ["US-CA"]}, {"ip": LOS_ANGELES}, {"ip": LONDON}),
    "city": ({"city": ["san diego"]}, {"ip": LOS_ANGELES}, {"ip": LONDON}),
    "visitor's time": (
        {"time": {**hours("Europe/London"), "timezone": "VISITOR"}},
        {"ip": LONDON},
        {"ip": LOS_ANGELES},
    ),
}


async def decided(api: Api, site: Site, when: Mapping[str, Any], *visitors: Visitor) -> list[str | None]:
    """Which rule each visitor meets on a link with one rule; answer and explanation have to agree."""
    rules = [{"name": "first", "when": when, "destination": MATCHED}]
    link = await api.create(ELSEWHERE, domain=DOMAIN, rules=rules)
    decisions = [await explained(api, link, visitor) for visitor in visitors]
    for visitor, decision in zip(visitors, decisions, strict=True):
        assert decision["destination"] == (MATCHED if decision["rule"] else ELSEWHERE)
        if "at" not in visitor:  # only `explain` knows other moments than now
            assert await location(site, link["slug"], visitor) == decision["destination"]
    return [decision["rule"] for decision in decisions]


@pytest.mark.parametrize("name", CASES)
async def test_a_condition_from_creation_to_redirect(ruled: Site, caller: Api, name: str) -> None:
    """RU1, RU2, RU4."""
    assert await decided(caller, ruled, *CASES[name]) == ["first", None]


@placed
@pytest.mark.parametrize("name", PLACED)
async def test_a_place_from_creation_to_redirect(ruled: Site, caller: Api, name: str) -> None:
    """RU3."""
    assert await decided(caller, ruled, *PLACED[name]) == ["first", None]


async def test_attributes_of_the_link(ruled: Site, caller: Api) -> None:
    """RU1: lists and objects are looked into; without the attribute the link's own destination."""
    when = {
        "all": [
            {"attribute": {"name": "customer.plan", "in": ["trial"]}},
            {"attribute": {"name": "tags", "in": ["b"]}},
            {"attribute": {"name": "seats", "gte": 5}},
        ]
    }
    rules = [{"name": "trial", "when": when, "destination": MATCHED}]
    attributes = {"customer": {"plan": "trial"}, "tags": ["a", "b"], "seats": 5}
    for given, wanted in ((attributes, MATCHED), ({**attributes, "seats": 4}, ELSEWHERE), ({}, ELSEWHERE)):
        link = await caller.create(ELSEWHERE, domain=DOMAIN, rules=rules, attributes=given)
        assert await location(ruled, link["slug"], {}) == wanted
        assert (await explained(caller, link, {}))["destination"] == wanted


@pytest.mark.parametrize(("share", "wanted"), [(0, ELSEWHERE), (100, MATCHED)])
async def test_shares(ruled: Site, caller: Api, share: int, wanted: str) -> None:
    """Nobody and everybody; what lies between is in tests/unit/test_variants.py."""
    rules = [{"name": "share", "when": {"percent": share}, "destination": MATCHED}]
    link = await caller.create(ELSEWHERE, domain=DOMAIN, rules=rules)
    for number in range(5):
        visitor = {"userAgent": f"agent {number}", "visitor": f"{number}"}
        assert await location(ruled, link["slug"], visitor) == wanted
        assert (await explained(caller, link, visitor))["destination"] == wanted


async def test_the_first_rule_that_matches_decides(ruled: Site, caller: Api) -> None:
    """RU6: a rule leads to a destination, to variants, or blocks; its name stands in the click."""
    rules = [
        {"name": "blocked", "when": {"query": {"name": "a", "in": ["1"]}}, "block": True},
        {
            "name": "split",
            "when": {"query": {"name": "a", "in": ["1", "2"]}},
            "variants": [{"key": "only", "destination": f"{MATCHED}?x=1#f"}],
        },
        {"name": "rest", "when": {"query": {"name": "a", "exists": True}}, "destination": MATCHED},
    ]
    link = await caller.create(
        ELSEWHERE, domain=DOMAIN, rules=rules, utm={"source": "mail"}, redirectCode=307, fallback=ELSEWHERE
    )
    seen = [await ruled.get(f"/{link['slug']}?a={value}") for value in (1, 2, 3)]
    assert [(each.status, each.headers.get("location")) for each in seen] == [
        (403, None),
        (307, f"{MATCHED}?x=1&utm_source=mail#f"),
        (307, f"{MATCHED}?utm_source=mail"),
    ]
    assert seen[0].headers["cache-control"] == "no-store"
    records = ruled.records_of(link["id"])
    clicks = [ledgers.entry("clk_1", record, agents.Agents().read).click for record in records]
    assert [(click.outcome, click.rule, click.variant) for click in clicks] == [
        (Outcome.BLOCKED, "blocked", None),
        (Outcome.REDIRECT, "split", "only"),
        (Outcome.REDIRECT, "rest", None),
    ]


async def test_variants_share_visitors_and_stay_with_them(ruled: Site, caller: Api) -> None:
    """By weight, each visitor the same one at every visit, as the clicks say."""
    variants = [
        {"key": "a", "destination": "https://example.com/a", "weight": 3},
        {"key": "b", "destination": "https://example.com/b"},
    ]
    link = await caller.create(ELSEWHERE, domain=DOMAIN, variants=variants)
    drawn: Counter[str] = Counter()
    for number in range(120):
        visitor = {"userAgent": f"agent {number}"}
        first = await location(ruled, link["slug"], visitor)
        assert first == await location(ruled, link["slug"], visitor)
        drawn[str(first)[-1]] += 1
    assert drawn.keys() == {"a", "b"}
    assert 70 <= drawn["a"] <= 108  # 90 expected; 5 standard deviations would leave this range once in 10^4
    for record in ruled.records_of(link["id"]):
        assert record.destination == f"https://example.com/{record.variant}"


async def test_forwarded_queries_reach_the_destination_of_a_rule(ruled: Site, caller: Api) -> None:
    """LK-11: nothing but parameters is added to it."""
    rules = [{"name": "r", "when": {"query": {"name": "a", "exists": True}}, "destination": f"{MATCHED}?k=1"}]
    link = await caller.create(ELSEWHERE, domain=DOMAIN, rules=rules, forwardQuery=True)
    answer = await ruled.get(f"/{link['slug']}?a=2&k=9")
    assert answer.headers["location"] == f"{MATCHED}?k=1&a=2"


async def test_no_address_is_recorded(ruled: Site, caller: Api) -> None:
    """RU3: an address that a rule asks for is forgotten like every other, and no trace shows it."""
    rules = [{"name": "net", "when": {"ip": ["81.2.69.0/24"]}, "destination": MATCHED}]
    link = await caller.create(ELSEWHERE, domain=DOMAIN, rules=rules)
    assert await location(ruled, link["slug"], {"ip": LONDON}) == MATCHED
    (record,) = ruled.records_of(link["id"])
    assert LONDON.encode() not in msgspec.msgpack.encode(record)
    assert LONDON not in " ".join((await explained(caller, link, {"ip": LONDON}))["trace"])


async def test_a_stored_rule_that_is_none_is_a_broken_link(ruled: Site) -> None:
    """RD-09: a hand in the database makes a page, no crash and no wrong destination."""
    link = await ruled.add()
    broken = [{"name": "r", "when": {"no such": 1}, "destination": MATCHED, "variants": [], "block": False}]
    await ruled.services.database["links"].update_one({"_id": link.id}, {"$set": {"rules": broken}})
    assert (await ruled.get(f"/{link.slug}")).status == 502


async def test_visitors_without_a_hash_are_drawn_anew(ruled: Site, caller: Api) -> None:
    """CL-12: Sec-GPC means that nobody is recognised, also not to show them the same variant."""
    variants = [{"key": key, "destination": f"https://example.com/{key}"} for key in "ab"]
    link = await caller.create(ELSEWHERE, domain=DOMAIN, variants=variants)
    for _ in range(40):
        await ruled.get(f"/{link['slug']}", "Sec-GPC: 1")
    records = ruled.records_of(link["id"])
    assert {record.variant for record in records} == {"a", "b"}
    assert {record.visitor for record in records} == {b""}


def test_every_condition_has_a_visit() -> None:
    """The graph offers no condition that is not tried end to end."""
    from domain.conditions import KINDS

    tried = {name for when, _, _ in (*CASES.values(), *PLACED.values()) for name in when}
    assert KINDS.keys() - tried == {
        "attribute",
        "percent",
        "signal",
        "clicks",
        "returning",
    }  # in tests of their own
