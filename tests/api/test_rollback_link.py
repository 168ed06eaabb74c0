"""Link.revisions and rollbackLink: what every version changed, and the way back."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from app.services import Services
from domain.access import Scope
from tests.api.conftest import LINK, Api, Commands, stores_with

ROLL_BACK = (
    "mutation ($id: ID!, $to: Int!) { rollbackLink(id: $id, toVersion: $to) {"
    " link { ...whole } userErrors { code field message } } }" + LINK
)
REVISIONS = """
query ($id: ID!, $first: Int, $after: String) {
  link(by: {id: $id}) {
    revisions(first: $first, after: $after) {
      nodes { version at actor changes } totalCount { value exact } pageInfo { hasNextPage endCursor }
    }
  }
}
"""
UPDATE = (
    "mutation ($input: UpdateLinkInput!)"
    " { updateLink(input: $input) { link { version } userErrors { code } } }"
)


async def history(api: Api, link: Mapping[str, Any], **page: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (await api(REVISIONS, id=link["id"], **page))["link"]["revisions"]
    return found


async def versions(api: Api, link: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    nodes: Sequence[Mapping[str, Any]] = (await history(api, link))["nodes"]
    return nodes


async def update(api: Api, link: Mapping[str, Any], **fields: Any) -> None:
    payload = (await api(UPDATE, input={"id": link["id"], **fields}))["updateLink"]
    assert payload["userErrors"] == []


async def roll_back(api: Api, link: Mapping[str, Any], to: int) -> Mapping[str, Any]:
    payload: Mapping[str, Any] = (await api(ROLL_BACK, id=link["id"], to=to))["rollbackLink"]
    return payload


async def test_every_version_tells_what_it_changed(api: Api) -> None:
    link = await api.create(slug="first", title="one", utm={"source": "mail"})
    actor = api.context.viewer.key_id
    created = {
        "version": 1,
        "at": link["createdAt"],
        "actor": actor,
        "changes": {
            "domain": [None, "s.example"],
            "slug": [None, "first"],
            "destination": [None, "https://example.com/"],
            "title": [None, "one"],
            "utm": [
                dict.fromkeys(("source", "medium", "campaign", "term", "content")),
                {"source": "mail", "medium": None, "campaign": None, "term": None, "content": None},
            ],
        },
    }
    assert await versions(api, link) == [created]
    await update(api, link, title=None, expiresAt="2040-01-01T00:00:00Z", tags=["a"])
    await api("mutation ($id: ID!) { archiveLink(id: $id) { link { id } } }", id=link["id"])
    archived, updated, first = await versions(api, link)
    assert first == created
    assert (updated["version"], updated["actor"]) == (2, actor)
    assert updated["changes"] == {
        "title": ["one", None],
        "expiresAt": [None, "2040-01-01T00:00:00.000Z"],
        "tags": [[], ["a"]],
    }
    assert archived["version"] == 3
    assert list(archived["changes"]) == ["archivedAt"]


async def test_a_change_of_nothing_is_no_version(api: Api) -> None:
    link = await api.create(title="same")
    await update(api, link, title="same")
    assert len(await versions(api, link)) == 1


async def test_each_of_ten_concurrent_changes_is_told(api: Api) -> None:
    link = await api.create()
    await asyncio.gather(*(update(api, link, title=str(number)) for number in range(4)))
    told = await versions(api, link)
    assert [revision["version"] for revision in told] == [5, 4, 3, 2, 1]
    titles = [revision["changes"]["title"] for revision in reversed(told[:-1])]
    assert [before for before, _ in titles] == [None, *(after for _, after in titles[:-1])]


async def test_revisions_come_page_by_page(api: Api) -> None:
    link = await api.create()
    for number in range(4):
        await update(api, link, title=str(number))
    page = await history(api, link, first=2)
    assert [node["version"] for node in page["nodes"]] == [5, 4]
    assert page["totalCount"] == {"value": 5, "exact": True}
    rest = await history(api, link, after=page["pageInfo"]["endCursor"])
    assert [node["version"] for node in rest["nodes"]] == [3, 2, 1]
    assert not rest["pageInfo"]["hasNextPage"]
    fresh = await api.create()
    only = await history(api, fresh, first=1)
    assert only["totalCount"] == {"value": 1, "exact": True}
    assert (await history(api, fresh, after=only["pageInfo"]["endCursor"]))["nodes"] == []


async def test_goes_back_to_an_earlier_version(api: Api) -> None:
    """Everything is as it was, in a new version; what came in between can be gone back to, too."""
    link = await api.create(
        slug="before",
        title="one",
        tags=["a"],
        externalId="e1",
        startsAt="2020-01-01T00:00:00Z",
        attributes={"plan": "trial"},
        utm={"source": "mail"},
    )
    await update(
        api,
        link,
        slug="after",
        title="two",
        tags=[],
        externalId="e2",
        startsAt=None,
        attributes={},
        utm={"source": None, "medium": "x"},
        destination="https://example.org/",
    )
    await api("mutation ($id: ID!) { archiveLink(id: $id) { link { id } } }", id=link["id"])
    payload = await roll_back(api, link, 1)
    assert payload["userErrors"] == []
    ignored = {"version", "updatedAt"}
    assert {name: value for name, value in payload["link"].items() if name not in ignored} == {
        name: value for name, value in link.items() if name not in ignored
    }
    assert payload["link"]["version"] == 4
    assert (await roll_back(api, link, 4))["link"]["version"] == 4
    again = (await roll_back(api, link, 2))["link"]
    assert (again["version"], again["slug"], again["title"], again["status"]) == (5, "after", "two", "ACTIVE")
    assert await api.services.links.by_external_id(api.context.viewer.workspace_id, "e2") is not None


async def test_rules_and_variants_come_back(api: Api) -> None:
    rules = [{"name": "phones", "when": {"device": ["MOBILE"]}, "destination": "https://m.example.com/"}]
    variants = [
        {"key": "a", "destination": "https://a.example.com/", "weight": 2},
        {"key": "b", "destination": "https://b.example.com/"},
    ]
    link = await api.create(rules=rules, variants=variants)
    parts = (
        "query ($id: ID!) { link(by: {id: $id}) { rules { name when destination } variants { key weight } } }"
    )
    before = await api(parts, id=link["id"])
    assert len(before["link"]["rules"]) == 1
    await update(api, link, rules=[], variants=[])
    assert (await api(parts, id=link["id"]))["link"] == {"rules": [], "variants": []}
    assert list((await versions(api, link))[0]["changes"]) == ["rules", "variants"]
    assert (await roll_back(api, link, 1))["userErrors"] == []
    assert await api(parts, id=link["id"]) == before


async def test_a_slug_that_somebody_else_has_by_now_is_taken(api: Api) -> None:
    link = await api.create(slug="popular")
    await update(api, link, slug="modest")
    await api.create(slug="popular")
    payload = await roll_back(api, link, 1)
    assert payload["link"] is None
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("TAKEN", ["slug"])]
    assert len(await versions(api, link)) == 2


async def test_versions_that_are_none_are_not_found(api: Api) -> None:
    link = await api.create()
    await update(api, link, title="x")
    for version in (-1, 0, 3, 2**31 - 1):
        (error,) = (await roll_back(api, link, version))["userErrors"]
        assert (error["code"], error["field"]) == ("NOT_FOUND", ["toVersion"])
    assert len(await versions(api, link)) == 2


async def test_another_workspaces_link_is_not_found(api: Api, other: Api) -> None:
    """GQ-14."""
    link = await other.create()
    await update(other, link, title="x")
    (error,) = (await roll_back(api, link, 1))["userErrors"]
    assert (error["code"], error["field"]) == ("NOT_FOUND", ["id"])
    assert (await api(REVISIONS, id=link["id"]))["link"] is None
    assert len(await versions(other, link)) == 2


async def test_history_goes_with_its_link(api: Api) -> None:
    """A deleted link leaves a tombstone without contents, so its history is none either."""
    link = await api.create(title="secret")
    await update(api, link, title="x")
    await api("mutation ($id: ID!) { deleteLink(id: $id) { deletedId } }", id=link["id"])
    assert await api.services.database["revisions"].count_documents({"link_id": link["id"]}) == 0


async def test_a_creation_writes_no_history(opened: Services, api: Api) -> None:
    """What a link says itself is not kept twice; the first change keeps both."""
    link = await api.create()
    kept = api.services.database["revisions"]
    assert await kept.count_documents({"link_id": link["id"]}) == 0
    commands = Commands()
    async with stores_with(opened, commands) as stores:
        await update(api.on(stores), link, title="x")
        sent = commands.sent.copy()
    assert sent == ["find", "find", "update", "insert", "insert", "commitTransaction"]
    assert await kept.count_documents({"link_id": link["id"]}) == 2


async def test_history_is_read_by_an_index(api: Api) -> None:
    link = await api.create()
    query = {"workspace_id": api.context.viewer.workspace_id, "link_id": link["id"], "version": {"$lt": 9}}
    plan = await api.services.database["revisions"].find(query).sort("version", -1).explain()
    stage = plan["queryPlanner"]["winningPlan"]
    assert (stage["stage"], stage["inputStage"]["indexName"]) == ("FETCH", "by_link")


async def test_reading_needs_links_read(api: Api) -> None:
    link = await api.create()
    told = await versions(api.acting(Scope.LINKS_READ), link)
    assert [revision["version"] for revision in told] == [1]
