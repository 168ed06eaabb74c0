"""Printing: a program gives what the template engine gives, or nothing at all."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from liquid.exceptions import LiquidError

from domain import patterns
from domain.patterns import Slot

FILTERS = (
    *("downcase", "upcase", "capitalize", "strip", "slugify", "size", "abs", "first", "split: ' '"),
    *('append: "-x"', 'default: "none"', "truncate: 5", "replace: 'a', 'b'", "plus: 1", "slice: 0, 2"),
    *("divided_by: 0", "date: '%Y-%m'", "date: 5", "join"),
)
VALUES: Any = st.one_of(
    st.text(max_size=12), st.integers(-(10**6), 10**6), st.booleans(), st.none(), st.floats(-9, 9), st.dates()
)
OUTPUTS = st.builds(
    lambda name, filters: "{{ " + " | ".join([name, *filters]) + " }}",
    st.sampled_from(["plan", "customer.name", "customer.company", "missing", "customer.size"]),
    st.lists(st.sampled_from(FILTERS), max_size=2),
)
SOURCES = st.lists(st.one_of(OUTPUTS, st.sampled_from([" and ", "-", "/", "?a="])), min_size=1, max_size=4)


@settings(deadline=None, max_examples=300)
@given(SOURCES, st.sampled_from(list(Slot)), VALUES, VALUES, VALUES)
def test_a_program_prints_what_the_engine_prints(
    pieces: list[str], slot: Slot, plan: Any, name: Any, company: Any
) -> None:
    source, values = "".join(pieces), {"plan": plan, "customer": {"name": name, "company": company}}
    try:
        program = patterns._program(source, slot)
    except patterns.Unfit:
        return
    printed = None if program is None else program(values)
    if printed is not None:
        assert printed == patterns._parsed(source, slot).render(values)


@pytest.mark.parametrize(
    ("source", "values", "expected"),
    [
        ("{{ plan | downcase }}-{{ n }}", {"plan": "PRO", "n": 7}, "pro-7"),
        ("{{ plan | append: '!' }}", {"plan": None}, "!"),
        ("{{ since | date: '%B' }}", {"since": date(2026, 5, 31)}, "May"),
        ("{{ customer.plan }}", {"customer": {"plan": True}}, "true"),
    ],
)
def test_ordinary_patterns_need_no_engine(source: str, values: dict[str, Any], expected: str) -> None:
    program = patterns._program(source, Slot.TEXT)
    assert program is not None
    assert program(values) == expected


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("{{ plan }}", {}),
        ("{{ plan | divided_by: 0 }}", {"plan": 1}),
        ("{{ plan | date: 5 }}", {"plan": "x"}),
        ("{{ plan }}", {"plan": "x" * 5_000}),
        ("{{ plan }}", {"plan": "one\rtwo"}),
    ],
)
def test_what_is_unusual_is_left_to_the_engine(source: str, values: dict[str, Any]) -> None:
    program = patterns._program(source, Slot.TEXT)
    assert program is not None
    assert program(values) is None


@pytest.mark.parametrize("source", ["{% if plan %}a{% endif %}", "{{ plan | append: tier }}", "{{ a.size }}"])
def test_what_does_more_than_print_is_left_to_the_engine(source: str) -> None:
    assert patterns._program(source, Slot.TEXT) is None


def test_the_engine_says_what_is_wrong() -> None:
    with pytest.raises(patterns.Unfit, match="cannot be worked out") as caught:
        patterns.rendered("{{ plan | divided_by: 0 }}", Slot.TEXT, {"plan": 1})
    assert not isinstance(caught.value, LiquidError)
