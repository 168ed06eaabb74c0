"""UTM parameters: the five campaign parameters of a destination, kept apart from it."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, unquote_plus

import msgspec

NAMES: Final = ("source", "medium", "campaign", "term", "content")
LONGEST: Final = 200


class Utm(msgspec.Struct, frozen=True, kw_only=True):
    """The campaign parameters of a link; None where one is not set."""

    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    term: str | None = None
    content: str | None = None


def taken_from(url: str) -> tuple[str, dict[str, str]]:
    """A canonical URL without its UTM parameters, and their values by name; every other byte stays as it is.

    Where one stands twice the first counts; one without a value is only dropped.
    """
    head, mark, fragment = url.partition("#")
    path, asked, query = head.partition("?")
    if "utm" not in query.lower():
        return url, {}
    kept: list[str] = []
    values: dict[str, str] = {}
    for piece in query.split("&"):
        name, _, value = piece.partition("=")
        parameter = unquote_plus(name)
        if parameter.removeprefix("utm_") in NAMES and parameter.startswith("utm_"):
            values.setdefault(parameter.removeprefix("utm_"), unquote_plus(value))
        else:
            kept.append(piece)
    if len(kept) == len(query.split("&")):
        return url, {}
    rest = f"{path}{asked}{'&'.join(kept)}" if kept else path
    return f"{rest}{mark}{fragment}", {name: value for name, value in values.items() if value}


def added_to(url: str, utm: Utm) -> str:
    """A canonical URL with UTM parameters at the end of its query; everything else stays byte for byte."""
    pairs = [
        f"utm_{name}={quote(value, safe='')}" for name in NAMES if (value := getattr(utm, name)) is not None
    ]
    if not pairs:
        return url
    head, mark, fragment = url.partition("#")
    joint = "?" if "?" not in head else "" if head.endswith(("?", "&")) else "&"
    return f"{head}{joint}{'&'.join(pairs)}{mark}{fragment}"


def merged(current: Utm, given: Mapping[str, str | None]) -> Utm:
    """`current` with what is given; an empty or None value clears its parameter."""
    return msgspec.structs.replace(current, **{name: value or None for name, value in given.items()})
