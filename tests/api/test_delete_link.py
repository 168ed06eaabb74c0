"""deleteLink: gone for good, its slug kept from others."""

from tests.api.conftest import Api

DELETE = "mutation ($id: ID!) { deleteLink(id: $id) { deletedId userErrors { code field } } }"
NOT_FOUND = {"deletedId": None, "userErrors": [{"code": "NOT_FOUND", "field": ["id"]}]}


async def test_leaves_a_tombstone(api: Api) -> None:
    link = await api.create(slug="to-be-deleted", externalId="9", title="secret")
    assert (await api(DELETE, id=link["id"]))["deleteLink"] == {"deletedId": link["id"], "userErrors": []}
    assert (await api(DELETE, id=link["id"]))["deleteLink"] == NOT_FOUND
    left = await api.services.database["links"].find_one({"_id": link["id"]})
    assert left is not None
    assert set(left) == {"_id", "workspace_id", "domain", "slug", "slug_key", "version", "deleted_at"}
    assert left["version"] == 2
    found = await api(
        "query ($id: ID!) { node(id: $id) { id } link(by: {id: $id}) { id }"
        " links { nodes { id } totalCount { value } } }",
        id=link["id"],
    )
    assert found == {"node": None, "link": None, "links": {"nodes": [], "totalCount": {"value": 0}}}
    await api.create(externalId="9")


async def test_another_workspaces_link_is_not_found(api: Api, other: Api) -> None:
    """GQ-14."""
    link = await other.create()
    assert (await api(DELETE, id=link["id"]))["deleteLink"] == NOT_FOUND
    assert await other.services.links.by_id(other.context.viewer.workspace_id, link["id"]) is not None
