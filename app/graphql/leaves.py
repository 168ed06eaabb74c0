"""Leaves: fields that are an attribute of their object, answered without what only resolvers need.

Most fields of most answers are such. GraphQL's own way makes a GraphQLResolveInfo, a list of nodes and four
calls for each of them; here it is an attribute and its coercion. Everything else, whatever is wrong with a
value included, goes GraphQL's own way.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, NamedTuple

from graphql import (
    GraphQLError,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    is_leaf_type,
)
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter

_NAME: Final = "linkgraph.leaves"
_PLAIN: Final = frozenset({str, int, float, bool})


class _Leaf(NamedTuple):
    attribute: str
    coerced: Callable[[Any], Any]
    is_nullable: bool


class LeafExecutor(StrawberryGraphQLCoreExecutionContext):
    """Strawberry's executor with the short way for leaves; its schema has to be given to `prepare` before."""

    def execute_field(
        self, parent_type: GraphQLObjectType, source: Any, field_details_list: Any, *where: Any
    ) -> Any:
        """The value of a field, or what becomes it; see graphql-core's Executor."""
        leaves = self.schema.extensions[_NAME]
        leaf = leaves.get((parent_type.name, field_details_list[0].node.name.value))
        if leaf is not None:
            value = getattr(source, leaf.attribute, Undefined)
            if value is None and leaf.is_nullable:
                return None
            if value.__class__ in _PLAIN or isinstance(value, Enum):  # nothing to await or to raise
                try:
                    coerced = leaf.coerced(value)
                except (GraphQLError, TypeError, ValueError):
                    coerced = None  # it is raised again below, and told as GraphQL tells it
                if coerced is not None and coerced is not Undefined:
                    return coerced
        return super().execute_field(parent_type, source, field_details_list, *where)


def prepare(schema: GraphQLSchema) -> None:
    """Find the leaves of a schema."""
    schema.extensions[_NAME] = {
        (kind.name, name): leaf
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType)
        for name, field in kind.fields.items()
        if (leaf := _leaf(field)) is not None
    }


def _leaf(field: Any) -> _Leaf | None:
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    is_nullable = not isinstance(field.type, GraphQLNonNull)
    named = field.type if is_nullable else field.type.of_type
    if definition is None or not definition.is_basic_field or not is_leaf_type(named):
        return None
    return _Leaf(definition.python_name, named.coerce_output_value, is_nullable)
