"""Reads the scopes and charges of a document's operations off the field metadata of the schema, once."""

from collections.abc import Mapping
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

from app.graphql.costs import MUTATION_POINTS, Charge, Operation, Rows, clamped
from domain.access import Scope

_PAGE_ARGUMENTS: Final = ("first", "last")
_LIST_ARGUMENTS: Final = ("ids", "input", "rows", "events")
_META: Final = frozenset({"__schema", "__type", "__typename"})


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
        root = self._schema.get_root_type(operation.operation)
        parts = _priced(self._fields(root, operation.selection_set, None))
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

    def _fields(self, parent: Any, selections: SelectionSetNode, page: Rows | None) -> dict[str, Charge]:
        """The charge of each response key, leaves that cost nothing included."""
        found: dict[str, Charge] = {}
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                key = (selection.alias or selection.name).value
                _merge(found, {key: self._charge(parent, selection, page)})
            else:
                for kind, nested in self._nested(parent, selection):
                    _merge(found, self._fields(kind, nested, page))
        return found

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
        if metadata.get("scope") is not None:  # None: open to every key, said rather than forgotten
            self._scopes.add(metadata["scope"])
        own = _rows(field, node)
        if own is None and "rows" in metadata:
            own = Rows((metadata["rows"],))
        if not is_composite_type(get_named_type(field.type)):
            return Charge(metadata.get("cost", 0), None, {})
        rows = (own or page) if _is_list(field.type) else None
        fields: dict[str, Charge] = {}
        if node.selection_set is not None:
            fields = self._fields(get_named_type(field.type), node.selection_set, None if rows else own)
        changes = parent is self._schema.mutation_type
        priced = _priced(fields)
        return Charge(
            metadata.get("cost", MUTATION_POINTS if changes else 1),
            rows,
            priced,
            frozenset(fields) - priced.keys(),
            own if changes and rows is None else None,
        )


def _priced(fields: Mapping[str, Charge]) -> dict[str, Charge]:
    return {key: part for key, part in fields.items() if part.points or part.parts}


def _merge(found: dict[str, Charge], more: Mapping[str, Charge]) -> None:
    """Add charges to those of the same response keys; of two types' fields the dearer one counts."""
    for key, new in more.items():
        old = found.get(key)
        if old is None:
            found[key] = new
            continue
        parts = dict(old.parts)
        _merge(parts, new.parts)
        found[key] = Charge(
            max(old.points, new.points),
            _most(old.rows, new.rows),
            parts,
            old.leaves | new.leaves,
            _most(old.written, new.written),
        )


def _most(rows: Rows | None, others: Rows | None) -> Rows | None:
    if rows is None or others is None or rows == others:
        return rows or others
    return Rows((*rows.given, *others.given))


def _metadata(field: GraphQLField) -> Mapping[str, Any]:
    definition = (field.extensions or {}).get("strawberry-definition")
    return getattr(definition, "metadata", None) or {}


def _is_list(kind: Any) -> bool:
    return isinstance(kind.of_type if isinstance(kind, GraphQLNonNull) else kind, GraphQLList)


def _rows(field: GraphQLField, node: FieldNode) -> Rows | None:
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    if any(name in field.args for name in _PAGE_ARGUMENTS):
        return Rows(tuple(number for name in _PAGE_ARGUMENTS for number in _numbers(given.get(name))))
    for name in _LIST_ARGUMENTS:
        if name in given and _is_list(field.args[name].type):
            return Rows(_numbers(given[name]))
    return None


def _numbers(value: ValueNode | None) -> tuple[int | str, ...]:
    """The rows that an argument's value asks for: a number, the variable that holds it, or nothing at all."""
    match value:
        case VariableNode():
            return (value.name.value,)
        case IntValueNode():
            return (clamped(int(value.value)),)
        case ListValueNode():
            return (max(len(value.values), 1),)
        case _:
            return ()
