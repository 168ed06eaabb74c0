"""`clicks`, `Link.clicks`, `Link.stats`, `Click` nodes, and the `clicks` subscription through the schema."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import pytest
from pymongo.monitoring import CommandListener, CommandStartedEvent

from app import tasks
from domain import journals, ledgers, matches
from domain.access import Scope
from domain.attributes import Scalar
from domain.click_filters import ClickFilter
from domain.errors import Rejected
from domain.visits import Belonging, VisitRecord
from storage import clicks
from storage.ledgers import Ledger
from storage.stats import Stats
from tests.api.conftest import Api, stores_with
from tests.delivery.workers import AGENTS, stretch, visit

PAGE = """query ($first: Int, $after: String, $last: Int, $before: String, $filter: ClickFilter) {
  clicks(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
    nodes { id linkId kind outcome link { id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    totalCount { value exact } } }"""
FEED = "subscription ($filter: ClickFilter) { clicks(filter: $filter) { clicks { id } } }"


async def follow_up(api: Api, records: Sequence[VisitRecord]) -> list[str]:
    """Commit visits to the workspace; the ids of their clicks, oldest first."""
    own = [replace(record, workspace_id=api.context.viewer.workspace_id) for record in records]
    async with Ledger(api.services.database, api.services.clock) as ledger:
        piece = stretch(*own)
        await ledger.offset_of(piece.journal_id)
        news = await ledger.commit(piece, 0)
    return sorted(click.id for each in news.values() for click in each.clicks)


def replace(record: VisitRecord, **changes: Any) -> VisitRecord:
    return visit(**{name: getattr(record, name) for name in record.__struct_fields__} | changes)


async def test_clicks_are_listed_newest_first_and_page_by_page(api: Api) -> None:
    at_ms = visit().at_ms
    ids = await follow_up(api, [visit(at_ms=at_ms + number) for number in range(7)])
    first = (await api(PAGE, first=3))["clicks"]
    assert [node["id"] for node in first["nodes"]] == ids[:3:-1]
    assert first["totalCount"] == {"value": 7, "exact": True}
    second = (await api(PAGE, first=3, after=first["pageInfo"]["endCursor"]))["clicks"]
    assert [node["id"] for node in second["nodes"]] == ids[3:0:-1]
    assert second["pageInfo"]["hasNextPage"]
    back = (await api(PAGE, last=3, before=second["pageInfo"]["startCursor"]))["clicks"]
    assert back["nodes"] == first["nodes"]


async def test_figures_and_clicks_of_a_link(api: Api) -> None:
    link = await api.create()
    ids = await follow_up(
        api, [visit(link_id=link["id"]), visit(link_id=link["id"], agent="curl/8"), visit()]
    )
    found = await api(
        "query ($id: ID!) { link(by: {id: $id}) { stats { clicks uniques bots lastClickAt }"
        " clicks(filter: {kinds: [HUMAN]}) { nodes { id link { id } } } } }",
        id=link["id"],
    )
    assert found["link"]["stats"]["clicks"] == 1
    assert found["link"]["stats"]["uniques"] == 1
    assert found["link"]["stats"]["bots"] == 1
    assert found["link"]["stats"]["lastClickAt"] is not None
    assert len(found["link"]["clicks"]["nodes"]) == 1
    assert found["link"]["clicks"]["nodes"][0]["id"] in ids
    assert found["link"]["clicks"]["nodes"][0]["link"]["id"] == link["id"]


async def test_filters_hold_and_null_is_refused(api: Api) -> None:
    await follow_up(api, [visit(country="GB", tags=("a",)), visit(agent="curl/8")])
    filters: list[dict[str, Any]] = [
        {"countries": ["gb"]},
        {"tags": ["a", "z"]},
        {"devices": ["MOBILE"]},
        {"kinds": ["BOT"]},
        {"linkIds": []},
        {"kinds": ["BOT"], "countries": ["GB"]},
    ]
    counts = [len((await api(PAGE, filter=each))["clicks"]["nodes"]) for each in filters]
    assert counts == [1, 1, 1, 1, 0, 0]
    assert await api.code(PAGE, filter={"kinds": None}) == "BAD_REQUEST"


async def test_clicks_know_what_their_link_belonged_to(api: Api) -> None:
    """Campaign, template, variant and attributes as they were then; the live feed judges alike."""
    known: tuple[tuple[str, Scalar], ...]
    known = (("plan", "trial"), ("seats", 5), ("vat", True), ("roles", "admin"), ("roles", "dev"))
    known += (("place", 51.507351), ("place", 1e21), ("odd", "nan"), ("odd", "1_000"), ("odd", "0x1p3"))
    own = journals.belonging(Belonging("cmp_1", "tpl_1", known))
    await follow_up(api, [visit(belonging=own, variant="b"), visit()])
    news = ledgers.entry("clk_1", visit(belonging=own, variant="b"), AGENTS.read).click
    filters: list[tuple[dict[str, Any], int]] = [
        ({"campaignId": "cmp_1"}, 1),
        ({"campaignId": "cmp_2"}, 0),
        ({"templateId": "tpl_1", "campaignId": "cmp_1"}, 1),
        ({"variants": ["a", "b"]}, 1),
        ({"attribute": {"name": "plan", "in": ["trial", "pro"]}}, 1),
        ({"attribute": {"name": "plan", "in": ["pro"]}}, 0),
        ({"attribute": {"name": "roles", "in": ["dev"]}}, 1),
        ({"attribute": {"name": "seats", "in": ["5"]}}, 1),
        ({"attribute": {"name": "seats", "gte": 5, "lt": 5.5}}, 1),
        ({"attribute": {"name": "seats", "lt": 5}}, 0),
        ({"attribute": {"name": "vat", "in": ["true"]}}, 1),
        ({"attribute": {"name": "vat", "gte": 0}}, 0),
        ({"attribute": {"name": "plan", "gte": 0}}, 0),
        ({"attribute": {"name": "seats", "exists": True}}, 1),
        ({"attribute": {"name": "place", "in": ["51.507351"]}}, 1),
        ({"attribute": {"name": "place", "in": ["51.5074", "1e+21"]}}, 0),
        ({"attribute": {"name": "place", "in": ["1000000000000000000000"]}}, 1),
        ({"attribute": {"name": "odd", "lt": 0}}, 0),
        ({"attribute": {"name": "odd", "gte": 0}}, 0),
    ]
    for given, expected in filters:
        assert len((await api(PAGE, filter=given))["clicks"]["nodes"]) == expected, given
        if "attribute" in given:
            asked = matches.checked(given["attribute"])
            wanted = ClickFilter(attribute=(asked["name"], matches.of(asked)))
            assert wanted.matches(news) is bool(expected), given
    without = {"attribute": {"name": "plan", "exists": False}}
    assert len((await api(PAGE, filter=without))["clicks"]["nodes"]) == 1
    nothing_asked = await api.run(PAGE, filter={"attribute": {"name": "plan"}})
    assert nothing_asked.errors is not None
    assert isinstance(nothing_asked.errors[0].original_error, Rejected)


async def test_a_rare_campaign_is_found_by_its_own_index(api: Api) -> None:
    """A page of one campaign's or template's clicks does not pass over everybody else's."""
    own = journals.belonging(Belonging("cmp_rare", "tpl_rare"))
    others = [visit(visitor=b"") for _ in range(150)]
    await follow_up(api, [visit(belonging=own), *others, visit(belonging=own), *others])
    for wanted in (ClickFilter(campaign_id="cmp_rare"), ClickFilter(template_id="tpl_rare")):
        conditions = clicks.query(api.context.viewer.workspace_id, wanted)
        found = api.services.database.clicks.find(conditions).sort("_id", -1).limit(2)
        explained = await found.explain()
        assert explained["executionStats"]["totalKeysExamined"] <= 2, explained["queryPlanner"]


async def test_another_workspaces_clicks_are_not_found(api: Api, other: Api) -> None:
    """GQ-14: neither listed nor by id; a cursor of another workspace is none."""
    (click_id,) = await follow_up(api, [visit()])
    query = "query ($id: ID!) { node(id: $id) { id ... on Click { kind } } }"
    assert (await api(query, id=click_id))["node"] == {"id": click_id, "kind": "HUMAN"}
    assert (await other(query, id=click_id))["node"] is None
    assert (await other(PAGE))["clicks"]["nodes"] == []
    cursor = (await api(PAGE))["clicks"]["pageInfo"]["endCursor"]
    assert await other.code(PAGE, after=cursor) == "BAD_CURSOR"
    assert await api.acting(Scope.LINKS_READ).code(query, id=click_id) == "FORBIDDEN"


async def test_figures_of_a_page_of_links_are_one_round_trip(api: Api) -> None:
    """Database round trips are constant in the number of links."""
    for _ in range(5):
        await api.create()
    finds: list[str] = []

    class Listener(CommandListener):
        def started(self, event: CommandStartedEvent) -> None:
            finds.append(str(event.command.get(event.command_name)))

        def succeeded(self, event: object) -> None: ...

        def failed(self, event: object) -> None: ...

    async with stores_with(api.services, Listener()) as stores:
        from dataclasses import replace as exchanged

        listened = exchanged(stores, stats=Stats(stores.database))
        await api.on(listened)("{ links(first: 50) { nodes { id stats { clicks } } } }")
    assert finds.count("stats") == 1


@pytest.fixture
async def hub(api: Api) -> AsyncIterator[None]:
    """The hub of an API process, listening."""
    hub = api.services.click_feed.hub
    async with tasks.background(hub.listen, hub.look_after):
        yield


async def test_the_subscription_delivers_through_the_schema(api: Api, hub: None) -> None:
    stream: Any = await api.schema.subscribe(FEED, context_value=api.context.fork())
    async with aclosing(stream), asyncio.timeout(30):
        assert (await anext(stream)).data == {"clicks": {"clicks": []}}
        (click_id,) = await follow_up(api, [visit()])
        assert (await anext(stream)).data == {"clicks": {"clicks": [{"id": click_id}]}}


async def test_another_workspaces_link_is_not_found(api: Api, other: Api) -> None:
    """RT-07: NOT_FOUND, the same as one that never was; no events."""
    link = await other.create()
    for link_id in (link["id"], "lnk_00000000000000000000000000"):
        stream: Any = await api.schema.subscribe(
            FEED, variable_values={"filter": {"linkIds": [link_id]}}, context_value=api.context.fork()
        )
        async with aclosing(stream):
            result = await anext(stream)
        assert result.errors[0].original_error.code == "NOT_FOUND"
        assert result.errors[0].message == f"There is no link {link_id}."
