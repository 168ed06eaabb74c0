"""Terms: what links are found by, and that spans of them hold what they should."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import matches, terms
from domain.facts import Scalar
from domain.links import Link, Origin
from domain.terms import Asked, Span

AT = datetime(2026, 1, 1, tzinfo=UTC)


def link(**fields: Any) -> Link:
    whole: dict[str, Any] = {"slug": "k7", "destination": "https://example.com/", **fields}
    return Link(
        id="lnk_1",
        workspace_id="ws_1",
        domain="s.example",
        slug_key="k7",
        created_at=AT,
        updated_at=AT,
        **whole,
    )


def meets(found: list[str], asked: Asked) -> bool:
    """What MongoDB answers: strings compare as UTF-8, which is the order of code points."""
    if asked.span is None:
        return not set(asked.among).isdisjoint(found)
    return asked.absent != any(asked.span.first <= term < asked.span.end for term in found)


def test_words_of_every_text_once_and_notes_last() -> None:
    made = link(
        slug="Spring-Sale",
        title="Spring \u00c9t\u00e9",
        tags=("b2b",),
        external_id="CRM_47",
        destination="https://www.example.com/caf%C3%A9?x=y",
        notes="see\nspring",
        attributes={},
    )
    words = ["spring", "sale", "ete", "b2b", "crm", "47", "www", "example", "com", "cafe", "x", "y", "see"]
    assert terms.of(made) == [f"w{word}" for word in words]


def test_no_link_has_terms_without_end() -> None:
    made = link(
        notes=" ".join(f"word{number}" for number in range(500)),
        attributes={"many": [str(number) for number in range(500)], "long": "x" * 5_000},
        origin=Origin(template_id="tpl_1", template_version=1, values="{}"),
    )
    found = terms.of(made)
    assert len(found) <= terms.MAX_WORDS + 2 * terms.MAX_VALUES + 1
    assert max(map(len, found)) < 250
    assert found[-1] == "tpl_1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Spring", ["spring"]),
        ("  a  A \u00e1 ", ["a"]),
        ("https://example.com/caf%C3%A9", ["example", "com", "cafe"]),
        ("100%C3", ["100", "c3"]),
        ("\u0130stanbul I\u0131", ["istanbul", "ii"]),
        ("...", []),
        ("", []),
    ],
)
def test_words_of_a_search(text: str, words: list[str]) -> None:
    assert terms.searched(text) == [Asked(span=Span(f"w{word}", f"w{word}\U0010ffff")) for word in words]


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
values = numbers | st.booleans() | st.text(max_size=5) | st.sampled_from(["5", "5.0", "1e3", "nan", "inf"])


@given(value=values, least=numbers, below=numbers, among=st.lists(st.text(max_size=3), max_size=3))
def test_an_attribute_is_found_as_rules_match_it(
    value: Scalar, least: float, below: float, among: list[str]
) -> None:
    """Whatever is asked, the term's answer is that of the condition `attribute`."""
    found = terms.of(link(attributes={"plan": value, "planet": "other"}))
    asked: list[dict[str, Any]] = [
        {"gte": float(least)},
        {"lt": float(below)},
        {"gte": float(least), "lt": float(below)},
        {"in": [*among, matches.written(value)[:200], "5"]},
        {"in": [*among, "5", "1e3"], "gte": float(least)},
        {"exists": True},
        {"exists": False},
    ]
    for each in asked:
        if each.get("gte", -math.inf) < each.get("lt", math.inf):
            expected = matches.of(each).holds([value])
            assert meets(found, terms.attribute({"name": "plan", **each})) == expected, each
    assert meets(found, terms.attribute({"name": "plane", "exists": False}))
