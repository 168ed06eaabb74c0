"""The schema as text is the schema that runs, and agrees with the contract wherever both have something."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    print_ast,
)

from app import graph

CONTRACT = Path(__file__).resolve().parents[3] / "shared" / "contract.graphql"
Composite = GraphQLObjectType | GraphQLInterfaceType


def contract() -> GraphQLSchema:
    """The contract, completed by the connections and payloads that it only describes."""
    if not CONTRACT.exists():
        pytest.skip(f"the contract is not beside this repository: {CONTRACT}")
    text = CONTRACT.read_text()
    defined = set(re.findall(r"^(?:type|input|enum|interface|scalar) (\w+)", text, re.MULTILINE))
    nouns = set(re.findall(r"(\w+)Connection!", text))
    payloads = set(re.findall(r": (\w+Payload)!", text)) - defined
    text += "".join(f"type {name} {{ id: ID! }}\n" for name in nouns - defined)
    text += "".join(f"type {name} {{ userErrors: [UserError!]! }}\n" for name in payloads)
    for noun in nouns:
        text += f"type {noun}Edge {{ node: {noun}! cursor: String! }}\n"
        text += f"type {noun}Connection {{ edges: [{noun}Edge!]! nodes: [{noun}!]! "
        text += "pageInfo: PageInfo! totalCount: TotalCount! }\n"
    return build_schema(text)


def test_the_printed_schema_is_the_one_that_runs() -> None:
    """`python -m app schema` writes it."""
    assert graph.PRINTED.read_text() == graph.printed()


def test_the_schema_keeps_the_contract() -> None:
    """Types, fields, arguments, defaults and enum values that both have are the same."""
    promised, live = contract(), build_schema(graph.printed())
    differences = [
        difference
        for name, kind in live.type_map.items()
        if not name.startswith("__") and name in promised.type_map
        for difference in compared(promised.type_map[name], kind)
    ]
    assert differences == []


def compared(promised: GraphQLNamedType, live: GraphQLNamedType) -> Iterator[str]:
    """Where a live type breaks the contract."""
    if type(promised) is not type(live):
        yield f"{live.name}: {type(live).__name__} instead of {type(promised).__name__}"
    elif isinstance(live, GraphQLEnumType) and isinstance(promised, GraphQLEnumType):
        yield from (f"{live.name}.{name}: unknown" for name in live.values.keys() - promised.values.keys())
    elif isinstance(live, GraphQLInputObjectType) and isinstance(promised, GraphQLInputObjectType):
        yield from compared_inputs(promised, live)
    elif isinstance(live, Composite) and isinstance(promised, Composite):
        yield from compared_fields(promised, live)


def compared_inputs(promised: GraphQLInputObjectType, live: GraphQLInputObjectType) -> Iterator[str]:
    """Input fields: those that both have agree, and no added one is required."""
    if promised.is_one_of != live.is_one_of:
        yield f"{live.name}: @oneOf differs"
    for name, field in live.fields.items():
        wanted = promised.fields.get(name)
        if wanted is None and str(field.type).endswith("!"):
            yield f"{live.name}.{name}: required, but not in the contract"
        elif wanted is not None and shape(wanted) != shape(field):
            yield f"{live.name}.{name}: {shape(field)} instead of {shape(wanted)}"


def shape(value: GraphQLArgument | GraphQLInputField) -> tuple[str, str]:
    """Type and default; a default of null is none."""
    literal = None if value.default is None else value.default.literal
    return str(value.type), "null" if literal is None else print_ast(literal)


def compared_fields(promised: Composite, live: Composite) -> Iterator[str]:
    """Fields and their arguments: those that both have agree, and no added argument is required."""
    for name, field in live.fields.items():
        wanted = promised.fields.get(name)
        if wanted is None:
            continue
        if str(wanted.type) != str(field.type):
            yield f"{live.name}.{name}: {field.type} instead of {wanted.type}"
        for argument, value in field.args.items():
            asked = wanted.args.get(argument)
            if asked is None and str(value.type).endswith("!"):
                yield f"{live.name}.{name}({argument}): required, but not in the contract"
            elif asked is not None and shape(asked) != shape(value):
                yield f"{live.name}.{name}({argument}): {shape(value)} instead of {shape(asked)}"


def test_every_type_and_field_explains_itself() -> None:
    """GraphiQL shows descriptions: a field without one is a question."""
    live = build_schema(graph.printed())
    silent = [
        f"{name}.{field}"
        for name, kind in live.type_map.items()
        if not name.startswith("__") and isinstance(kind, Composite | GraphQLInputObjectType)
        for field, value in kind.fields.items()
        if not value.description
    ]
    assert silent == []
    assert [name for name, kind in live.type_map.items() if not kind.description] == []
