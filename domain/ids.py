"""Typed, sortable ids: a prefix and a UUIDv7 (RFC 9562, section 5.7) in lower-case Crockford base32."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

PREFIXES: Final = frozenset(
    {
        *("ws", "lnk", "tpl", "cmp", "clk", "key", "evt", "job", "upl"),
        *("prm", "ptc", "ref", "cnv", "rwd", "mal"),
    }
)
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_DIGITS: Final = frozenset(_ALPHABET)
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_LENGTH: Final = 26


def of(prefix: str, at_ms: int, entropy: bytes) -> str:
    """Build the id of `prefix` for an instant.

    Args:
        prefix: one of PREFIXES.
        at_ms: milliseconds since the Unix epoch, 48 bits.
        entropy: ten bytes; the version and variant bits replace six of their eighty bits.
    """
    noise = int.from_bytes(entropy[:10], "big")
    value = (at_ms & 0xFFFFFFFFFFFF) << 80 | noise
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return _written(prefix, value)


def packed(text: str) -> bytes:
    """The 16 bytes of a well-formed id's UUID; its prefix is not among them."""
    value = 0
    for digit in text.rpartition("_")[2]:
        value = value << 5 | _ALPHABET.index(digit)
    return value.to_bytes(16, "big")


def unpacked(prefix: str, raw: bytes) -> str:
    """The id of `prefix` whose UUID has these 16 bytes."""
    return _written(prefix, int.from_bytes(raw, "big"))


def prefix_of(text: str) -> str | None:
    """The prefix of a well-formed id, or None: what is not an id names no object."""
    prefix, _, rest = text.partition("_")
    if prefix in PREFIXES and len(rest) == _LENGTH and rest[0] <= "7" and _DIGITS.issuperset(rest):
        return prefix
    return None


def instant_of(text: str) -> int:
    """The instant of an id, with or without its prefix, milliseconds since the Unix epoch; 0: it is no id."""
    digits = text.rpartition("_")[2]
    if len(digits) != _LENGTH or not _DIGITS.issuperset(digits):
        return 0
    value = 0
    for digit in digits[:10]:  # 50 bits, of which the first two are none of the id's
        value = value << 5 | _ALPHABET.index(digit)
    return value


def _written(prefix: str, value: int) -> str:
    pairs = [_PAIRS[value >> shift & 0x3FF] for shift in range(120, -1, -10)]
    return f"{prefix}_{''.join(pairs)}"


@dataclass(frozen=True, slots=True)
class Ids:
    """Makes new ids from a clock (milliseconds) and a source of random bytes, both handed in."""

    now_ms: Callable[[], int]
    random_bytes: Callable[[int], bytes]

    def new(self, prefix: str) -> str:
        """A fresh id of `prefix`; ids of one process sort by the millisecond they were made in."""
        return of(prefix, self.now_ms(), self.random_bytes(10))

    def at(self, prefix: str, at_ms: int) -> str:
        """A fresh id of `prefix` whose instant is `at_ms`: for values listed by when they were made."""
        return of(prefix, at_ms, self.random_bytes(10))
