"""Prices are worked out from the variables before an operation runs, and from its data afterwards."""

from typing import Any

import pytest
from graphql import OperationType

from app import graph
from app.graphql.costs import Operation
from app.graphql.documents import Documents
from domain.access import Scope
from domain.errors import QueryTooComplex
from tests.protocols import example

DOCUMENTS = Documents(example.schema._schema, playground=True)
OURS = Documents(graph.build()._schema, playground=True)
ROWS: dict[str, Any] = {"rows": [{}] * 1_000}


@pytest.mark.parametrize(
    ("text", "variables", "points"),
    [
        ("{ hello }", {}, 1),
        ("{ items(first: 10) { nodes { name } } }", {}, 11),
        ("{ items { nodes { name } } }", {}, 51),
        ("query ($n: Int) { items(first: $n) { nodes { name } } }", {"n": 7}, 8),
        ("query ($n: Int) { items(first: $n) { nodes { name } } }", {"n": 10**9}, 251),
        ("query ($n: Int) { items(first: $n) { nodes { name } } }", {"n": -5}, 2),
        ("query ($n: Int) { items(last: $n) { nodes { name } } }", {"n": None}, 51),
        ("{ items(first: 10) { nodes { items(first: 10) { nodes { name } } } } }", {}, 1 + 10 * (1 + 1 + 10)),
        ("{ items(first: 10) { ...F } } fragment F on ItemConnection { nodes { name } }", {}, 11),
        ("{ items(first: 10) { nodes { name } nodes { name } } }", {}, 11),
        ("query ($n: Int) { items(first: $n, last: 250) { nodes { name } } }", {"n": None}, 251),
        ("{ items(first: null, last: 250) { nodes { name } } }", {}, 251),
        ("mutation { bump }", {}, 10),
        ("mutation { bumpAll(input: [{}, {}, {}]) { name } }", {}, 30),
        ("mutation ($rows: [BumpInput!]!) { bumpAll(input: $rows) { name } }", {"rows": [1, 2, 3, 4]}, 40),
    ],
)
def test_price_before(text: str, variables: dict[str, Any], points: int) -> None:
    assert DOCUMENTS.read(text).operation(None).requested(variables) == points


@pytest.mark.parametrize(
    ("text", "variables", "points"),
    [
        ("mutation ($id: ID!) { archiveLink(id: $id) { link { id } } }", {"id": "lnk_1"}, 11),
        (
            "mutation ($rows: [CreateLinkInput!]!) { createLinks(input: $rows) { succeeded } }",
            ROWS,
            10 + 1_000,
        ),
        (
            (
                '{ links(first: 50) { nodes { analytics(range: {last: "P7D"}) { series(interval: DAY) { at }'
                " breakdown(by: COUNTRY, first: 3) { slices { key } other { key } } } } } }"
            ),
            {},
            1 + 50 * (1 + 5 + 31 + 1 + 3 + 1),
        ),
        (
            (
                "mutation ($rows: [CreateLinkInput!]!) { createLinks(input: $rows)"
                " { results { link { id } userErrors { code } } } }"
            ),
            ROWS,
            10 + 1_000 + 1_000 * 3,
        ),
        ("subscription { clicks { clicks { link { slug } } cursor } }", {}, 1 + 50 * 2),
        (
            "subscription { clicks { clicks { link { clicks(first: 9) { nodes { id } } } } } }",
            {},
            1 + 50 * 12,
        ),
    ],
)
def test_price_of_our_own_graph(text: str, variables: dict[str, Any], points: int) -> None:
    """RT-18: mutations pay for their rows, and a feed for the most that one of its frames can cost."""
    assert OURS.read(text).operation(None).requested(variables) == points


def test_one_key_in_two_fragments_is_priced_once() -> None:
    operation = DOCUMENTS.read(
        "query ($a: Int, $b: Int) { ...A ...B }"
        " fragment A on Query { items(first: $a) { nodes { name } } }"
        " fragment B on Query { items(first: $a) { nodes { more: items(first: $b) { nodes { name } } } } }"
    ).operation(None)
    assert operation.requested({"a": 2, "b": 3}) == 1 + 2 * (1 + 1 + 3)


def test_values_are_counted_with_their_rows() -> None:
    operation = DOCUMENTS.read(
        "{ items(first: 10) { nodes { name a: name items(first: 3) { nodes { name } } } } }"
    ).operation(None)
    assert operation.values({}) == 10 * (2 + 3)


def test_too_many_values_are_refused_by_name() -> None:
    """GQ-03: leaves cost nothing, but a process does nothing else while it completes them."""

    def selecting(leaves: int) -> Operation:
        names = " ".join(f"a{number}: name" for number in range(leaves))
        text = f"{{ items(first: 250) {{ nodes {{ items(first: 10) {{ nodes {{ {names} }} }} }} }} }}"
        return DOCUMENTS.read(text).operation(None)

    selecting(20).check_values({})
    with pytest.raises(QueryTooComplex, match="limit on values: 52500 asked for, 50000 allowed"):
        selecting(21).check_values({})


def test_price_after_a_batch() -> None:
    operation = OURS.read(
        "mutation ($rows: [CreateLinkInput!]!) { createLinks(input: $rows) { results { link { id } } } }"
    ).operation(None)
    data = {"createLinks": {"results": [{"link": {"id": "lnk_1"}}, {"link": None}]}}
    assert operation.requested({"rows": [1, 2]}) == 10 + 2 + 2 * (1 + 1)
    assert operation.actual(data, {"rows": [1, 2]}) == 10 + 2 + 2 * (1 + 1)


def test_price_after() -> None:
    operation = DOCUMENTS.read(
        "{ items(first: 50) { nodes { items(first: 9) { nodes { name } } } } }"
    ).operation(None)
    data = {"items": {"nodes": [{"items": {"nodes": [{"name": "a"}, {"name": "b"}]}}, {"items": None}]}}
    assert operation.requested({}) == 1 + 50 * (1 + 1 + 9)
    assert operation.actual(data, {}) == 1 + (1 + 1 + 2) + (1 + 1)
    assert operation.actual(None, {}) == 1


def test_scopes_are_those_of_all_selected_fields() -> None:
    document = DOCUMENTS.read("query A { hello ...F } fragment F on Query { __typename } mutation B { bump }")
    assert document.operation("A").scopes == {Scope.LINKS_READ}
    assert document.operation("B").scopes == {Scope.LINKS_WRITE}
    assert document.operation("B").kind is OperationType.MUTATION
    assert not document.operation("A").public
