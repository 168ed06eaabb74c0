"""Plans: the rules of a link, worked out so that finding the first that matches takes a few steps.

Evaluating rule after rule costs a visit what its link has of conditions. A plan looks a visit up in the
decision tables of the link instead, which gives one bit for each condition; which rule these bits lead to is
worked out once and remembered. So is, for a minute, which bits follow from what visits say of themselves, for
they say the same time and again. What takes long to find out, such as what an agent string tells, is only
looked up where the rest does not decide.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, Protocol, TypeVar

import msgspec

from domain.facts import Facts
from domain.grammar import KINDS, NESTING, Compiler, Condition, Json
from domain.tables import Table
from domain.visits import Visit

REMEMBERED: Final = 8_192
"""Of each kind of answer so many are remembered by a process, of all links together; then it forgets all."""
_UNDECIDED: Final = -1
_SAID, _DEAR, _READY, _DRAWN = (True, False), (True, True), (False, False), (False, True)
"""Sorts of tables: whether they ask what visits say of themselves, and whether that takes long."""

Matched = dict[tuple[bytes, int], int]
"""The place of the first rule that matches, by plan and bits."""
Said = tuple[bytes, int, *tuple[str, ...]]
"""A plan, a minute, and what a visit says of itself."""
Key = TypeVar("Key")


class _Tree(Protocol):
    def judged(self, holding: int, known: int) -> bool | None:
        """Whether it holds; None where that depends on bits that are not known."""
        ...


class _Bit(msgspec.Struct, frozen=True):
    bit: int

    def judged(self, holding: int, known: int) -> bool | None:
        return bool(holding & self.bit) if known & self.bit else None


class _Every(msgspec.Struct, frozen=True):
    """Every part is `wanted`: "all" wants true ones, and "any" is not every part being false."""

    parts: tuple[_Tree, ...]
    wanted: bool

    def judged(self, holding: int, known: int) -> bool | None:
        verdicts = {part.judged(holding, known) for part in self.parts}
        if (not self.wanted) in verdicts:
            return not self.wanted
        return None if None in verdicts else self.wanted


class _Opposite(msgspec.Struct, frozen=True):
    part: _Tree

    def judged(self, holding: int, known: int) -> bool | None:
        verdict = self.part.judged(holding, known)
        return None if verdict is None else not verdict


class Plan(msgspec.Struct, frozen=True):
    """The rules of one version of a link.

    Args:
        trees: how the conditions of each rule hang together, in the order of rules.
        said: tables of what a visit says of itself …
        dear: … and those of what takes long to find out from it.
        ready: tables of other facts that are at hand.
        drawn: those of others that take long.
        names: tell these rules from all others: before the dear tables, before the drawn ones, behind all.
        known: the bits that are known by then.
    """

    trees: tuple[_Tree, ...]
    said: tuple[Table, ...]
    dear: tuple[Table, ...]
    ready: tuple[Table, ...]
    drawn: tuple[Table, ...]
    names: tuple[bytes, bytes, bytes]
    known: tuple[int, int, int]

    def first(self, facts: Facts) -> int:
        """The place of the first rule that matches; behind the last where none does."""
        known, holding = facts.known, 0
        for table in self.ready:
            holding |= table(facts)
        if self.said or self.dear:
            said = _said(self.names[0], facts.visit)
            heard = known.heard.get(said)
            if heard is None:
                heard = _of(self.said, facts)
                if self.dear:
                    place = self._place(0, holding | heard, known.matched)
                    if place != _UNDECIDED:
                        return place
                    heard |= _of(self.dear, facts)
                _remember(known.heard, said, heard)
            holding |= heard
        place = self._place(1, holding, known.matched)
        if place == _UNDECIDED:
            return self._place(2, holding | _of(self.drawn, facts), known.matched)
        return place

    def _place(self, stage: int, holding: int, matched: Matched) -> int:
        key = (self.names[stage], holding)
        place = matched.get(key)
        if place is None:
            place = self._judged(holding, self.known[stage])
            _remember(matched, key, place)
        return place

    def _judged(self, holding: int, known: int) -> int:
        for place, tree in enumerate(self.trees):
            verdict = tree.judged(holding, known)
            if verdict is not False:
                return place if verdict else _UNDECIDED
        return len(self.trees)


def _said(name: bytes, visit: Visit) -> Said:
    """What a visit says of itself: its headers, and where and when it is; never its address."""
    return (
        name,
        visit.at_ms // 60_000,
        visit.agent,
        visit.languages,
        visit.referrer,
        visit.country,
        visit.region,
        visit.city,
        visit.timezone,
    )


def _of(several: Iterable[Table], facts: Facts) -> int:
    holding = 0
    for table in several:
        holding |= table(facts)
    return holding


def _remember(remembered: dict[Key, int], key: Key, found: int) -> None:
    if len(remembered) >= REMEMBERED:
        remembered.clear()
    remembered[key] = found


class _Leaves:
    """The conditions of all rules that hold no others: what asks the same is one."""

    def __init__(self) -> None:
        self.bits: dict[tuple[str, ...], int] = {}
        self.of_kind: dict[str, list[tuple[Condition, int]]] = {}

    def tree(self, when: Mapping[str, Json], compiler: Compiler) -> _Tree:
        ((name, value),) = when.items()
        if name == "not":
            return _Opposite(self.tree(value, compiler))
        if name in NESTING:
            return _Every(tuple(self.tree(each, compiler) for each in value), wanted=name == "all")
        seed = compiler.seed if KINDS[name].DRAWS else ()
        key = (name, msgspec.json.encode(value).decode(), *seed)
        if key not in self.bits:
            self.bits[key] = 1 << len(self.bits)
            self.of_kind.setdefault(name, []).append((compiler.compile(when), self.bits[key]))
        return _Bit(self.bits[key])


def plan(rules: Sequence[tuple[Mapping[str, Json], Compiler]], about: Any) -> Plan:
    """The plan of rules.

    Args:
        rules: of each the condition that grammar.Budget has passed, and the compiler.
        about: what else tells these rules from others, as plain data.
    """
    leaves = _Leaves()
    trees = tuple(leaves.tree(when, compiler) for when, compiler in rules)
    tables: dict[tuple[bool, bool], list[Table]] = {sort: [] for sort in (_SAID, _DEAR, _READY, _DRAWN)}
    at_hand = drawn = 0
    for name, conditions in leaves.of_kind.items():
        kind, bits = KINDS[name], sum(bit for _, bit in conditions)
        tables[kind.SAID, kind.DEAR] += kind.tables(conditions)
        at_hand |= 0 if kind.DEAR else bits
        drawn |= bits if kind.DEAR and not kind.SAID else 0
    content = repr(([(when, compiler.seed) for when, compiler in rules], about))
    own = blake2b(content.encode(errors="replace"), digest_size=16).digest()
    return Plan(
        trees,
        said=tuple(tables[_SAID]),
        dear=tuple(tables[_DEAR]),
        ready=tuple(tables[_READY]),
        drawn=tuple(tables[_DRAWN]),
        names=(own + b"<", own + b"=", own + b">"),
        known=(at_hand, ~drawn, -1),
    )
