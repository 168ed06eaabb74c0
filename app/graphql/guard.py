"""One look at a document's shape before anything else reads it; too much is refused by the name of the limit.

Every fragment is measured once, however often it is spread: a walk that follows each spread is exponential
(748 bytes can block a process for seconds), and validation compares fields in pairs, so it must not see too
many.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from domain.errors import QueryTooComplex

_MANY: Final = 10**9


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a document may be.

    Args:
        characters: length of its text.
        tokens: lexical tokens, without comments; values belong into variables.
        comments: comments in it.
        digits: of one number; Python itself refuses longer ones in words of its own.
        depth: levels of nested fields, through fragments.
        fields: selections of all operations with every fragment spread out.
        aliases: of those, the ones with an alias.
        directives: of those, the directives on them.
        fragments: fragment definitions.
        operations: operation definitions.
        overlaps: pairs of fields under one response key, which validation compares pair by pair.
    """

    characters: int = 100_000
    tokens: int = 2_500
    comments: int = 500
    digits: int = 1_000
    depth: int = 20
    fields: int = 500
    aliases: int = 100
    directives: int = 50
    fragments: int = 50
    operations: int = 20
    overlaps: int = 3_000


@dataclass(frozen=True, slots=True)
class Shape:
    """What one definition amounts to with every fragment spread out."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0


@dataclass(frozen=True, slots=True)
class _Own:
    """A definition's own shape, and the fragments it spreads with the depth at which it does."""

    shape: Shape
    spreads: tuple[tuple[str, int], ...]


def check(document: DocumentNode, limits: Limits) -> None:
    """Refuse a document that breaks a limit. Undefined and circular fragments are left to validation.

    Raises:
        QueryTooComplex: the message names the limit, what was found and what is allowed.
    """
    fragments: dict[str, _Own] = {}
    operations = 0
    for definition in document.definitions:
        if isinstance(definition, FragmentDefinitionNode):
            fragments[definition.name.value] = _own(definition)
        elif isinstance(definition, OperationDefinitionNode):
            operations += 1
    _refuse_over("fragments", len(fragments), limits.fragments)
    _refuse_over("operations", operations, limits.operations)
    known: dict[str, Shape] = {}
    selected = 0
    for definition in document.definitions:
        if isinstance(definition, FragmentDefinitionNode):
            _refuse(_fragment(definition.name.value, fragments, known), limits)
        elif isinstance(definition, OperationDefinitionNode):
            whole = _whole(_own(definition), fragments, known)
            _refuse(whole, limits)
            selected += whole.fields
    _refuse_over("fields", selected, limits.fields)
    _refuse_over("overlaps", _Overlaps(document, limits).count(), limits.overlaps)


class _Overlaps:
    """Counts pairs of fields under one response key, in operations and in fragments that none reaches.

    Within the other limits there is little to walk, circles of fragments apart: they end at the limit on
    depth, and count as far too many where they multiply before that.
    """

    def __init__(self, document: DocumentNode, limits: Limits) -> None:
        self._limits = limits
        self._definitions = document.definitions
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._reached: set[str] = set()
        self._steps = 0
        self._pairs = 0

    def count(self) -> int:
        for definition in self._definitions:
            if isinstance(definition, OperationDefinitionNode):
                self._walk(definition.selection_set)
        for name, fragment in self._fragments.items():
            if name not in self._reached:
                self._walk(fragment.selection_set)
        return self._pairs

    def _walk(self, root: SelectionSetNode) -> None:
        waiting: list[tuple[list[SelectionSetNode], int]] = [([root], 1)]
        while waiting:
            together, level = waiting.pop()
            for fields_of_key in self._by_key(together).values():
                self._pairs += len(fields_of_key) * (len(fields_of_key) - 1) // 2
                below = [field.selection_set for field in fields_of_key if field.selection_set is not None]
                if below and level <= self._limits.depth:
                    waiting.append((below, level + 1))
            if self._steps > 4 * self._limits.fields:
                self._pairs = _MANY
                return

    def _by_key(self, together: Iterable[SelectionSetNode]) -> Mapping[str, list[FieldNode]]:
        """The fields of selection sets that are merged, with those of fragments, by response key."""
        found: defaultdict[str, list[FieldNode]] = defaultdict(list)
        spread: set[str] = set()
        waiting = list(together)
        while waiting:
            for selection in waiting.pop().selections:
                self._steps += 1
                if isinstance(selection, FieldNode):
                    found[(selection.alias or selection.name).value].append(selection)
                elif isinstance(selection, FragmentSpreadNode):
                    name = selection.name.value
                    if name in self._fragments and name not in spread:
                        spread.add(name)
                        waiting.append(self._fragments[name].selection_set)
                elif isinstance(selection, InlineFragmentNode):
                    waiting.append(selection.selection_set)
        self._reached |= spread
        return found


def _own(definition: OperationDefinitionNode | FragmentDefinitionNode) -> _Own:
    depth = selected = aliases = 0
    directives = len(definition.directives or ())
    spreads: list[tuple[str, int]] = []
    for selection, level in _selections(definition.selection_set):
        selected += 1
        directives += len(selection.directives or ())
        if isinstance(selection, FieldNode):
            depth = max(depth, level)
            aliases += selection.alias is not None
        elif isinstance(selection, FragmentSpreadNode):
            spreads.append((selection.name.value, level - 1))
    return _Own(Shape(depth, selected, aliases, directives), tuple(spreads))


def _selections(root: SelectionSetNode) -> Iterator[tuple[FieldNode | FragmentSpreadNode, int]]:
    """Every selection below `root` with the level of fields it stands on, from 1; without recursion."""
    waiting: list[tuple[SelectionSetNode, int]] = [(root, 1)]
    while waiting:
        selections, level = waiting.pop()
        for selection in selections.selections:
            yield selection, level  # type: ignore[misc]  # inline fragments too: they only have directives for us
            nested = getattr(selection, "selection_set", None)
            if nested is not None:
                waiting.append((nested, level + 1 if isinstance(selection, FieldNode) else level))


def _fragment(name: str, fragments: dict[str, _Own], known: dict[str, Shape]) -> Shape:
    """The whole shape of a fragment, worked out once; at most one level of recursion for each fragment."""
    if name not in known:
        known[name] = Shape()  # what a circle or an undefined fragment adds
        if name in fragments:
            known[name] = _whole(fragments[name], fragments, known)
    return known[name]


def _whole(own: _Own, fragments: dict[str, _Own], known: dict[str, Shape]) -> Shape:
    depth, selected = own.shape.depth, own.shape.fields
    aliases, directives = own.shape.aliases, own.shape.directives
    for name, level in own.spreads:
        spread = _fragment(name, fragments, known)
        depth = max(depth, level + spread.depth)
        selected = min(selected + spread.fields, _MANY)
        aliases = min(aliases + spread.aliases, _MANY)
        directives = min(directives + spread.directives, _MANY)
    return Shape(depth, selected, aliases, directives)


def _refuse(shape: Shape, limits: Limits) -> None:
    for measure in fields(Shape):
        _refuse_over(measure.name, getattr(shape, measure.name), getattr(limits, measure.name))


def _refuse_over(limit: str, found: int, allowed: int) -> None:
    if found > allowed:
        shown = found if found < _MANY else "far more"
        raise QueryTooComplex(f"The document breaks the limit on {limit}: {shown} found, {allowed} allowed.")
