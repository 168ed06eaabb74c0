"""Terms: what links are found by in lists besides their fields, as texts that one index has in order.

A link has the words of its texts (`w…`), the texts and the numbers of its attributes (`a…`, `n…`), and the
template that it is from (its id). Both are bounded, so that no link makes the index grow without end.
"""

import re
import struct
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from domain import matches
from domain.facts import Scalar
from domain.links import Link

MAX_WORDS: Final = 64
"""Of a link; more are not found by it. Notes come last."""
LONGEST_WORD: Final = 40
MAX_VALUES: Final = 100
"""Of a link's attributes; more are not found by."""
MAX_SOUGHT: Final = 10
"""Words of one search."""
_WORD: Final = re.compile(r"[^\W_]+")
_SCHEME: Final = re.compile(r"^\s*[a-z][a-z0-9+.-]*://", re.IGNORECASE | re.ASCII)
_LAST: Final = "\U0010ffff"
_NAME_END: Final = "\n"  # no attribute's name holds it
_BEHIND_NAME: Final = "\v"  # the character behind it


class Span(msgspec.Struct, frozen=True):
    """Terms from `first` on and before `end`."""

    first: str
    end: str


class Asked(msgspec.Struct, frozen=True):
    """One condition: a link has a term among these, or within the span; or, where `absent`, none there."""

    among: tuple[str, ...] = ()
    span: Span | None = None
    absent: bool = False


def of(link: Link) -> list[str]:
    """The terms of a link, each once."""
    found = dict.fromkeys(f"w{word}" for word in _words_of(link))
    if link.attributes:
        found |= dict.fromkeys(_values_of(link.attributes))
    if link.origin is not None:
        found[link.origin.template_id] = None
    return list(found)


def searched(text: str) -> list[Asked]:
    """What a link has for whose words a search holds: each of them starts one of the link's.

    Case and accents do not count. An address that was pasted is read without its scheme.

    Returns:
        Empty where the text has no letter and no digit.
    """
    address = _SCHEME.sub("", text)
    words = dict.fromkeys(_words(text if address == text else unquote(address)))
    return [Asked(span=Span(f"w{word}", f"w{word}{_LAST}")) for word in words]


def attribute(asked: Mapping[str, Any]) -> Asked:
    """What a link has whose attribute is as `asked`, which matches.checked has passed."""
    name, match = asked["name"], matches.of(asked)
    if match.among is not None:
        return Asked(among=tuple(sorted(_text(name, each) for each in match.among if match.holds([each]))))
    if not match.ranged:
        start = f"a{name}"
        return Asked(span=Span(start + _NAME_END, start + _BEHIND_NAME), absent=match.exists is False)
    first = f"n{name}{_NAME_END}" if match.least is None else _number(name, match.least)
    end = f"n{name}{_BEHIND_NAME}" if match.below is None else _number(name, match.below)
    return Asked(span=Span(first, end))


def _words_of(link: Link) -> list[str]:
    """The words of what people know a link by, those of its notes last, at most MAX_WORDS."""
    _, _, address = link.destination.partition("://")
    texts = [link.slug, link.title or "", *link.tags, link.external_id or "", unquote(address)]
    words = dict.fromkeys(_words(" ".join(texts)))
    if link.notes and len(words) < MAX_WORDS:
        words |= dict.fromkeys(_words(link.notes))
    return list(words)[:MAX_WORDS]


def _words(text: str) -> list[str]:
    """Runs of letters and digits without case and accents (Unicode 15, NFKD without marks, case-folded)."""
    if not text.isascii():
        plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        text = "".join(each for each in plain if not unicodedata.combining(each)).replace("ı", "i")
    return [word[:LONGEST_WORD] for word in _WORD.findall(text.lower())]


def _values_of(attributes: Mapping[str, Any]) -> Iterator[str]:
    for count, (name, value) in enumerate(_flat(attributes, "")):
        if count == MAX_VALUES:
            return
        yield _text(name, matches.written(value))
        number = matches.number_of(value)
        if number is not None:
            yield _number(name, number)


def _flat(attributes: Mapping[str, Any], path: str) -> Iterator[tuple[str, Scalar]]:
    """Every value by its path, as facts.Facts.attribute finds it."""
    for name, value in attributes.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}.")
        else:
            each = value if isinstance(value, list) else [value]
            yield from ((path + name, one) for one in each if isinstance(one, Scalar))


def _text(name: str, text: str) -> str:
    # What is longer than any value that can be asked for is cropped to be still longer.
    return f"a{name}{_NAME_END}{text[: matches.MAX_CHARACTERS + 1]}"


def _number(name: str, number: float) -> str:
    """A number so that texts are in its order: IEEE 754 bits, the sign turned round, all where negative."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", number + 0.0))  # -0.0 is 0.0
    ordered = bits ^ (2**64 - 1 if bits >> 63 else 2**63)
    return f"n{name}{_NAME_END}{ordered:016x}"
