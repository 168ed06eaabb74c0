"""Matches: what conditions on named values ask of them, be they texts, numbers or truths."""

import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from domain import texts
from domain.errors import Rejected, UserError, UserErrorCode
from domain.facts import Scalar

MAX_VALUES: Final = 250
MAX_CHARACTERS: Final = 200
_TESTS: Final = ("in", "gte", "lt", "exists")
NUMERAL: Final = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
"""How a text writes a number, as a regular expression that Python and MongoDB read alike."""
_NUMERAL: Final = re.compile(NUMERAL)


class Match(msgspec.Struct, frozen=True):
    """Everything that is asked holds for one of the values.

    Args:
        among: its text is one of these.
        least: as a number it is at least this …
        below: … and below this; a text that is no number is in no range.
        exists: whether there has to be a value at all.
    """

    among: frozenset[str] | None = None
    least: float | None = None
    below: float | None = None
    exists: bool | None = None

    @property
    def ranged(self) -> bool:
        """Whether it asks for a number."""
        return self.least is not None or self.below is not None

    def holds(self, values: Sequence[Scalar]) -> bool:
        """Whether what is asked holds for any of these values, or for their absence."""
        if not values:
            return self.exists is False
        return self.exists is not False and any(self._fits(value) for value in values)

    def _fits(self, value: Scalar) -> bool:
        if self.among is not None and written(value) not in self.among:
            return False
        if not self.ranged:
            return True
        number = number_of(value)
        return (
            number is not None
            and (self.least is None or number >= self.least)
            and (self.below is None or number < self.below)
        )


def of(asked: Mapping[str, Any]) -> Match:
    """The match of what `checked` has passed."""
    among = asked.get("in")
    return Match(
        None if among is None else frozenset(among), asked.get("gte"), asked.get("lt"), asked.get("exists")
    )


def checked(given: Any) -> dict[str, Any]:
    """What is asked of a named value, in the shape of the API's MatchInput, vetted.

    Raises:
        Rejected: with the path of what breaks a rule.
    """
    if not isinstance(given, Mapping):
        raise refused("This is an object with a name and what is asked of the value.")
    name = text(given.get("name"), "name")
    asked = {each: given[each] for each in _TESTS if given.get(each) is not None}
    if not asked:
        raise Rejected(
            UserError(UserErrorCode.REQUIRED, "Nothing is asked of the value; give in, gte, lt or exists.")
        )
    if "in" in asked:
        asked["in"] = listed(asked["in"], "in")
    for bound in ("gte", "lt"):
        if bound in asked:
            asked[bound] = _bound(asked[bound], bound)
    if asked.get("gte", -math.inf) >= asked.get("lt", math.inf):
        raise refused("No number is at least gte and below lt; set lt above gte.", "lt")
    if asked.get("exists") is False and len(asked) > 1:
        raise refused("What does not exist has no value to compare; leave the rest out.", "exists")
    return {"name": name, **asked}


def listed(given: Any, *path: str) -> list[str]:
    """A list of 1 to MAX_VALUES texts; raises Rejected."""
    if not isinstance(given, list) or not given:
        raise refused("The list is empty, so nothing would match; give a value or leave it out.", *path)
    if len(given) > MAX_VALUES:
        message = f"There are {len(given):,} values; at most {MAX_VALUES} are accepted."
        raise Rejected(UserError(UserErrorCode.LIMIT_EXCEEDED, message, path))
    return list(dict.fromkeys(text(value, *path, str(place)) for place, value in enumerate(given)))


def text(given: Any, *path: str) -> str:
    """A text of 1 to MAX_CHARACTERS characters that a reader can see; raises Rejected."""
    if not isinstance(given, str) or not given:
        raise refused("The value is an empty text or none.", *path)
    problem = texts.problem(given, longest=MAX_CHARACTERS)
    if problem is not None:
        raise refused(f"The value {problem}", *path)
    return given


def refused(message: str, *path: str) -> Rejected:
    """An input that breaks a rule, at `path`."""
    return Rejected(UserError(UserErrorCode.INVALID, message, path))


def written(value: Scalar) -> str:
    """A value as a text: "true", "5" for 5 and 5.0, "19.9"."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, int) or value.is_integer() else repr(value)


def _bound(given: Any, name: str) -> float:
    if not isinstance(given, int | float) or isinstance(given, bool):
        raise refused(f"{str(given)[:50]!r} is no number.", name)
    if not abs(given) <= sys.float_info.max:  # nor is NaN; integers of JSON may have any length
        raise refused("The number is too large.", name)
    return float(given)


def number_of(value: Scalar) -> float | None:
    """A value as a finite number; None where it is none, as truths are."""
    if isinstance(value, bool) or (isinstance(value, str) and not _NUMERAL.fullmatch(value)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def alike(among: Iterable[str]) -> list[Scalar]:
    """Every value whose text is one of these, for stores that write numbers otherwise than we do."""
    found: list[Scalar] = []
    for each in sorted(among):
        number = number_of(each)
        found += [each] if number is None or written(number) != each else [each, number]
        found += [each == "true"] if each in ("true", "false") else []
    return found
