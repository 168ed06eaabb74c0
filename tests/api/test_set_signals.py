"""`setSignals`: what is kept, and what is refused."""

import asyncio
from typing import Any

import pytest

from domain.access import Scope
from domain.signals import MAX_SIGNALS
from tests.api.conftest import Api

SET = "mutation ($values: JSON!) { setSignals(values: $values) { signals userErrors { code field } } }"


async def test_signals_are_merged_and_null_removes(api: Api, other: Api) -> None:
    first = await api(SET, values={"stock.sku-1": 5, "open": True, "$where": "x", "rate": 0.25})
    assert first["setSignals"]["signals"] == {"$where": "x", "open": True, "rate": 0.25, "stock.sku-1": 5}
    second = await api(SET, values={"open": None, "stock.sku-1": 4, "never": None})
    assert second["setSignals"]["signals"] == {"$where": "x", "rate": 0.25, "stock.sku-1": 4}
    assert (await other(SET, values={}))["setSignals"]["signals"] == {}


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ([], [("INVALID", ["values"])]),
        ("x", [("INVALID", ["values"])]),
        ({"": 1}, [("INVALID", ["values"])]),
        ({"x" * 101: 1}, [("INVALID", ["values"])]),
        ({"a": {"b": 1}}, [("INVALID", ["values"])]),
        ({"a": [1], "b": 1, "c": "x" * 201}, [("INVALID", ["values"]), ("INVALID", ["values"])]),
        ({"a": 2**53}, [("INVALID", ["values"])]),
        ({"a": "\u202e"}, [("INVALID", ["values"])]),
        ({str(number): 1 for number in range(MAX_SIGNALS + 1)}, [("LIMIT_EXCEEDED", ["values"])]),
    ],
)
async def test_what_is_no_signal(api: Api, values: Any, errors: list[tuple[str, list[str]]]) -> None:
    answer = (await api(SET, values=values))["setSignals"]
    assert answer["signals"] is None
    assert [(error["code"], error["field"]) for error in answer["userErrors"]] == errors
    assert (await api(SET, values={}))["setSignals"]["signals"] == {}


async def test_concurrent_changes_all_count(api: Api) -> None:
    await asyncio.gather(*(api(SET, values={f"s{number}": number}) for number in range(5)))
    assert (await api(SET, values={}))["setSignals"]["signals"] == {
        f"s{number}": number for number in range(5)
    }


async def test_signals_need_the_right_to_write(api: Api) -> None:
    """AU-02: the scope stands in the field's metadata, which the graph's carriers check."""
    from app.graphql.documents import Documents

    documents = Documents(api.schema._schema, playground=False)
    (operation,) = documents.read(SET).operations.values()
    assert operation.scopes == {Scope.LINKS_WRITE}
