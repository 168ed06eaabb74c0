"""Conditions: canonical forms, what they match at their edges, and that explaining changes no decision."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import conditions, grammar, plans, routes, rules, windows
from domain.agents import Agents
from domain.errors import Rejected
from domain.facts import Facts, Known, Scalar, Subject
from domain.grammar import Budget, Compiler
from domain.links import Link, Rule
from domain.variants import Variant
from domain.visits import Outcome, Visit

KNOWN = Known(Agents().read)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)  # a Friday
Json = Mapping[str, Any]


def holds(when: Json, at: datetime = NOON, attributes: Json | None = None, **seen: Any) -> bool:
    """Whether a condition matches a visit that is described by Visit's fields, asked alone and by table."""
    checked = Budget().checked(when)
    offered = frozenset(conditions.languages_of(checked))
    visit = Visit(at_ms=int(at.timestamp() * 1000), **seen)
    facts = Facts(visit, Subject("ws_01", "lnk_01", attributes or {}, offered), KNOWN)
    compiler = Compiler(("lnk_01", "r"))
    answer = compiler.compile(checked).matches(facts)
    assert plans.plan([(checked, compiler)], None).first(facts) == (0 if answer else 1)
    return answer


@pytest.mark.parametrize(
    ("given_one", "kept"),
    [
        ({"country": ["gb", "GB ", "IE"]}, {"country": ["GB", "IE"]}),
        ({"region": ["us-ca"]}, {"region": ["US-CA"]}),
        ({"ip": ["192.0.2.77/24", "2001:DB8::1"]}, {"ip": ["192.0.2.0/24", "2001:db8::1/128"]}),
        ({"language": ["PT-br"]}, {"language": ["pt-BR"]}),
        ({"referrer": ["Bücher.example."]}, {"referrer": ["xn--bcher-kva.example"]}),
        (
            {"time": {}},
            {"time": {"days": list(windows.Weekday), "from": "00:00", "to": "24:00", "timezone": "UTC"}},
        ),
        (
            {"between": {"after": "2026-01-01T01:00:00+01:00"}},
            {"between": {"after": "2026-01-01T00:00:00.000Z"}},
        ),
        ({"query": {"name": "a", "gte": 1, "lt": None}}, {"query": {"name": "a", "gte": 1.0}}),
        ({"clicks": {"gte": 5, "lt": None}}, {"clicks": {"gte": 5}}),
        ({"returning": False}, {"returning": False}),
        ({"not": {"any": [{"percent": 5}]}}, {"not": {"any": [{"percent": 5}]}}),
    ],
)
def test_conditions_are_kept_in_one_form(given_one: Json, kept: Json) -> None:
    checked = Budget().checked(given_one)
    assert checked == kept
    assert Budget().checked(checked) == kept


@pytest.mark.parametrize(
    ("given_one", "path"),
    [
        ({}, ()),
        ({"country": ["GB"], "city": ["x"]}, ()),
        ({"weather": ["rain"]}, ()),
        ({"country": []}, ("country",)),
        ({"country": ["GB", "UK"]}, ("country", "1")),
        ({"continent": ["Europe"]}, ("continent", "0")),
        ({"region": ["GB"]}, ("region", "0")),
        ({"city": [" "]}, ("city", "0")),
        ({"city": ["x" * 201]}, ("city", "0")),
        ({"ip": ["192.0.2.0/33"]}, ("ip", "0")),
        ({"ip": ["everywhere"]}, ("ip", "0")),
        ({"device": ["PHONE"]}, ("device", "0")),
        ({"language": ["de_AT"]}, ("language", "0")),
        ({"referrer": ["https://example.org"]}, ("referrer", "0")),
        ({"referrer": ["example.org/path"]}, ("referrer", "0")),
        ({"referrer": ["example.org:8443"]}, ("referrer", "0")),
        ({"query": {"name": "", "exists": True}}, ("query", "name")),
        ({"query": {"name": "a"}}, ("query",)),
        ({"query": {"name": "a", "in": []}}, ("query", "in")),
        ({"query": {"name": "a", "gte": 2, "lt": 2}}, ("query", "lt")),
        ({"query": {"name": "a", "gte": float("nan")}}, ("query", "gte")),
        ({"attribute": {"name": "a", "exists": False, "lt": 1}}, ("attribute", "exists")),
        ({"time": {"days": []}}, ("time", "days")),
        ({"time": {"days": ["FUN"]}}, ("time", "days", "0")),
        ({"time": {"from": "9:00"}}, ("time", "from")),
        ({"time": {"from": "24:00"}}, ("time", "from")),
        ({"time": {"to": "24:01"}}, ("time", "to")),
        ({"time": {"from": "08:00", "to": "08:00"}}, ("time", "to")),
        ({"time": {"timezone": "Mars/Olympus"}}, ("time", "timezone")),
        ({"time": {"timezone": "../../etc/passwd"}}, ("time", "timezone")),
        ({"time": {"timezone": "Europe"}}, ("time", "timezone")),
        ({"time": {"timezone": ""}}, ("time", "timezone")),
        ({"time": {"from": ""}}, ("time", "from")),
        ({"time": {"from": "09:00", "to": ""}}, ("time", "to")),
        ({"between": {}}, ("between",)),
        ({"between": {"after": "tomorrow"}}, ("between", "after")),
        ({"between": {"after": "", "before": "2026-01-02T00:00:00Z"}}, ("between", "after")),
        (
            {"between": {"after": "2026-01-02T00:00:00Z", "before": "2026-01-01T00:00:00Z"}},
            ("between", "before"),
        ),
        ({"percent": 101}, ("percent",)),
        ({"percent": True}, ("percent",)),
        ({"returning": 1}, ("returning",)),
        ({"clicks": {}}, ("clicks",)),
        ({"clicks": {"gte": -1}}, ("clicks", "gte")),
        ({"clicks": {"lt": True}}, ("clicks", "lt")),
        ({"clicks": {"lt": 2**31}}, ("clicks", "lt")),
        ({"clicks": {"gte": 5, "lt": 5}}, ("clicks", "lt")),
        ({"clicks": {"lt": 0}}, ("clicks", "lt")),
        ({"all": []}, ("all",)),
        ({"all": [{"percent": 1}, {"not": {"country": ["??"]}}]}, ("all", "1", "not", "country", "0")),
        ({"time": {"days": 3}}, ("time", "days")),  # only files can give this: GraphQL has types
        ({"query": {"name": "a", "gte": 10**400}}, ("query", "gte")),
    ],
)
def test_what_is_no_condition_is_refused_where_it_stands(given_one: Json, path: tuple[str, ...]) -> None:
    """RU6."""
    with pytest.raises(Rejected) as caught:
        Budget().checked(given_one)
    assert [error.field for error in caught.value.errors] == [path]


def test_depth_and_number_are_limited() -> None:
    """RU4, RU6: five levels and 200 conditions, of all rules together."""
    deep: Json = {"percent": 1}
    for _ in range(grammar.MAX_DEPTH - 1):
        deep = {"not": deep}
    assert Budget().checked(deep) == deep
    with pytest.raises(Rejected, match="5 levels"):
        Budget().checked({"not": deep})
    budget = Budget()
    for _ in range(2):
        budget.checked({"any": [{"percent": 1}] * 99})
    with pytest.raises(Rejected, match="more than 200"):
        budget.checked({"percent": 1})


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="'country'"):
        grammar.named("country")(conditions.Not)


def london(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        ("2026-11-20T21:59:59+00:00", False),  # Friday evening
        ("2026-11-20T22:00:00+00:00", True),
        ("2026-11-21T01:59:59+00:00", True),  # still Friday's
        ("2026-11-21T02:00:00+00:00", False),
        ("2026-11-21T22:00:00+00:00", False),  # Saturday's
        ("2026-11-20T01:00:00+00:00", False),  # Thursday's
    ],
)
def test_a_window_over_midnight_is_its_first_days(at: str, inside: bool) -> None:
    """RU2."""
    window = {"days": ["FRI"], "from": "22:00", "to": "02:00", "timezone": "Europe/London"}
    assert holds({"time": window}, london(at)) is inside


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        ("2026-03-29T00:59:00+00:00", False),  # 00:59; an hour later it is 02:00, 01:30 never comes
        ("2026-03-29T01:00:00+00:00", False),
        ("2026-03-30T00:30:00+00:00", True),  # the next day it does, in summer time
        ("2026-10-25T00:30:00+00:00", True),  # 01:30 in summer time
        ("2026-10-25T01:30:00+00:00", True),  # 01:30 again
        ("2026-10-25T02:30:00+00:00", False),
    ],
)
def test_windows_follow_the_clocks_on_the_wall(at: str, inside: bool) -> None:
    """RU2: both changes of summer time."""
    window = {"from": "01:00", "to": "02:00", "timezone": "Europe/London"}
    assert holds({"time": window}, london(at)) is inside


@pytest.mark.parametrize(
    ("zone", "inside"), [("Asia/Tokyo", True), ("Europe/London", False), ("", False), ("No/Where", False)]
)
def test_the_visitors_zone_is_utc_where_it_is_unknown(zone: str, inside: bool) -> None:
    """RU2: noon in UTC is 21:00 in Tokyo."""
    assert holds({"time": {"from": "20:00", "timezone": "VISITOR"}}, timezone=zone) is inside


@pytest.mark.parametrize(
    ("header", "german", "french"),
    [
        ("de-AT,fr;q=0.5", True, False),
        ("de;q=0.5,fr", False, True),
        ("nl,de;q=0.3", True, False),
        ("fr;q=0,de;q=0.1", True, False),
        ("den,*", False, False),
        ("", False, False),
    ],
)
def test_the_preferred_language_of_what_is_offered_decides(header: str, german: bool, french: bool) -> None:
    when = {"all": [{"language": ["de"]}, {"not": {"language": ["fr-FR", "fr"]}}]}
    assert holds(when, languages=header) is german
    assert holds({"all": [{"not": when}, {"language": ["fr"]}]}, languages=header) is french


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("example.org", True),
        ("a.b.example.org", True),
        ("badexample.org", False),
        ("org", False),
        ("", False),
    ],
)
def test_a_referrer_stands_for_its_subdomains(host: str, inside: bool) -> None:
    assert holds({"referrer": ["example.org"]}, referrer=host) is inside


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("192.0.2.0", True),
        ("192.0.2.255", True),
        ("192.0.3.0", False),
        ("::ffff:192.0.2.9", True),
        ("10.9.9.9", True),
        ("9.255.255.255", False),
        ("2001:db8:ffff::", True),
        ("2001:db9::", False),
        ("", False),
        ("a socket", False),
    ],
)
def test_networks(address: str, inside: bool) -> None:
    networks = ["192.0.2.128/25", "10.0.0.0/8", "192.0.2.0/25", "2001:db8::/32", "10.1.0.0/16"]
    assert holds({"ip": networks}, address=address) is inside


@pytest.mark.parametrize(
    ("asked", "values", "inside"),
    [
        ({"in": ["5"]}, [5], True),
        ({"in": ["5"]}, [5.0], True),
        ({"in": ["19.9"]}, [19.9], True),
        ({"in": ["true"]}, [True], True),
        ({"in": ["b"]}, ["a", "b"], True),
        ({"gte": 5}, ["5"], True),
        ({"gte": 5}, ["five"], False),
        ({"gte": 0}, [True], False),
        ({"gte": 0}, ["nan"], False),
        ({"gte": 0, "lt": 1}, ["1e400"], False),
        ({"in": ["7"], "gte": 5, "lt": 8}, ["7"], True),
        ({"exists": True}, [None], False),
        ({"exists": False}, [None], True),
        ({"exists": True}, [0], True),
        ({"in": ["x"]}, [{"x": 1}], False),
    ],
)
def test_values_are_compared_as_texts_and_as_numbers(asked: Json, values: list[Any], inside: bool) -> None:
    """RU4."""
    given_values: Any = values if len(values) > 1 else values[0]
    assert holds({"attribute": {"name": "a.b", **asked}}, attributes={"a": {"b": given_values}}) is inside


TEXTS = st.text(max_size=8)
MATCHES = st.builds(
    lambda name, asked: {"name": name, **asked},
    st.sampled_from(["a", "plan"]),
    st.sampled_from(
        [
            {"gte": 1.0},
            {"gte": 0.0, "lt": 2.0},
            {"lt": 1.0},
            {"in": ["trial", "1"]},
            {"in": ["2", "7"], "gte": 2.0},
            {"in": ["1"], "exists": True},
            {"exists": True},
            {"exists": False},
        ]
    ),
)
SIGNALS: st.SearchStrategy[dict[str, Scalar]] = st.dictionaries(
    st.sampled_from(["a", "plan"]), st.sampled_from([True, 0, 1, 1.5, 2, "trial", "7", "x"])
)
LEAVES: st.SearchStrategy[Json] = st.one_of(
    st.fixed_dictionaries({"country": st.just(["GB", "DE"])}),
    st.fixed_dictionaries({"continent": st.just(["EU"])}),
    st.fixed_dictionaries({"device": st.just(["MOBILE"])}),
    st.fixed_dictionaries({"browser": st.just(["Firefox"])}),
    st.fixed_dictionaries({"language": st.sampled_from([["de"], ["en"], ["fr", "de-AT"]])}),
    st.fixed_dictionaries({"referrer": st.just(["example.org"])}),
    st.fixed_dictionaries(
        {"ip": st.sampled_from([["10.0.0.0/8", "2001:db8::/32"], ["10.1.1.1", "11.0.0.0/8"]])}
    ),
    st.fixed_dictionaries({"percent": st.integers(0, 100)}),
    st.fixed_dictionaries({"query": MATCHES}),
    st.fixed_dictionaries({"signal": MATCHES}),
    st.fixed_dictionaries({"attribute": MATCHES}),
    st.fixed_dictionaries({"returning": st.booleans()}),
    st.fixed_dictionaries(
        {"clicks": st.sampled_from([{"gte": 5}, {"lt": 5}, {"gte": 5, "lt": 6}, {"lt": 1}])}
    ),
    st.fixed_dictionaries(
        {"time": st.just({"days": ["MON", "FRI"], "from": "20:00", "to": "06:00", "timezone": "VISITOR"})}
    ),
    st.fixed_dictionaries(
        {
            "time": st.sampled_from(
                [{"days": ["SUN"], "timezone": "Europe/London"}, {"from": "07:30", "to": "09:00"}]
            )
        }
    ),
    st.fixed_dictionaries(
        {"between": st.sampled_from([{"after": "2026-01-01T00:00:00Z"}, {"before": "2030-01-01T00:00:00Z"}])}
    ),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=6,
)
VISITS = st.builds(
    Visit,
    at_ms=st.integers(0, 2**42),
    agent=st.sampled_from(
        ["", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "x"]
    ),
    languages=st.one_of(st.sampled_from(["de-AT,en;q=0.5", "fr", "en,de"]), TEXTS),
    referrer=st.one_of(st.just("news.example.org"), TEXTS),
    visitor=st.binary(max_size=16),
    country=st.sampled_from(["", "GB", "US", "??"]),
    query=st.one_of(
        st.sampled_from(["a=1", "a=2&a=7&plan=trial"]), TEXTS, TEXTS.map(lambda text: f"a={text}")
    ),
    address=st.one_of(st.sampled_from(["10.1.1.1", "2001:db8::1", "::ffff:10.0.0.1", ""]), TEXTS),
    timezone=st.one_of(st.sampled_from(["", "Asia/Tokyo"]), TEXTS),
    pseudonym=st.binary(max_size=16),
    returning=st.booleans(),
)


def inner_of(when: Json) -> list[Json]:
    """The conditions right inside one."""
    ((name, value),) = when.items()
    if name not in grammar.NESTING:
        return []
    return value if isinstance(value, list) else [value]


def depth_of(when: Json) -> int:
    return 1 + max(map(depth_of, inner_of(when)), default=0)


def size_of(when: Json) -> int:
    return 1 + sum(map(size_of, inner_of(when)))


@given(
    trees=st.lists(TREES.filter(lambda tree: depth_of(tree) <= grammar.MAX_DEPTH), max_size=4),
    visits=st.lists(VISITS, min_size=1, max_size=4),
    signals=SIGNALS,
    clicks=st.integers(0, 7),
)
def test_explaining_is_deciding(
    trees: list[Json], visits: list[Visit], signals: dict[str, Scalar], clicks: int
) -> None:
    """RU6: `explain` gives the redirect's decision, and its trace has a line for each condition."""
    ways: list[dict[str, Any]] = [
        {"destination": "https://example.com/a"},
        {"variants": tuple(Variant(key=key, destination=f"https://example.com/{key}") for key in "xyz")},
        {"block": True},
    ]
    link = Link(
        id="lnk_01",
        workspace_id="ws_01",
        domain="go.example",
        slug="a",
        slug_key="a",
        destination="https://example.com/",
        attributes={"plan": "trial", "a": [1, "2"]},
        rules=tuple(Rule(name=f"r{place}", when=tree, **ways[place % 3]) for place, tree in enumerate(trees)),
        created_at=NOON,
        updated_at=NOON,
    )
    route, known = routes.route(link), Known(KNOWN.agents, {"ws_01": signals}, {"lnk_01": clicks})
    for visit in (*visits, *visits):  # the second time from what is remembered
        decision, trace = rules.explain(link, visit, known)
        assert decision == rules.decide(route, visit, known)
        assert len(trace) == sum(map(size_of, trees))
        assert (decision.outcome is Outcome.BLOCKED) == (decision.rule == "r2")
        behind = [line for line in trace if decision.rule is not None and line[:2] > decision.rule]
        assert all(line.endswith(": not asked") for line in behind)
