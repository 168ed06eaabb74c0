"""node: any object by its id."""

from domain.access import Scope
from domain.ids import of as id_of
from tests.api.conftest import Api

NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"


async def test_finds_links_and_the_workspace(api: Api) -> None:
    link = await api.create()
    workspace_id = api.context.viewer.workspace_id
    assert (await api(NODE, id=link["id"]))["node"] == {"__typename": "Link", "id": link["id"]}
    assert (await api(NODE, id=workspace_id))["node"] == {"__typename": "Workspace", "id": workspace_id}


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
