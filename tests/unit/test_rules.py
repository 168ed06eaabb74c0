"""Where visits go: routes and decisions, by the clock and the visitor's query."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import forwarding, plans, routes, rules
from domain.agents import Agent, Agents
from domain.facts import Known
from domain.links import Link, Rule
from domain.routes import Decision
from domain.utm import Utm
from domain.visits import Outcome, Visit

KNOWN = Known(Agents().read)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)
DESTINATION = "https://example.com/landing"
FALLBACK = "https://example.com/over"


def link(**given_fields: Any) -> Link:
    fields = {
        "id": "lnk_01",
        "workspace_id": "ws_01",
        "domain": "go.example",
        "slug": "a",
        "slug_key": "a",
        "destination": DESTINATION,
        "created_at": NOON,
        "updated_at": NOON,
        **given_fields,
    }
    return Link(**fields)


def decide(at_ms: int = NOON_MS, query: str = "", **fields: Any) -> Decision:
    return rules.decide(routes.route(link(**fields)), Visit(at_ms=at_ms, query=query), KNOWN)


def test_an_open_link_leads_to_its_destination() -> None:
    assert decide(redirect_code=308) == Decision(Outcome.REDIRECT, DESTINATION, 308)
    assert routes.route(link()).settled == Decision(Outcome.REDIRECT, DESTINATION, 302)


def test_utm_parameters_are_part_of_the_destination() -> None:
    assert decide(utm=Utm(source="mail")).destination == f"{DESTINATION}?utm_source=mail"


@pytest.mark.parametrize(
    ("at_ms", "outcome"),
    [
        (NOON_MS - 1, Outcome.NOT_STARTED),
        (NOON_MS, Outcome.REDIRECT),
        (NOON_MS + 999, Outcome.REDIRECT),
        (NOON_MS + 1_000, Outcome.EXPIRED),
    ],
)
def test_a_link_is_open_from_its_start_until_its_end(at_ms: int, outcome: Outcome) -> None:
    end = datetime.fromtimestamp((NOON_MS + 1_000) / 1_000, UTC)
    decision = decide(at_ms, starts_at=NOON, expires_at=end, fallback=FALLBACK)
    wanted = {Outcome.REDIRECT: DESTINATION, Outcome.EXPIRED: FALLBACK, Outcome.NOT_STARTED: None}
    assert (decision.outcome, decision.destination) == (outcome, wanted[outcome])


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"paused": True}, Outcome.PAUSED),
        ({"archived_at": NOON}, Outcome.ARCHIVED),
        ({"archived_at": NOON, "paused": True}, Outcome.ARCHIVED),
        ({"paused": True, "expires_at": NOON}, Outcome.PAUSED),
    ],
)
def test_a_closed_link_leads_to_its_fallback_or_nowhere(fields: dict[str, Any], outcome: Outcome) -> None:
    """The fallback never gets a permanent code or UTM parameters."""
    utm = Utm(source="mail")
    assert decide(**fields) == Decision(outcome, None, 302)
    assert decide(**fields, fallback=FALLBACK, redirect_code=301, utm=utm) == Decision(outcome, FALLBACK, 302)


@pytest.mark.parametrize(
    "stored", ["javascript:alert(1)", "", "x", "ftp://example.com/", "https://", "https://GO.example./x"]
)
def test_what_is_no_web_address_is_not_followed(stored: str) -> None:
    """RD-09, RD-17."""
    assert decide(destination=stored) == Decision(Outcome.REDIRECT, None, 302)


def test_forwards_what_the_destination_does_not_have() -> None:
    """LK-11: repeated names stay in order, the destination's own win, ours is not forwarded."""
    destination = "https://example.com/p?a=1#f"
    assert decide(query="b=2&a=9&b=3&qr=1&c", destination=destination, forward_query=True).destination == (
        "https://example.com/p?a=1&b=2&b=3&c=#f"
    )
    assert decide(query="b=2", destination=destination).destination == destination


def test_which_rule_matched_is_remembered_no_longer_than_it_holds() -> None:
    """RU6: the same visitor a moment later, another one, and the same rule of an edited link."""
    known = Known(Agents().read)
    rule = Rule(name="noon", when={"time": {"from": "12:00", "to": "13:00"}}, destination=FALLBACK)
    route = routes.route(link(rules=(rule,)))

    def met(at_ms: int, route: routes.Route = route) -> str | None:
        return rules.decide(route, Visit(at_ms, country="GB"), known).rule

    hour = 3_600_000
    assert [met(NOON_MS - 1), met(NOON_MS), met(NOON_MS + hour - 1), met(NOON_MS + hour)] == [
        None,
        "noon",
        "noon",
        None,
    ]
    edited = Rule(name="noon", when={"not": {"country": ["GB"]}}, destination=FALLBACK)
    assert met(NOON_MS, routes.route(link(rules=(edited,)))) is None
    assert 0 < len(known.matched) <= plans.REMEMBERED


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """And holds no address, query or hash of a visit."""
    monkeypatch.setattr(plans, "REMEMBERED", 10)
    known = Known(Agents().read)
    several = tuple(Rule(name=f"{place}", when={"city": [f"{place}"]}, block=True) for place in range(40))
    route = routes.route(link(rules=several))
    for number in range(100):
        visit = Visit(NOON_MS, city=f"{number}", visitor=b"hash", query="a=1", address="192.0.2.7")
        assert rules.decide(route, visit, known).rule == (f"{number}" if number < 40 else None)
    assert 0 < len(known.matched) <= 10
    assert {type(part) for key in known.matched for part in key} == {bytes, int}
    assert 0 < len(known.heard) <= 10
    parts = {part for key in known.heard for part in key}
    assert parts.isdisjoint({b"hash", "a=1", "192.0.2.7"})


@pytest.mark.parametrize(
    ("when", "other"),
    [
        ({"query": {"name": "a", "in": ["1"]}}, {"query": "a=1"}),
        ({"ip": ["192.0.2.0/24"]}, {"address": "192.0.2.7"}),
        ({"returning": True}, {"returning": True}),
        ({"between": {"after": "2026-11-20T12:00:00.500Z"}}, {"at_ms": NOON_MS + 500}),
        ({"percent": 50}, {"visitor": b"2"}),
    ],
)
def test_who_says_the_same_is_told_apart(when: dict[str, Any], other: dict[str, Any]) -> None:
    """What visits say of themselves is looked up once for them; what else rules ask is not."""
    known = Known(Agents().read)
    both = {"all": [{"country": ["GB"]}, {"device": ["BOT"]}, when]}
    ruled = link(rules=(Rule(name="r", when=both, block=True),))
    route, first = routes.route(ruled), Visit(NOON_MS, agent="x", country="GB", visitor=b"1")
    visits = [first, msgspec.structs.replace(first, **other), first]
    met = [rules.decide(route, visit, known).rule for visit in visits]
    assert met == [rules.explain(ruled, visit, known)[0].rule for visit in visits]
    assert set(met) == {None, "r"}
    assert len(known.heard) == 1


def test_what_is_dear_is_asked_only_where_nothing_else_decides() -> None:
    """An agent that nobody has seen before is read only for a rule that may still match."""
    read: list[str] = []

    def reading(agent: str) -> Agent:
        read.append(agent)
        return KNOWN.agents(agent)

    phone = {"all": [{"not": {"device": ["DESKTOP"]}}, {"query": {"name": "a", "in": ["1"]}}]}
    rest = {"any": [{"device": ["DESKTOP"]}, {"country": ["GB"]}]}
    route = routes.route(
        link(rules=(Rule(name="phone", when=phone, block=True), Rule(name="rest", when=rest, block=True)))
    )

    def met(**seen: Any) -> str | None:
        return rules.decide(route, Visit(NOON_MS, agent="x", **seen), Known(reading)).rule

    assert (met(country="GB"), len(read)) == ("rest", 0)
    assert (met(), len(read)) == (None, 1)
    assert (met(country="GB", query="a=1"), len(read)) == ("phone", 2)


def test_links_without_rules_are_settled() -> None:
    """They cost what they did before there were rules."""
    assert routes.route(link()).settled == Decision(Outcome.REDIRECT, DESTINATION, 302)
    assert routes.route(link(rules=(Rule(name="r", when={"percent": 1}, block=True),))).settled is None


@given(query=st.text(max_size=300).map(lambda text: text + "&x=" + text))
def test_a_query_never_changes_where_the_visitor_goes(query: str) -> None:
    """LK-11: whatever is sent, scheme, host, path and fragment stay, and the result is plain ASCII."""
    forwarded = forwarding.forwarded("https://example.com/p?a=1#f", query)
    parts = urlsplit(forwarded)
    assert (parts.scheme, parts.netloc, parts.path, parts.fragment) == ("https", "example.com", "/p", "f")
    assert parse_qsl(parts.query)[0] == ("a", "1")
    assert forwarded.isascii()
    assert forwarded.isprintable()
    assert " " not in forwarded


@given(pairs=st.lists(st.tuples(st.text("abc", min_size=1), st.text(max_size=900)), max_size=200))
def test_what_is_forwarded_is_capped(pairs: list[tuple[str, str]]) -> None:
    """LK-11: at most FORWARDED_BYTES are added, in whole parameters."""
    query = "&".join(f"{name}={value.encode().hex()}" for name, value in pairs)
    forwarded = forwarding.forwarded("https://example.com/", query)
    assert len(forwarded) <= len("https://example.com/") + forwarding.FORWARDED_BYTES + 1
    kept = parse_qsl(urlsplit(forwarded).query, keep_blank_values=True)
    assert kept == parse_qsl(query, keep_blank_values=True)[: len(kept)]
