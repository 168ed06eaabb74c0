"""What an operation needs and costs: scopes and points, read once from the field metadata of the schema.

An object costs a point, a leaf nothing, and a field whose metadata say `cost` that many. What lies below a
page counts once for each of its rows: as many as `first` or `last` ask for, or as an argument lists (`ids`,
`input`). Before an operation runs its price is worked out from the variables; afterwards only what came back
is charged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_composite_type,
)

from domain.access import Scope

DEFAULT_PAGE: Final = 50
MAX_PAGE: Final = 250
_PAGE_ARGUMENTS: Final = ("first", "last")
_LIST_ARGUMENTS: Final = ("ids", "input", "rows", "events")
_META: Final = frozenset({"__schema", "__type", "__typename"})


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows a list may have: a number, or the variable that says it."""

    number: int = DEFAULT_PAGE
    variable: str | None = None

    def count(self, variables: Mapping[str, Any]) -> int:
        value = variables.get(self.variable) if self.variable is not None else None
        if isinstance(value, list):
            return max(len(value), 1)
        if isinstance(value, int):
            return min(max(value, 1), MAX_PAGE)
        return self.number


@dataclass(frozen=True, slots=True)
class Charge:
    """A field's points for each of its rows, with what is selected below it."""

    points: int
    rows: Rows | None
    parts: Mapping[str, "Charge"]

    def requested(self, variables: Mapping[str, Any]) -> int:
        """Points if every list is as long as asked for."""
        one = self.points + sum(part.requested(variables) for part in self.parts.values())
        return one if self.rows is None else one * self.rows.count(variables)

    def actual(self, value: Any) -> int:
        """Points of what came back."""
        if isinstance(value, list):
            return sum(self.actual(row) for row in value)
        if not isinstance(value, dict):
            return self.points
        return self.points + sum(part.actual(value.get(key)) for key, part in self.parts.items())


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a validated document.

    Args:
        scopes: every scope that a selected field needs.
        introspects: the schema itself is asked about.
        public: nothing but the schema is asked about.
    """

    kind: OperationType
    scopes: frozenset[Scope]
    introspects: bool
    public: bool
    parts: Mapping[str, Charge]

    def requested(self, variables: Mapping[str, Any]) -> int:
        """Points at most, with coerced variables; at least one."""
        return max(1, sum(part.requested(variables) for part in self.parts.values()))

    def actual(self, data: Mapping[str, Any] | None) -> int:
        """Points of an answer's data; at least one."""
        if data is None:
            return max(1, sum(part.points for part in self.parts.values()))
        return max(1, sum(part.actual(data.get(key)) for key, part in self.parts.items()))


class Reader:
    """Reads the operations of one document that is valid and within the guard's limits."""

    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments
        self._scopes: set[Scope] = set()
        self._roots: set[str] = set()

    def read(self, operation: OperationDefinitionNode) -> Operation:
        self._scopes, self._roots = set(), set()
        self._collect_roots(operation.selection_set)
        parts = self._parts(self._schema.get_root_type(operation.operation), operation.selection_set, None)
        return Operation(
            kind=operation.operation,
            scopes=frozenset(self._scopes),
            introspects=bool(self._roots & {"__schema", "__type"}),
            public=self._roots <= _META and operation.operation is OperationType.QUERY,
            parts=parts,
        )

    def _collect_roots(self, selections: SelectionSetNode) -> None:
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                self._roots.add(selection.name.value)
            elif isinstance(selection, FragmentSpreadNode):
                self._collect_roots(self._fragments[selection.name.value].selection_set)
            elif isinstance(selection, InlineFragmentNode):
                self._collect_roots(selection.selection_set)

    def _parts(self, parent: Any, selections: SelectionSetNode, page: Rows | None) -> dict[str, Charge]:
        found: dict[str, Charge] = {}
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                key = (selection.alias or selection.name).value
                _merge(found, {key: self._charge(parent, selection, page)})
            else:
                for kind, nested in self._nested(parent, selection):
                    for key, part in self._parts(kind, nested, page).items():
                        _merge(found, {key: part})
        return {key: part for key, part in found.items() if part.points or part.parts}

    def _nested(self, parent: Any, selection: Any) -> list[tuple[Any, SelectionSetNode]]:
        if isinstance(selection, FragmentSpreadNode):
            fragment = self._fragments[selection.name.value]
            return [(self._schema.type_map[fragment.type_condition.name.value], fragment.selection_set)]
        condition = selection.type_condition
        kind = parent if condition is None else self._schema.type_map[condition.name.value]
        return [(kind, selection.selection_set)]

    def _charge(self, parent: Any, node: FieldNode, page: Rows | None) -> Charge:
        if node.name.value in _META:
            return Charge(0 if node.name.value == "__typename" else 1, None, {})
        field: Any = self._schema.get_field(parent, node.name.value)
        metadata = _metadata(field)
        if "scope" in metadata:
            self._scopes.add(metadata["scope"])
        own = _rows(field, node)
        rows = (own or page) if _is_list(field.type) else None
        parts: dict[str, Charge] = {}
        if node.selection_set is not None:
            parts = self._parts(get_named_type(field.type), node.selection_set, None if rows else own)
        leaf = not is_composite_type(get_named_type(field.type))
        return Charge(metadata.get("cost", 0 if leaf else 1), None if leaf else rows, parts)


def _merge(found: dict[str, Charge], more: Mapping[str, Charge]) -> None:
    """Add charges to those of the same response keys; of two types' fields the dearer one counts."""
    for key, new in more.items():
        old = found.get(key)
        if old is None:
            found[key] = new
            continue
        parts = dict(old.parts)
        _merge(parts, new.parts)
        found[key] = Charge(max(old.points, new.points), old.rows or new.rows, parts)


def _metadata(field: GraphQLField) -> Mapping[str, Any]:
    definition = (field.extensions or {}).get("strawberry-definition")
    return getattr(definition, "metadata", None) or {}


def _is_list(kind: Any) -> bool:
    return isinstance(kind.of_type if isinstance(kind, GraphQLNonNull) else kind, GraphQLList)


def _rows(field: GraphQLField, node: FieldNode) -> Rows | None:
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    for name in _PAGE_ARGUMENTS:
        if name in given:
            return _rows_of(given[name])
    if any(name in field.args for name in _PAGE_ARGUMENTS):
        return Rows()
    for name in _LIST_ARGUMENTS:
        if name in given and _is_list(field.args[name].type):
            return _rows_of(given[name])
    return None


def _rows_of(value: ValueNode) -> Rows:
    if isinstance(value, VariableNode):
        return Rows(DEFAULT_PAGE, value.name.value)
    if isinstance(value, IntValueNode):
        return Rows(min(max(int(value.value), 1), MAX_PAGE))
    if isinstance(value, ListValueNode):
        return Rows(max(len(value.values), 1))
    return Rows()
