"""Decision tables: all conditions of a link that ask the same of a visit, answered by one look at it.

Each condition of a link's rules has a bit of its own. A table gives the bits of those that hold for a visit,
in a time that does not grow with their number.
"""

import functools
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from operator import or_, xor
from typing import Any, Final, TypeVar

from domain import languages
from domain.facts import Facts, Scalar
from domain.matches import Match, number_of, written

REMEMBERED: Final = 64
"""First languages whose bits a table remembers: most visitors have the usual ones."""

Table = Callable[[Facts], int]
Leaf = TypeVar("Leaf")
Bits = Sequence[tuple[Leaf, int]]
"""Conditions of one kind, each with its bit."""
Span = tuple[Any, Any, int]
"""Where a bit begins to be set, and where it is not set any more."""


def by_value(read: Callable[[Facts], str], bits: Bits[Iterable[str]]) -> Table:
    """For conditions that hold for some values of one fact.

    Args:
        read: gives the fact.
        bits: the values of each condition.
    """
    found = _inverted(bits).get
    return lambda facts: found(read(facts), 0)


def by_language(bits: Bits[Iterable[str]]) -> Table:
    """For conditions on the language that a visitor prefers among those that the link's rules name.

    Args:
        bits: the languages of each condition, in lower case; together they are what the link offers.
    """
    found = _inverted(bits).get

    @functools.lru_cache(REMEMBERED)
    def first_alone(part: str) -> int:
        return _any(found(tag, 0) for tag in languages.preferred_alone(part))

    def look(facts: Facts) -> int:
        # Most headers begin alike, however they go on, and what stands first without a weight is preferred.
        seen = first_alone(facts.visit.languages.partition(",")[0])
        return seen or _any(found(tag, 0) for tag in facts.languages)

    return look


def by_referrer(bits: Bits[Iterable[str]]) -> Table:
    """For conditions on the host that a visit comes from, and on its parents (see facts.hosts_of)."""
    found = _inverted(bits).get

    def look(facts: Facts) -> int:
        seen, host = 0, facts.visit.referrer
        while host:
            seen |= found(host, 0)
            host = host.partition(".")[2]
        return seen

    return look


def by_span(read: Callable[[Facts], Any], spans: Iterable[Span]) -> Table:
    """For conditions that hold from one value of a fact to another; the spans of one bit do not overlap.

    Args:
        read: gives the fact; None is in no span.
        spans: in no order.
    """
    edges, steps = _steps(spans)

    def look(facts: Facts) -> int:
        value = read(facts)
        return 0 if value is None else steps[bisect_right(edges, value)]

    return look


def by_match(read: Callable[[Facts], Sequence[Scalar]], bits: Bits[Match]) -> Table:
    """For conditions on the values of one name, see Match."""
    absent, seen_in = _matched(bits)

    def look(facts: Facts) -> int:
        values, seen = read(facts), 0
        for value in values:
            seen |= seen_in(value)
        return seen if values else absent

    return look


def by_parameters(bits_of: Mapping[str, Bits[Match]]) -> Table:
    """The same for conditions on parameters of the query: only those are looked at that a visit has."""
    tables = {name: _matched(bits) for name, bits in bits_of.items()}
    none = _together(absent for absent, _ in tables.values())
    found = tables.get

    def look(facts: Facts) -> int:
        seen = none
        if facts.visit.query:
            for name, value in facts.parameters:
                table = found(name)
                if table is not None:
                    absent, seen_in = table
                    seen |= seen_in(value)
                    if absent:
                        seen &= ~absent
        return seen

    return look


def once(table: Table) -> Table:
    """The same table, looked at a single time: what it gives depends on the link alone."""
    known: list[int] = []

    def look(facts: Facts) -> int:
        if not known:
            known.append(table(facts))
        return known[0]

    return look


def asking(bits: Bits[Callable[[Facts], bool]]) -> Table:
    """For conditions that have to be asked one by one."""
    return lambda facts: _together(bit for holds, bit in bits if holds(facts))


def once_a_minute(table: Table) -> Table:
    """The same table, looked at once a minute of the clock: what it gives depends on nothing else."""
    minute, bits = -1, 0

    def look(facts: Facts) -> int:
        nonlocal minute, bits
        now = facts.visit.at_ms // 60_000
        if now != minute:
            minute, bits = now, table(facts)
        return bits

    return look


def once_a_minute_and_zone(table: Table) -> Table:
    """The same where the visitor's time zone, of which there are few, has a say too."""
    minute, seen = -1, dict[str, int]()

    def look(facts: Facts) -> int:
        nonlocal minute
        now = facts.visit.at_ms // 60_000
        if now != minute:
            minute = now
            seen.clear()
        zone = facts.visit.timezone
        bits = seen.get(zone)
        if bits is None:
            bits = seen[zone] = table(facts)
        return bits

    return look


def _matched(bits: Bits[Match]) -> tuple[int, Callable[[Scalar], int]]:
    """The bits that hold where there is no value, and what gives those that hold for one."""
    absent = _together(bit for match, bit in bits if match.exists is False)
    asking = [(match, bit) for match, bit in bits if match.exists is not False]
    ranged = [each for each in asking if each[0].ranged and each[0].among is None]
    among = _inverted([(match.among or (), bit) for match, bit in asking if not match.ranged]).get
    present = _together(bit for match, bit in asking if not match.ranged and match.among is None)
    both = [each for each in asking if each[0].ranged and each[0].among is not None]
    edges, steps = _steps((match.least, match.below, bit) for match, bit in ranged)

    def seen_in(value: Scalar) -> int:
        seen = present | among(value if isinstance(value, str) else written(value), 0)
        if ranged and (number := number_of(value)) is not None:
            seen |= steps[bisect_right(edges, number)]
        for match, bit in both:
            seen |= bit if match.holds((value,)) else 0
        return seen

    return absent, seen_in


def _together(bits: Iterable[int]) -> int:
    return sum(bits)  # each is another one


def _any(bits: Iterable[int]) -> int:
    return functools.reduce(or_, bits, 0)


def _inverted(bits: Bits[Iterable[str]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for values, bit in bits:
        for value in values:
            found[value] = found.get(value, 0) | bit
    return found


def _steps(spans: Iterable[Span]) -> tuple[list[Any], list[int]]:
    """The values where bits change, and the bits that are set before, between and behind them."""
    changes: dict[Any, int] = {}
    always = 0
    for start, end, bit in spans:
        if start is None:
            always |= bit
        else:
            changes[start] = changes.get(start, 0) ^ bit
        if end is not None:
            changes[end] = changes.get(end, 0) ^ bit
    edges = sorted(changes)
    return edges, list(accumulate((changes[edge] for edge in edges), xor, initial=always))
