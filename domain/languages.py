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
    best, best_weight = None, 0.0
    for part in header[:_MAX_CHARACTERS].split(","):
        match = _RANGE.fullmatch(part)
        weight = float(match[2] or 1) if match else 0.0
        if match and weight > best_weight:
            best, best_weight = match[1], weight
    return None if best is None else _usual(best)


def _usual(tag: str) -> str:
    """A tag in the capitals of RFC 5646, section 2.1.1: zh-Hant-TW."""
    first, *others = tag.lower().split("-")
    return "-".join([first, *(_subtag(subtag) for subtag in others)])


def _subtag(subtag: str) -> str:
    if len(subtag) == 2:
        return subtag.upper()
    return subtag.title() if len(subtag) == 4 and subtag.isalpha() else subtag
