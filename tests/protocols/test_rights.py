"""Rights on the real graph: every root field names its scope, and a reader can neither write nor watch."""

import pytest
from graphql import GraphQLField, GraphQLObjectType, get_named_type, is_leaf_type

from app import graph
from app.graphql.documents import Documents
from app.settings import Settings
from domain.access import Scope, Viewer
from tests.protocols import example
from tests.protocols.conftest import serving_api

SCHEMA = graph.build()._schema
BY_KIND = {"viewer", "node", "nodes", "events"}
"""Open to every key: what is behind an id, or an event, is checked by its kind, in the resolver."""
WATCHED = {("subscription", "bulkJob"), ("subscription", "events")}
"""What a reader of links may watch: jobs, which are about links, and of events those of links."""


def roots() -> list[tuple[str, str, GraphQLField]]:
    kinds: list[tuple[str, GraphQLObjectType | None]] = [
        ("query", SCHEMA.query_type),
        ("mutation", SCHEMA.mutation_type),
        ("subscription", SCHEMA.subscription_type),
    ]
    return [(kind, name, field) for kind, root in kinds if root for name, field in root.fields.items()]


def document(kind: str, name: str, field: GraphQLField) -> str:
    """The field with every argument in a variable, and as little selected as it can be."""
    variables = ", ".join(f"${argument}: {value.type}" for argument, value in field.args.items())
    arguments = ", ".join(f"{argument}: ${argument}" for argument in field.args)
    head = f"{kind} ({variables})" if variables else kind
    call = f"{name}({arguments})" if arguments else name
    selection = "" if is_leaf_type(get_named_type(field.type)) else " { __typename }"
    return f"{head} {{ {call}{selection} }}"


@pytest.mark.parametrize(
    ("kind", "name", "field"), roots(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_root_field_needs_a_scope(kind: str, name: str, field: GraphQLField) -> None:
    operation = Documents(SCHEMA, playground=True).read(document(kind, name, field)).operation(None)
    assert bool(operation.scopes) is (name not in BY_KIND)
    assert None not in operation.scopes


@pytest.mark.parametrize("selected", ["click { country }", "credits { click { country } }"])
def test_telling_conversions_is_no_right_to_see_clicks(selected: str) -> None:
    """AU-02: a shop's key learns nothing of its visitors by the attribution ids that they carry."""
    told = f'recordConversion(input: {{ event: "e" }}) {{ conversion {{ {selected} }} }}'
    scopes = Documents(SCHEMA, playground=True).read(f"mutation {{ {told} }}").operation(None).scopes
    assert scopes == {Scope.CONVERSIONS_WRITE, Scope.ANALYTICS_READ}


@pytest.mark.parametrize("key", ["reader", "writer", "admin"])
async def test_what_is_open_to_every_key_is(settings: Settings, key: str) -> None:
    """AU-02: scopes are asked for where a field needs one, and nowhere else."""
    async with serving_api(settings, schema=graph.build()) as served:
        answer = await served.post(
            '{ viewer { scopes } node(id: "x") { id } nodes(ids: ["x"]) { id } }', key=key
        )
    scopes = sorted((await example.lookup(key)).scopes)
    assert answer.json()["data"] == {"viewer": {"scopes": scopes}, "node": None, "nodes": [None]}


async def test_a_reader_neither_writes_nor_watches(settings: Settings) -> None:
    """AU-02: `links:read` on each mutation and each feed of clicks: FORBIDDEN, and no resolver is called."""
    reader = Viewer(workspace_id="ws_1", key_id="key_1", scopes=frozenset({Scope.LINKS_READ}))
    assert reader.scopes == (await example.lookup("reader")).scopes
    async with serving_api(settings, schema=graph.build()) as served:
        for kind, name, field in roots():
            if kind != "query" and (kind, name) not in WATCHED:
                accept = {"accept": "application/json, text/event-stream"}
                answer = await served.post(document(kind, name, field), key="reader", headers=accept)
                assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (
                    403,
                    "FORBIDDEN",
                )
