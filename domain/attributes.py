"""Attributes: what is known of a link's recipient or subject, a JSON object that rules and figures read."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from domain import texts
from domain.errors import Rejected, UserError, UserErrorCode

MAX_NAMES: Final = 100
MAX_DEPTH: Final = 4
MAX_CHARACTERS: Final = 16_384
_SCALAR_CHARACTERS: Final = 8  # what a number, a name's punctuation or an empty list counts
LARGEST_INTEGER: Final = 2**53 - 1  # beyond it JavaScript clients would read another number
MAX_COUNTED: Final = 16
"""How many values of one link figures count."""
COUNTED_CHARACTERS: Final = 200
"""How much of a text they count; longer ones that are alike up to there are one."""

Scalar = str | int | float | bool


class _Budget:
    """How many characters of names and values are left."""

    def __init__(self) -> None:
        self.left = MAX_CHARACTERS

    def take(self, characters: int) -> None:
        self.left -= characters
        if self.left < 0:
            raise _refused(f"Attributes have more than {MAX_CHARACTERS:,} characters.")


def checked(given: object) -> dict[str, Any]:
    """The attributes, if they are a JSON object that every store and client keeps as it is.

    Names that start with `$` or hold `.` or an invisible character are refused: databases and rules read
    those as operators and paths.

    Raises:
        Rejected: INVALID, naming what breaks a rule.
    """
    if not isinstance(given, dict):
        raise _refused('Attributes are a JSON object such as {"plan": "trial"}.')
    _judge(given, _Budget(), MAX_DEPTH)
    return given


def counted(attributes: Mapping[str, Any]) -> tuple[tuple[str, Scalar], ...]:
    """What figures count of attributes: the first MAX_COUNTED scalars, each with its path.

    Names on a path are joined by dots, as rules write it; a list gives its scalars, each under its own path.
    """
    found: dict[tuple[str, type, Scalar], tuple[str, Scalar]] = {}
    for path, value in _scalars("", attributes):
        alike = repr(value) if isinstance(value, float) else value  # figures name 1.5 and "1.5" alike
        found.setdefault((path, type(alike), alike), (path, value))
    return tuple(list(found.values())[:MAX_COUNTED])


def _scalars(path: str, value: Any) -> Iterator[tuple[str, Scalar]]:
    match value:
        case Mapping():
            for name, item in value.items():
                yield from _scalars(f"{path}.{name}" if path else name, item)
        case list():
            yield from ((path, _cropped(item)) for item in value if isinstance(item, Scalar))
        case str() | int() | float():
            yield path, _cropped(value)


def _cropped(value: Scalar) -> Scalar:
    return value[:COUNTED_CHARACTERS] if isinstance(value, str) else value


def _judge(value: object, budget: _Budget, depth: int) -> None:
    budget.take(_SCALAR_CHARACTERS)
    match value:
        case None | bool():
            pass
        case str():
            _judge_text(value, budget)
        case int() | float():
            _judge_number(value)
        case dict() | list() if depth == 0:
            raise _refused(f"Attributes are nested more than {MAX_DEPTH} levels deep.")
        case dict():
            _judge_object(value, budget, depth)
        case list():
            for item in value:
                _judge(item, budget, depth - 1)
        case _:
            raise _refused(f"An attribute is of the type {type(value).__name__}, which JSON does not have.")


def _judge_number(value: float) -> None:
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise _refused("An attribute's integer is beyond ±(2^53 - 1); write it as a string.")
    if not math.isfinite(value):
        raise _refused("An attribute's number is too large for JSON.")


def _judge_object(value: dict[Any, Any], budget: _Budget, depth: int) -> None:
    if len(value) > MAX_NAMES:
        raise _refused(
            f"An object of the attributes has {len(value):,} names; at most {MAX_NAMES} are accepted."
        )
    for name, item in value.items():
        budget.take(len(name))
        _judge_name(name)
        _judge(item, budget, depth - 1)


def _judge_name(name: str) -> None:
    if not name or len(name) > 100:
        raise _refused("An attribute's name is empty or has more than 100 characters.")
    hidden = texts.hidden(name)
    if hidden is not None:
        raise _refused(f"An attribute's name holds the invisible character {texts.named(hidden)}.")
    if name.startswith("$") or "." in name:
        raise _refused(f"The attribute name {name!r} starts with $ or holds a dot; name it otherwise.")


def _judge_text(text: str, budget: _Budget) -> None:
    budget.take(len(text))
    problem = texts.problem(text, longest=MAX_CHARACTERS, breaks=True)
    if problem is not None:
        raise _refused(f"An attribute {problem}")


def _refused(message: str) -> Rejected:
    return Rejected(UserError(UserErrorCode.INVALID, message, ("attributes",)))
