"""The language a visitor prefers, out of an Accept-Language header (RFC 9110, section 12.5.4)."""

import functools
import re
from typing import Final

_RANGE: Final = re.compile(
    r"\s*([a-z]{2,8}(?:-[a-z0-9]{1,8})*)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?", re.IGNORECASE
)
_MAX_CHARACTERS: Final = 256


@functools.lru_cache(maxsize=4096)
def preferred(header: str) -> str | None:
    """The BCP 47 tag with the highest weight, the first one of equals, in its usual capitals ("pt-BR").

    Wildcards, malformed ranges and languages with weight 0 are passed over; None when nothing is left.
    """
    best = next(iter(_by_preference(header)), None)
    return None if best is None else usual(best)


@functools.lru_cache(maxsize=4096)
def chosen(header: str, offered: frozenset[str]) -> frozenset[str]:
    """What is offered of the language that a visitor prefers among them; empty where none is accepted.

    Args:
        header: an Accept-Language header.
        offered: tags in lower case; one stands for every tag that begins with it (RFC 4647, section 3.3.1).

    Returns:
        All that stand for the preferred language: "de" and "de-at" for de-AT.
    """
    for tag in _by_preference(header):
        subtags = tag.lower().split("-")
        found = offered & {"-".join(subtags[:end]) for end in range(1, len(subtags) + 1)}
        if found:
            return found
    return frozenset()


def _by_preference(header: str) -> list[str]:
    """The tags of a header, the highest weight first, of equals the first one; see `preferred`."""
    weighed = []
    for part in header[:_MAX_CHARACTERS].split(","):
        match = _RANGE.fullmatch(part)
        weight = float(match[2] or 1) if match else 0.0
        if match and weight > 0:
            weighed.append((weight, match[1]))
    return [tag for _, tag in sorted(weighed, key=lambda each: -each[0])]


def usual(tag: str) -> str:
    """A tag in the capitals of RFC 5646, section 2.1.1: zh-Hant-TW."""
    first, *others = tag.lower().split("-")
    return "-".join([first, *(_subtag(subtag) for subtag in others)])


def _subtag(subtag: str) -> str:
    if len(subtag) == 2:
        return subtag.upper()
    return subtag.title() if len(subtag) == 4 and subtag.isalpha() else subtag
