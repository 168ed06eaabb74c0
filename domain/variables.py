"""Variables of a template: their types, and the values that a caller gives for them."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, Final

import msgspec

from domain import instants, targets, texts
from domain.errors import Rejected, UserError, UserErrorCode, Verbatim

LONGEST: Final = 1_000
LONGEST_NAME: Final = 100
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*){0,4}", re.ASCII)
_INTEGER: Final = re.compile(r"[+-]?\d{1,16}", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?\d{1,16}(\.\d{1,16})?", re.ASCII)
# As in <input type=email> (https://html.spec.whatwg.org/#valid-e-mail-address), but with a dot in the host.
_EMAIL: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+",
    re.ASCII,
)
_LARGEST: Final = 2**53 - 1


class _Wrong(ValueError):
    """A value that is not of its type; the rest of a sentence about the variable."""


class VariableType(StrEnum):
    """What a variable's values are."""

    STRING = "STRING"
    INTEGER = "INTEGER"
    NUMBER = "NUMBER"
    BOOLEAN = "BOOLEAN"
    DATE = "DATE"
    URL = "URL"
    EMAIL = "EMAIL"


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """One variable.

    Args:
        name: as in the template, such as customer.plan.
        default: value where none is given.
        allowed: the only values, as text; None: any of its type.
        declared: False: a template uses it without saying anything of it, so it is a required string.
    """

    name: str
    type: VariableType = VariableType.STRING
    required: bool = False
    default: str | int | float | bool | None = None
    allowed: tuple[str, ...] | None = None
    declared: bool = True


def is_name(text: str) -> bool:
    """Whether a text can name a variable: words, with up to four dots between them."""
    return len(text) <= LONGEST_NAME and _NAME.fullmatch(text) is not None


def resolved(variables: Sequence[Variable], given: object) -> dict[str, Any]:
    """The values of variables, typed, with defaults, nested by the dots of their names.

    Args:
        given: an object of values; customer.plan is looked for under that name and inside `customer`. What no
            variable asks for is passed over: rows of a file have columns for other ends.

    Raises:
        Rejected: MISSING_VARIABLE, NOT_ALLOWED or INVALID for each that is missing or wrong, at
            ("variables", name).
    """
    if not isinstance(given, Mapping):
        message = 'Variables are a JSON object such as {"plan": "pro"}.'
        raise Rejected(UserError(UserErrorCode.INVALID, message, ("variables",)))
    tree: dict[str, Any] = {}
    errors: list[UserError] = []
    for variable in variables:
        try:
            _put(tree, variable.name, _value(variable, _looked_up(given, variable.name)))
        except Rejected as rejected:
            errors += rejected.errors
    if errors:
        raise Rejected(*errors)
    return tree


def typed(variable: Variable, given: object) -> Any:
    """A value as its variable's type has it; numbers and truth values may come as text, as files have them.

    Raises:
        Rejected: INVALID or NOT_ALLOWED, at ("variables", name).
    """
    try:
        value = _TYPES[variable.type](given)
    except _Wrong as problem:
        raise _refused(variable, f"The variable {variable.name} {problem}") from None
    if variable.allowed is not None and written(value) not in variable.allowed:
        shown = ", ".join(variable.allowed[:20])
        message = f"The variable {variable.name} is {written(value)[:50]!r}; allowed: {shown}."
        raise _refused(variable, message, UserErrorCode.NOT_ALLOWED)
    return value


def written(value: object) -> str:
    """A value as text, the way templates print it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


def _value(variable: Variable, given: object) -> Any:
    if given is None or given == "":
        given = variable.default
    if given is not None:
        return typed(variable, given)
    if variable.required:
        message = f"The variable {variable.name} is missing."
        raise _refused(variable, message, UserErrorCode.MISSING_VARIABLE)
    return None


def _looked_up(given: Mapping[str, Any], name: str) -> object:
    if name in given:
        return given[name]
    found: object = given
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _put(tree: dict[str, Any], name: str, value: object) -> None:
    *parents, last = name.split(".")
    for part in parents:
        tree = tree.setdefault(part, {})
    tree[last] = value


def _text(given: object) -> str:
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise _Wrong("is no text.")
    if not isinstance(given, str) and not abs(given) <= _LARGEST:
        raise _Wrong("is a number beyond ±(2^53 - 1); write it as a text.")
    text = given if isinstance(given, str) else written(given)
    problem = texts.problem(text, longest=LONGEST, breaks=True)
    if problem is not None:
        raise _Wrong(problem)
    return text


def _integer(given: object) -> int:
    if isinstance(given, str) and _INTEGER.fullmatch(given.strip()):
        given = int(given)
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if not isinstance(given, int) or isinstance(given, bool) or abs(given) > _LARGEST:
        raise _Wrong(f"is {_shown(given)}, which is no integer within ±(2^53 - 1).")
    return given


def _number(given: object) -> int | float:
    if isinstance(given, str) and _NUMBER.fullmatch(given.strip()):
        given = float(given) if "." in given else int(given)
    if not isinstance(given, int | float) or isinstance(given, bool):
        raise _Wrong(f"is {_shown(given)}, which is no number such as 19.9.")
    if not abs(given) <= _LARGEST:  # nor is NaN
        raise _Wrong("is a number beyond ±(2^53 - 1).")
    return given


def _boolean(given: object) -> bool:
    if isinstance(given, str) and given.strip().lower() in ("true", "false"):
        return given.strip().lower() == "true"
    if not isinstance(given, bool):
        raise _Wrong(f"is {_shown(given)}; it must be true or false.")
    return given


def _date(given: object) -> date:
    if isinstance(given, str):
        try:
            return (
                date.fromisoformat(given)
                if len(given) == len("2026-05-31")
                else instants.parsed(given).date()
            )
        except ValueError:
            pass  # the message below says what would be right
    raise _Wrong(f"is {_shown(given)}, which is no date such as 2026-05-31.")


def _url(given: object) -> str:
    try:
        return targets.canonical(_text(given), ())
    except targets.Unfit as reason:
        raise _Wrong(str(reason)) from None


def _email(given: object) -> str:
    text = _text(given).strip()
    if _EMAIL.fullmatch(text) is None:
        raise _Wrong(f"is {_shown(text)}, which is no e-mail address.")
    return text


def _shown(given: object) -> str:
    """What was given, cropped, without characters that a reader would not see."""
    if isinstance(given, str):
        return ascii(given[:50])
    if isinstance(given, int | float):
        return str(given) if abs(given) <= _LARGEST else "a very large number"
    return "a list or an object"


def _refused(variable: Variable, message: str, code: UserErrorCode = UserErrorCode.INVALID) -> Rejected:
    return Rejected(UserError(code, message, ("variables", Verbatim(variable.name))))


_TYPES: Final[Mapping[VariableType, Callable[[object], Any]]] = {
    VariableType.STRING: _text,
    VariableType.INTEGER: _integer,
    VariableType.NUMBER: _number,
    VariableType.BOOLEAN: _boolean,
    VariableType.DATE: _date,
    VariableType.URL: _url,
    VariableType.EMAIL: _email,
}
