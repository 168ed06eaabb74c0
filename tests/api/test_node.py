"""node and nodes: any object by its id."""

import pytest

from domain.access import Scope
from domain.ids import of as id_of
from tests.api.conftest import Api

NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Link { slug } } }"


async def test_finds_links_and_the_workspace(api: Api) -> None:
    link = await api.create()
    workspace_id = api.context.viewer.workspace_id
    assert (await api(NODE, id=link["id"]))["node"] == {"__typename": "Link", "id": link["id"]}
    assert (await api(NODE, id=workspace_id))["node"] == {"__typename": "Workspace", "id": workspace_id}


async def test_keeps_the_order_of_the_ids(api: Api) -> None:
    first, second = await api.create(), await api.create()
    found = (await api(NODES, ids=[second["id"], "x", first["id"], second["id"]]))["nodes"]
    assert [node and node["id"] for node in found] == [second["id"], None, first["id"], second["id"]]


async def test_another_workspaces_object_is_null(api: Api, other: Api) -> None:
    """GQ-14: as if it never was; also an id of another kind, and no id at all."""
    foreign = await other.create()
    unknown = (
        foreign["id"],
        other.context.viewer.workspace_id,
        id_of("lnk", 1, bytes(10)),
        id_of("key", 1, bytes(10)),
        foreign["id"].replace("lnk_", "ws_"),
        foreign["id"].upper(),
        "",
        "lnk_",
        "\ud800",
        '{"$gt":""}',
    )
    for wanted in unknown:
        assert (await api(NODE, id=wanted))["node"] is None


async def test_needs_the_scope_of_the_kind(api: Api) -> None:
    link = await api.create()
    reader = api.acting(Scope.ANALYTICS_READ)
    assert await reader.code(NODE, id=link["id"]) == "FORBIDDEN"
    assert await reader.code(NODE, id=api.context.viewer.key_id) == "FORBIDDEN"
    assert (await reader(NODE, id=api.context.viewer.workspace_id))["node"] is not None
    assert (await reader(NODE, id="x"))["node"] is None


@pytest.mark.parametrize(("count", "code"), [(250, None), (251, "LIMIT_EXCEEDED")])
async def test_the_number_of_ids_is_limited(api: Api, count: int, code: str | None) -> None:
    result = await api.run(NODES, ids=["x"] * count)
    errors = result.errors or []
    assert [getattr(error.original_error, "code", None) for error in errors] == ([code] if code else [])
