"""Plans: the rules of a link, worked out so that finding the first that matches takes a few steps.

Evaluating rule after rule costs a visit what its link has of conditions. A plan looks a visit up in the
decision tables of the link instead, which gives one bit for each condition; which rule these bits lead to is
worked out once and remembered. What takes long to find out, such as what an agent string tells, is only
looked up where the rest does not decide.
"""

from collections.abc import Mapping, MutableMapping, Sequence
from hashlib import blake2b
from typing import Any, Final, Protocol

import msgspec

from domain.facts import Facts
from domain.grammar import KINDS, NESTING, Compiler, Condition, Json
from domain.tables import Table

REMEMBERED: Final = 8_192
"""Bits whose rule a process remembers, of all links together; when they are too many it forgets all."""
_UNDECIDED: Final = -1

Matched = MutableMapping[tuple[bytes, int], int]
"""The place of the first rule that matches, by plan and bits."""


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
        ready: tables of facts that are at hand.
        dear: tables of facts that have to be found out.
        known: bits of what is at hand.
        names: tell these rules from all others, before and after the dear tables.
    """

    trees: tuple[_Tree, ...]
    ready: tuple[Table, ...]
    dear: tuple[Table, ...]
    known: int
    names: tuple[bytes, bytes]

    def first(self, facts: Facts, matched: Matched) -> int:
        """The place of the first rule that matches; behind the last where none does."""
        holding = 0
        for table in self.ready:
            holding |= table(facts)
        before, after = self.names
        place = matched.get((before, holding))
        if place is None:
            place = self._found(before, holding, self.known, matched)
        if place != _UNDECIDED:
            return place
        for table in self.dear:
            holding |= table(facts)
        place = matched.get((after, holding))
        return self._found(after, holding, -1, matched) if place is None else place

    def _found(self, name: bytes, holding: int, known: int, matched: Matched) -> int:
        if len(matched) >= REMEMBERED:
            matched.clear()
        place = matched[name, holding] = self._judged(holding, known)
        return place

    def _judged(self, holding: int, known: int) -> int:
        for place, tree in enumerate(self.trees):
            verdict = tree.judged(holding, known)
            if verdict is not False:
                return place if verdict else _UNDECIDED
        return len(self.trees)


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
    ready: list[Table] = []
    dear: list[Table] = []
    known = 0
    for name, bits in leaves.of_kind.items():
        (dear if KINDS[name].DEAR else ready).extend(KINDS[name].tables(bits))
        known |= 0 if KINDS[name].DEAR else sum(bit for _, bit in bits)
    content = repr(([(when, compiler.seed) for when, compiler in rules], about))
    own = blake2b(content.encode(errors="replace"), digest_size=16).digest()
    return Plan(trees, tuple(ready), tuple(dear), known, (own + b"<", own + b">"))
