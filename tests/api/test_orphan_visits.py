"""Workspace.orphanVisits: visits to slugs that do not exist."""

import re
from typing import Any

from domain.access import Scope
from domain.visits import Outcome
from tests.api.conftest import Api
from tests.api.test_clicks import follow_up
from tests.delivery.workers import visit

ORPHANS = """
query ($first: Int, $after: String) {
  viewer { workspace { orphanVisits(first: $first, after: $after) {
    nodes { id linkId link { id } slug outcome kind finalDestination unique }
    totalCount { value } pageInfo { hasNextPage endCursor }
  } } }
}
"""
LOST = {"link_id": None, "link_version": 0, "destination": None, "outcome": Outcome.NOT_FOUND}


async def orphans(api: Api, **page: Any) -> Any:
    return (await api(ORPHANS, **page))["viewer"]["workspace"]["orphanVisits"]


async def test_lists_what_led_nowhere(api: Api, other: Api) -> None:
    """Newest first, page by page, with what was asked for and by whom; other workspaces have their own."""
    link = await api.create()
    at_ms = visit().at_ms
    ids = await follow_up(
        api,
        [
            visit(**LOST, slug="sprng", at_ms=at_ms),
            visit(link_id=link["id"], at_ms=at_ms + 1),
            visit(**LOST, slug="wp-admin", agent="curl/8", at_ms=at_ms + 2),
        ],
    )
    await follow_up(other, [visit(**LOST, slug="theirs")])
    page = await orphans(api, first=1)
    assert page["nodes"] == [
        {
            "id": ids[2],
            "linkId": None,
            "link": None,
            "slug": "wp-admin",
            "outcome": "NOT_FOUND",
            "kind": "BOT",
            "finalDestination": None,
            "unique": False,
        }
    ]
    assert page["totalCount"] == {"value": 2}
    rest = await orphans(api, after=page["pageInfo"]["endCursor"])
    assert [(node["id"], node["slug"], node["kind"]) for node in rest["nodes"]] == [
        (ids[0], "sprng", "HUMAN")
    ]
    assert [node["slug"] for node in (await orphans(other))["nodes"]] == ["theirs"]
    clicks = await api("{ clicks { nodes { id } } }")
    assert [node["id"] for node in clicks["clicks"]["nodes"]] == [ids[1]]


async def test_figures_of_links_do_not_count_them(api: Api) -> None:
    await follow_up(api, [visit(**LOST, slug="nothing")])
    workspace_id = api.context.viewer.workspace_id
    assert await api.services.database["stats"].count_documents({"workspace_id": workspace_id}) == 0


async def test_reading_needs_analytics_read(api: Api) -> None:
    await follow_up(api, [visit(**LOST, slug="nothing")])
    assert len((await orphans(api.acting(Scope.ANALYTICS_READ, Scope.LINKS_READ)))["nodes"]) == 1


async def test_they_are_read_by_an_index(api: Api) -> None:
    """Few orphans among many clicks are found without passing over these."""
    at_ms = visit().at_ms
    many = [visit(at_ms=at_ms + number) for number in range(300)]
    await follow_up(api, [visit(**LOST, slug="nothing", at_ms=at_ms), *many])
    query = {"workspace_id": api.context.viewer.workspace_id, "link_id": None}
    explained = await api.services.database["clicks"].find(query).sort("_id", -1).limit(51).explain()
    plan = str(explained["queryPlanner"]["winningPlan"])
    assert set(re.findall("'indexName': '([a-z_]+)'", plan)) == {"by_link"}
    assert set(re.findall("'stage': '([A-Z_]+)'", plan)) == {"LIMIT", "FETCH", "SORT_MERGE", "IXSCAN"}
