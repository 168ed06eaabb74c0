"""JSON from strangers: strictly decoded, then read as one GraphQL call."""

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from domain.errors import BadRequest

MAX_DEPTH: Final = 64
"""Levels of arrays and objects in one payload; deeper ones serve nobody but an attacker's recursion."""

MAX_DIGITS: Final = 1_000
"""Of one integer; Python itself refuses much longer ones in words of its own."""

_STRINGS: Final = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKETS: Final = re.compile(r"[\[\]{}]")


@dataclass(frozen=True, slots=True)
class Call:
    """One GraphQL operation as a client asks for it."""

    text: str
    variables: dict[str, Any]
    operation_name: str | None
    extensions: dict[str, Any]


def decode(body: bytes | str) -> Any:
    """The value of a JSON text.

    Raises:
        BadRequest: it is no UTF-8, no JSON (RFC 8259), nests deeper than MAX_DEPTH, repeats a key, or holds
            a number or string that cannot be kept: NaN, 1e400, half a surrogate pair.
    """
    try:
        text = body.decode() if isinstance(body, bytes) else body
        _check_depth(text)
        value = _DECODER.decode(text)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError as error:
        raise BadRequest("The payload is not valid Unicode text in UTF-8.") from error
    except ValueError as error:
        raise BadRequest(f"The payload is not valid JSON: {error}.") from error
    return value


def call_of(payload: Any) -> Call:
    """The call that a decoded payload describes (GraphQL over HTTP, section 5.1).

    Raises:
        BadRequest: a parameter is missing or of another type; the message names it.
    """
    if isinstance(payload, list):
        raise BadRequest("Batches are not taken: send one operation in each request.")
    if not isinstance(payload, dict):
        raise BadRequest('The payload must be a JSON object such as {"query": "{ viewer { scopes } }"}.')
    text = payload.get("query")
    if not isinstance(text, str) or not text.strip():
        raise BadRequest("The parameter 'query' must be a string that holds a GraphQL document.")
    name = payload.get("operationName")
    if name is not None and not isinstance(name, str):
        raise BadRequest("The parameter 'operationName' must be a string or null.")
    return Call(text, _object(payload, "variables"), name or None, _object(payload, "extensions"))


def _object(payload: dict[str, Any], parameter: str) -> dict[str, Any]:
    value = payload.get(parameter)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest(f"The parameter '{parameter}' must be an object or null.")
    return value


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError(f"it nests deeper than {MAX_DEPTH} levels")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        repeated = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]  # add() is None
        raise ValueError(f"the key {repeated[:64]!r} occurs twice in one object")
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:32]} is out of range")
    return number


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"the number {digits[:32]}… has {len(digits):,} digits")
    return int(digits)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_int=_integer, parse_constant=_no_constant
)
