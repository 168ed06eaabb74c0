"""Prices are worked out from the variables before an operation runs, and from its data afterwards."""

from typing import Any

import pytest
from graphql import OperationType

from app.graphql.documents import Documents
from domain.access import Scope
from tests.protocols import example

DOCUMENTS = Documents(example.schema._schema, playground=True)


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
        ("mutation { bump }", {}, 10),
        ("mutation { bumpAll(input: [{}, {}, {}]) { name } }", {}, 30),
        ("mutation ($rows: [BumpInput!]!) { bumpAll(input: $rows) { name } }", {"rows": [1, 2, 3, 4]}, 40),
    ],
)
def test_price_before(text: str, variables: dict[str, Any], points: int) -> None:
    assert DOCUMENTS.read(text).operation(None).requested(variables) == points


def test_price_after() -> None:
    operation = DOCUMENTS.read(
        "{ items(first: 50) { nodes { items(first: 9) { nodes { name } } } } }"
    ).operation(None)
    data = {"items": {"nodes": [{"items": {"nodes": [{"name": "a"}, {"name": "b"}]}}, {"items": None}]}}
    assert operation.requested({}) == 1 + 50 * (1 + 1 + 9)
    assert operation.actual(data) == 1 + (1 + 1 + 2) + (1 + 1)
    assert operation.actual(None) == 1


def test_scopes_are_those_of_all_selected_fields() -> None:
    document = DOCUMENTS.read("query A { hello ...F } fragment F on Query { __typename } mutation B { bump }")
    assert document.operation("A").scopes == {Scope.LINKS_READ}
    assert document.operation("B").scopes == {Scope.LINKS_WRITE}
    assert document.operation("B").kind is OperationType.MUTATION
    assert not document.operation("A").public
