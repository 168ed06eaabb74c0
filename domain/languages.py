"""The language a visitor prefers, out of an Accept-Language header (RFC 9110, section 12.5.4)."""

import functools
import re
from operator import itemgetter
from typing import Final

_RANGE: Final = re.compile(
    r"\s*([a-z]{2,8}(?:-[a-z0-9]{1,8})*)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?", re.IGNORECASE
)
_TAG: Final = re.compile(r"[a-z]{2,8}(?:-[a-z0-9]{1,8})*", re.IGNORECASE)
_MAX_CHARACTERS: Final = 256
_weight: Final = itemgetter(0)


@functools.lru_cache(maxsize=4096)
def preferred(header: str) -> str | None:
    """The BCP 47 tag with the highest weight, the first one of equals, in its usual capitals ("pt-BR").

    Wildcards, malformed ranges and languages with weight 0 are passed over; None when nothing is left.
    """
    best = next(iter(_by_preference(header)), None)
    return None if best is None else usual(best)


def chosen(header: str, offered: frozenset[str]) -> frozenset[str]:
    """What is offered of the language that a visitor prefers among them; empty where none is accepted.

    Args:
        header: an Accept-Language header.
        offered: tags in lower case; one stands for every tag that begins with it (RFC 4647, section 3.3.1).

    Returns:
        All that stand for the preferred language: "de" and "de-at" for de-AT.
    """
    first = header.partition(",")[0]
    return offered & preferred_alone(first) or _searched(header, offered)


@functools.lru_cache(maxsize=4096)
def preferred_alone(part: str) -> frozenset[str]:
    """What stands for the tag of a header's first part, if that has no weight: nothing else weighs more."""
    match = None if ";" in part else _RANGE.fullmatch(part)
    return frozenset() if match is None else _standing_for(match[1])


@functools.lru_cache(maxsize=4096)
def _searched(header: str, offered: frozenset[str]) -> frozenset[str]:
    for tag in _by_preference(header):
        found = offered & _standing_for(tag)
        if found:
            return found
    return frozenset()


def _by_preference(header: str) -> list[str]:
    """The tags of a header, the highest weight first, of equals the first one; see `preferred`."""
    weighed = [_weighed(part) for part in header[:_MAX_CHARACTERS].split(",")]
    return [tag for weight, tag in sorted(weighed, key=_weight, reverse=True) if weight > 0]


@functools.lru_cache(maxsize=4096)
def _weighed(part: str) -> tuple[float, str]:
    """Weight and tag of one part of a header: the parts of headers that differ are often the same."""
    match = _RANGE.fullmatch(part)
    return (float(match[2] or 1), match[1]) if match else (0.0, "")


@functools.lru_cache(maxsize=4096)
def _standing_for(tag: str) -> frozenset[str]:
    """The tags that stand for one, in lower case: "de" and "de-at" for de-AT."""
    subtags = tag.lower().split("-")
    return frozenset("-".join(subtags[:end]) for end in range(1, len(subtags) + 1))


def usual(tag: str) -> str:
    """A tag in the capitals of RFC 5646, section 2.1.1: zh-Hant-TW."""
    first, *others = tag.lower().split("-")
    return "-".join([first, *(_subtag(subtag) for subtag in others)])


def _subtag(subtag: str) -> str:
    if len(subtag) == 2:
        return subtag.upper()
    return subtag.title() if len(subtag) == 4 and subtag.isalpha() else subtag


def well_formed(tag: str) -> bool:
    """Whether a text is a language tag as far as its shape tells (BCP 47, RFC 5646, section 2.2.9)."""
    return _TAG.fullmatch(tag) is not None
