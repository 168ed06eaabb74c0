"""Attributes: what is accepted comes back from a database and a client as it went in."""

import json
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import attributes
from domain.errors import Rejected

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=4))
def test_what_is_accepted_survives_bson_and_json(given_: dict[str, Any]) -> None:
    """GQ-13, GQ-15: MongoDB never sees what it would refuse or read as an operator."""
    try:
        accepted = attributes.checked(given_)
    except Rejected:
        return
    assert bson.decode(bson.encode(accepted)) == accepted
    assert json.loads(json.dumps(accepted, allow_nan=False)) == accepted
    assert not any(name.startswith("$") or "." in name for name in accepted)


@pytest.mark.parametrize("given_", [None, [], "x", 1, True])
def test_only_an_object_will_do(given_: object) -> None:
    with pytest.raises(Rejected, match="JSON object"):
        attributes.checked(given_)


def test_the_edges_of_what_is_accepted() -> None:
    edge = {"n": 2**53 - 1, "m": -(2**53 - 1), "deep": {"a": {"b": {"c": 1}}}, "text": "x" * 16_000}
    assert attributes.checked(edge) == edge


@pytest.mark.parametrize(
    ("given", "counted"),
    [
        ({}, ()),
        ({"plan": "trial", "seats": 5, "vat": None}, (("plan", "trial"), ("seats", 5))),
        ({"a": {"b": {"c": True}}, "d": [1, "x", {"e": 1}, 1]}, (("a.b.c", True), ("d", 1), ("d", "x"))),
        ({"long": "x" * 300}, (("long", "x" * 200),)),
        ({"n": [1.5, "1.5", 5.0]}, (("n", 1.5), ("n", 5.0))),
        ({str(number): number for number in range(50)}, tuple((str(each), each) for each in range(16))),
    ],
)
def test_figures_count_the_first_scalars(given: dict[str, Any], counted: tuple[tuple[str, Any], ...]) -> None:
    """A bounded number of values of bounded length, each under its path; what is no scalar is not counted."""
    assert attributes.counted(given) == counted
