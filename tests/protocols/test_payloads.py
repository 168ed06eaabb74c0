"""JSON from strangers is read strictly."""

import pytest

from app.graphql import payloads
from domain.errors import BadRequest


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"query": "{ hello }", "variables": {"a": ' + b"[" * 65 + b"]" * 65 + b"}}",
        b'{"query": "\xff"}',
        b'{"query": "{ hello }", "variables": {"a": NaN}}',
        b'{"query": "{ hello }", "variables": {"a": Infinity}}',
        b'{"query": "{ hello }", "variables": {"a": -Infinity}}',
        b'{"query": "{ hello }", "variables": {"a": 1e400}}',
        b'{"query": "{ hello }", "query": "{ other }"}',
        b'{"query": "{ hello }", "variables": {"a": {"b": 1, "b": 2}}}',
        b'{"query": "{ hello }", "variables": {"a": "\\ud800"}}',
        b'{"query": "{ hello }", "variables": {"a": ' + b"9" * 5_000 + b"}}",
        b'{"query": ',
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_not_strict_json_is_refused(body: bytes) -> None:
    """GQ-05: deep nesting, invalid UTF-8, NaN and Infinity, duplicate keys; GQ-15: 1e400, lone surrogates."""
    with pytest.raises(BadRequest):
        payloads.decode(body)


def test_what_is_json_stays_what_it_is() -> None:
    """GQ-15: -0, 2⁶³, `__proto__` and whole surrogate pairs are plain values."""
    text = b'{"a": -0, "b": 9223372036854775808, "__proto__": {"x": "\\ud83c\\udfc3"}, "s": "[[[[{{{{"}'
    assert payloads.decode(text) == {"a": 0, "b": 2**63, "__proto__": {"x": "🏃"}, "s": "[[[[{{{{"}


def test_brackets_in_strings_do_not_nest() -> None:
    text = '{"query": "' + "{ [" * 1_000 + '\\"", "variables": {"a": "' + "]" * 100 + '"}}'
    assert payloads.decode(text)["variables"] == {"a": "]" * 100}


@pytest.mark.parametrize("payload", [None, "x", 5, [], {}, {"query": 5}, {"query": " "}])
def test_what_is_no_call_is_refused(payload: object) -> None:
    """GQ-04: null, a string, a number, an array, an empty object."""
    with pytest.raises(BadRequest):
        payloads.call_of(payload)


def test_an_empty_operation_name_is_none() -> None:
    call = payloads.call_of({"query": "{ hello }", "operationName": "", "variables": None})
    assert (call.operation_name, call.variables, call.extensions) == (None, {}, {})
