"""Decision tables: all conditions of a link that ask the same of a visit, answered by one look at it.

Each condition of a link's rules has a bit of its own. A table gives the bits of those that hold for a visit,
in a time that does not grow with their number.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from operator import xor
from typing import Any, TypeVar

from domain.facts import Facts, Scalar
from domain.matches import Match, number_of, written

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


def by_values(read: Callable[[Facts], Iterable[str]], bits: Bits[Iterable[str]]) -> Table:
    """The same of a fact that has several values, any of which will do."""
    found = _inverted(bits).get

    def look(facts: Facts) -> int:
        seen = 0
        for value in read(facts):
            seen |= found(value, 0)
        return seen

    return look


def by_host(read: Callable[[Facts], str], bits: Bits[Iterable[str]]) -> Table:
    """The same of a host name, which stands for its parent domains too (see facts.hosts_of)."""
    found = _inverted(bits).get

    def look(facts: Facts) -> int:
        seen, host = 0, read(facts)
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
        values = read(facts)
        return seen_in(values) if values else absent

    return look


def by_names(
    read: Callable[[Facts], Iterable[tuple[str, Scalar]]], bits_of: Mapping[str, Bits[Match]]
) -> Table:
    """The same for conditions on many names: only those are looked at that a visit has."""
    tables = {name: _matched(bits) for name, bits in bits_of.items()}
    absent = _together(each for each, _ in tables.values())
    found = tables.get

    def look(facts: Facts) -> int:
        seen = absent
        for name, value in read(facts):
            table = found(name)
            if table is not None:
                seen = seen & ~table[0] | table[1]((value,))
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


def once_a_minute(table: Table, read: Callable[[Facts], str]) -> Table:
    """The same table, looked at once a minute of the clock for each value of a fact.

    Args:
        table: what it gives depends on the minute and on that fact alone.
        read: gives the fact, of which there are few values, such as time zones.
    """
    minute, seen = -1, dict[str, int]()

    def look(facts: Facts) -> int:
        nonlocal minute
        now = facts.visit.at_ms // 60_000
        if now != minute:
            minute = now
            seen.clear()
        value = read(facts)
        bits = seen.get(value)
        if bits is None:
            bits = seen[value] = table(facts)
        return bits

    return look


def _matched(bits: Bits[Match]) -> tuple[int, Callable[[Sequence[Scalar]], int]]:
    """The bits that hold where there is no value, and those that hold for values."""
    absent = _together(bit for match, bit in bits if match.exists is False)
    asking = [(match, bit) for match, bit in bits if match.exists is not False]
    ranged = [each for each in asking if each[0].ranged and each[0].among is None]
    among = _inverted([(match.among or (), bit) for match, bit in asking if not match.ranged])
    present = _together(bit for match, bit in asking if not match.ranged and match.among is None)
    both = [each for each in asking if each[0].ranged and each[0].among is not None]
    edges, steps = _steps((match.least, match.below, bit) for match, bit in ranged)

    def seen_in(values: Sequence[Scalar]) -> int:
        seen = present
        for value in values:
            seen |= among.get(written(value), 0)
            if ranged and (number := number_of(value)) is not None:
                seen |= steps[bisect_right(edges, number)]
        for match, bit in both:
            seen |= bit if match.holds(values) else 0
        return seen

    return absent, seen_in


def _together(bits: Iterable[int]) -> int:
    return sum(bits)  # each is another one


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
