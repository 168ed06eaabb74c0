"""links: pages, orders, filters, totals."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.monitoring import CommandStartedEvent

from domain import instants, paging, terms
from domain.ids import of as id_of
from domain.link_lists import LinkFilter, LinkOrder
from domain.links import Link, LinkStatus, Origin
from domain.paging import Window
from domain.terms import Asked
from storage import codec, listings, mongo
from tests.api.conftest import Api, Commands, stores_with, workspace

LIST = """
query ($first: Int, $after: String, $last: Int, $before: String, $filter: LinkFilter, $orderBy: LinkOrder) {
  links(first: $first, after: $after, last: $last, before: $before, filter: $filter, orderBy: $orderBy) {
    nodes { id slug } edges { cursor node { id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    totalCount { value exact }
  }
}
"""
START = datetime(2026, 1, 1, tzinfo=UTC)


def link(api: Api, number: int, **fields: Any) -> Link:
    """A link that was made `number` seconds after START."""
    at = START + timedelta(seconds=number)
    workspace_id = api.context.viewer.workspace_id
    slug = f"{workspace_id[-12:]}-{number}"
    whole: dict[str, Any] = {"created_at": at, "updated_at": at, "domain": "s.example", **fields}
    return Link(
        id=id_of("lnk", instants.milliseconds(at), workspace_id[-10:].encode()),
        workspace_id=workspace_id,
        slug=slug,
        slug_key=slug,
        destination="https://example.com/",
        **whole,
    )


async def store(api: Api, *links: Link) -> list[str]:
    """Keep links; their ids."""
    assert await api.services.links.add_many(api.context.viewer.workspace_id, links) == {}
    return [kept.id for kept in links]


async def listed(api: Api, **variables: Any) -> list[str]:
    """The ids on a page."""
    return [node["id"] for node in (await api(LIST, **variables))["links"]["nodes"]]


async def walk(api: Api, **variables: Any) -> list[str]:
    """The ids of every page, one after the other."""
    seen: list[str] = []
    forward = "first" in variables
    while True:
        page: Mapping[str, Any] = (await api(LIST, **variables))["links"]
        found = [edge["node"]["id"] for edge in page["edges"]]
        seen = seen + found if forward else found + seen
        info = page["pageInfo"]
        if not info["hasNextPage" if forward else "hasPreviousPage"]:
            return seen
        variables |= {"after": info["endCursor"]} if forward else {"before": info["startCursor"]}


async def test_lists_in_each_order_forwards_and_backwards(api: Api) -> None:
    made = await store(
        api, *(link(api, n, updated_at=START + timedelta(days=1, seconds=n % 3)) for n in range(7))
    )
    updated = [made[n] for n in (5, 2, 4, 1, 6, 3, 0)]
    for order, expected in (("NEWEST", made[::-1]), ("OLDEST", made), ("RECENTLY_UPDATED", updated)):
        for size in (1, 2, 3, 7, 250):
            assert await walk(api, orderBy=order, first=size) == expected
            assert await walk(api, orderBy=order, last=size) == expected
    assert await listed(api, orderBy=None) == made[::-1]


async def test_lists_the_most_clicked_first(api: Api) -> None:
    """Links of equally many clicks stand newest first."""
    made = await store(api, *(link(api, n) for n in range(7)))
    for number, link_id in enumerate(made):
        change = {"$set": {listings.POPULARITY: number % 3}}
        await api.services.database["links"].update_one({"_id": link_id}, change)
    expected = [made[n] for n in (5, 2, 4, 1, 6, 3, 0)]
    for size in (1, 2, 3, 7, 250):
        assert await walk(api, orderBy="MOST_CLICKED", first=size) == expected
        assert await walk(api, orderBy="MOST_CLICKED", last=size) == expected


async def test_tells_where_a_page_lies(api: Api) -> None:
    made = (await store(api, *(link(api, n) for n in range(5))))[::-1]
    first = (await api(LIST, first=2))["links"]
    assert first["totalCount"] == {"value": 5, "exact": True}
    info = first["pageInfo"]
    assert (info["hasNextPage"], info["hasPreviousPage"]) == (True, False)
    assert (info["startCursor"], info["endCursor"]) == tuple(edge["cursor"] for edge in first["edges"])
    rest = (await api(LIST, first=3, after=info["endCursor"]))["links"]
    assert [node["id"] for node in rest["nodes"]] == made[2:]
    assert (rest["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasPreviousPage"]) == (False, True)
    between = {"after": first["edges"][0]["cursor"], "before": rest["edges"][2]["cursor"]}
    assert await listed(api, first=10, **between) == made[1:4]
    assert await listed(api, last=2, **between) == made[2:4]
    empty = (await api(LIST, filter={"tags": []}))["links"]
    assert empty["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": None,
    }


async def test_new_links_do_not_shift_pages(api: Api) -> None:
    made = (await store(api, *(link(api, n) for n in range(4))))[::-1]
    first = (await api(LIST, first=2))["links"]
    await store(api, link(api, 99))
    assert await listed(api, first=2, after=first["pageInfo"]["endCursor"]) == made[2:]


@pytest.mark.parametrize(
    "size",
    [{"first": 0}, {"first": -1}, {"first": 251}, {"first": 10**9}, {"last": 0}, {"first": 1, "last": 1}],
)
async def test_refuses_page_sizes(api: Api, size: dict[str, int]) -> None:
    """GQ-12."""
    assert await api.code(LIST, **size) == "BAD_REQUEST"


async def test_refuses_cursors_of_other_lists(api: Api, other: Api) -> None:
    await store(api, link(api, 1), link(api, 2))
    cursor = (await api(LIST, first=1))["links"]["edges"][0]["cursor"]
    assert await other.code(LIST, first=1, after=cursor) == "BAD_CURSOR"
    assert await api.code(LIST, first=1, after=cursor, orderBy="OLDEST") == "BAD_CURSOR"
    for wrong in ("", "x", "é", cursor[:-2], cursor + "AA", cursor[::-1], "\ud800", "A" * 20):
        assert await api.code(LIST, first=1, after=wrong) == "BAD_CURSOR", wrong
        assert await api.code(LIST, last=1, before=wrong) == "BAD_CURSOR", wrong
    for order, forged in (
        ("NEWEST", (5,)),
        ("RECENTLY_UPDATED", (2**62, "lnk_1")),
        ("RECENTLY_UPDATED", ("x",)),
        ("MOST_CLICKED", ("x", "lnk_1")),
        ("MOST_CLICKED", (2**63, "lnk_1")),
    ):
        cursor = paging.cursor(f"{api.context.viewer.workspace_id}/links/{order}", forged)
        assert await api.code(LIST, first=1, after=cursor, orderBy=order) == "BAD_CURSOR"


async def test_each_filter(api: Api, other: Api) -> None:
    now = api.context.clock()
    day = timedelta(days=1)
    links = {
        "plain": link(api, 0),
        "tagged": link(api, 1, tags=("a", "b")),
        "domain": link(api, 2, domain="go.example", tags=("b",)),
        "paused": link(api, 3, paused=True, expires_at=now - day),
        "archived": link(api, 4, archived_at=now, paused=True),
        "expired": link(api, 5, expires_at=now - day, starts_at=now - 2 * day),
        "scheduled": link(api, 6, starts_at=now + day),
        "open": link(api, 7, starts_at=now - day, expires_at=now + day),
        "external": link(api, 8, external_id="e1", external_source="crm"),
        "edited": link(api, 9, external_id="e1", updated_at=START + timedelta(days=9), version=2),
    }
    await store(api, *links.values())
    await store(other, link(other, 1, tags=("a",), external_id="e1"))
    names = {kept.id: name for name, kept in links.items()}
    active = {"plain", "tagged", "domain", "open", "external", "edited"}

    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({}, set(links)),
        (
            {"ids": [links["plain"].id, links["open"].id, "x", api.context.viewer.workspace_id]},
            {"plain", "open"},
        ),
        ({"ids": []}, set()),
        ({"domain": "GO.example"}, {"domain"}),
        ({"domain": "nowhere.example"}, set()),
        ({"tags": ["a"]}, {"tagged"}),
        ({"tags": ["b", "a"]}, {"tagged", "domain"}),
        ({"tags": []}, set()),
        ({"tags": ["b"], "domain": "go.example"}, {"domain"}),
        ({"status": ["ACTIVE"]}, active),
        ({"status": ["PAUSED"]}, {"paused"}),
        ({"status": ["ARCHIVED"]}, {"archived"}),
        ({"status": ["EXPIRED"]}, {"expired"}),
        ({"status": ["SCHEDULED"]}, {"scheduled"}),
        ({"status": ["EXPIRED", "SCHEDULED", "PAUSED"]}, {"expired", "scheduled", "paused"}),
        ({"status": [status.value for status in LinkStatus]}, set(links)),
        ({"status": []}, set()),
        ({"status": ["ACTIVE"], "tags": ["a"]}, {"tagged"}),
        ({"externalIds": ["e1", "e2"]}, {"external", "edited"}),
        ({"externalIds": ["e1"], "ids": [links["edited"].id]}, {"edited"}),
        ({"externalIds": ["e2"]}, set()),
        ({"externalIds": []}, set()),
        ({"createdAfter": "2026-01-01T00:00:08Z"}, {"external", "edited"}),
        ({"createdBefore": "2026-01-01T00:00:01Z"}, {"plain"}),
        ({"createdAfter": "0001-01-01T00:00:00Z", "createdBefore": "9999-12-31T23:59:59Z"}, set(links)),
        ({"createdBefore": "1969-12-31T23:59:59Z"}, set()),
        ({"updatedAfter": "0001-01-01T00:00:00Z"}, set(links)),
        (
            {"createdAfter": "2026-01-01T00:00:01Z", "createdBefore": "2026-01-01T00:00:03Z"},
            {"tagged", "domain"},
        ),
        ({"updatedAfter": "2026-01-02T00:00:00Z"}, {"edited"}),
        ({"updatedBefore": "2026-01-01T00:00:01Z"}, {"plain"}),
        ({"createdAfter": "2026-01-01T00:00:05Z", "ids": [links["plain"].id, links["open"].id]}, {"open"}),
    ]
    for asked, expected in cases:
        for order in LinkOrder:
            page = (await api(LIST, filter=asked, orderBy=order.value))["links"]
            assert {names[node["id"]] for node in page["nodes"]} == expected, (asked, order)
            assert len(page["nodes"]) == len(expected)
            assert page["totalCount"] == {"value": len(expected), "exact": True}
            walked = await walk(api, filter=asked, orderBy=order.value, first=2)
            assert walked == [node["id"] for node in page["nodes"]], (asked, order)
            assert await walk(api, filter=asked, orderBy=order.value, last=2) == walked


@pytest.mark.parametrize(
    "asked",
    [
        {"ids": None},
        {"domain": None},
        {"tags": None},
        {"status": None},
        {"createdAfter": None},
        {"createdAfter": "yesterday"},
        {"updatedBefore": "2026-13-01T00:00:00Z"},
        {"domain": "\ud800"},
        {"tags": ["\ud800"]},
        {"ids": ["\ud800"]},
        {"externalIds": ["\ud800"]},
        {"tags": ["x"] * 251},
    ],
)
async def test_refuses_filters(api: Api, asked: dict[str, Any]) -> None:
    """Nulls, what is no moment, too much; GQ-15: half characters."""
    assert await api.code(LIST, filter=asked) == "BAD_REQUEST"


@pytest.mark.parametrize(
    "asked", [{"tags": {"$gt": ""}}, {"ids": [{"$ne": None}]}, {"domain": {"$exists": True}}]
)
async def test_an_operator_is_a_type_error(api: Api, asked: dict[str, Any]) -> None:
    """GQ-13."""
    assert (await api.run(LIST, filter=asked)).errors


@pytest.fixture(scope="module")
async def crowd(opened: Any) -> Api:
    """A workspace of 100,000 links: one in 1,000 is rare in some way, one in ten is deleted."""

    api = await workspace(opened)
    past, future = START - timedelta(days=1), datetime(2090, 1, 1, tzinfo=UTC)
    rare: list[dict[str, Any]] = [
        {"tags": ("rare",)},
        {"domain": "go.example"},
        {"paused": True},
        {"archived_at": START},
        {"expires_at": past},
        {"starts_at": future},
        {"campaign_id": "cmp_rare"},
        {"title": "A rarity"},
        {"attributes": {"age": 7}},
        {"origin": Origin(template_id="tpl_rare", template_version=1, values="{}")},
    ]
    documents = []
    for number in range(100_000):
        kept = link(
            api, number, **(rare[number // 1_000 % 10] if number % 1_000 == 0 else {"tags": ("all",)})
        )
        if number % 10 == 5:
            gone = {"workspace_id", "domain", "slug", "slug_key", "version"}
            whole = codec.to_document(kept)
            documents.append({"_id": kept.id, "deleted_at": START, **{name: whole[name] for name in gone}})
        else:
            documents.append({**codec.to_document(kept), **listings.listed(kept), "popularity": number % 97})
    for start in range(0, len(documents), 10_000):
        await opened.database["links"].insert_many(documents[start : start + 10_000], ordered=False)
    return api


FILTERS: list[dict[str, Any]] = [
    {},
    {"tags": ("rare",)},
    {"tags": ("all", "rare")},
    {"domain": "go.example"},
    {"domain": "s.example"},
    {"campaign_id": "cmp_rare"},
    {"campaign_id": "cmp_rare", "status": (LinkStatus.ACTIVE,)},
    *({"status": (status,)} for status in LinkStatus),
    {"status": (LinkStatus.PAUSED, LinkStatus.ARCHIVED)},
    {"created_after": START + timedelta(seconds=99_000)},
    {"created_before": START + timedelta(seconds=1_000)},
    {"updated_after": START + timedelta(seconds=99_000)},
    {"updated_before": START + timedelta(seconds=1_000)},
    {"ids": ()},
    {"terms": tuple(terms.searched("rarit"))},
    {"terms": tuple(terms.searched("rarity a example"))},
    {"terms": tuple(terms.searched("exam"))},
    {"terms": tuple(terms.searched("nowhere"))},
    {"terms": (terms.attribute({"name": "age", "in": ["7"]}),)},
    {"terms": (terms.attribute({"name": "age", "gte": 5.0, "lt": 8.0}),)},
    {"terms": (terms.attribute({"name": "age", "exists": True}),)},
    {"terms": (terms.attribute({"name": "age", "exists": False}),)},
    {"terms": (Asked(among=("tpl_rare",)),), "status": (LinkStatus.ACTIVE,)},
]


@pytest.mark.parametrize("asked", FILTERS, ids=lambda asked: "-".join(asked) or "all")
async def test_every_filter_in_every_order_uses_an_index(crowd: Api, asked: dict[str, Any]) -> None:
    """With 100,000 links, a page of 50 reads about as many documents as it shows.

    A range of time in the order of another time reads what is in the range where that is less (900 links).
    """
    some = {"ids": tuple(link(crowd, number).id for number in range(50))} if "ids" in asked else {}
    wanted = LinkFilter(now=START, **(asked | some))
    middle = link(crowd, 50_000)
    for order in LinkOrder:
        place = listings.place(
            {"_id": middle.id, "updated_at": middle.updated_at, "popularity": 50_000 % 97}, order
        )
        for window in (
            Window(),
            Window(after=place),
            Window(backward=True),
            Window(backward=True, before=place),
        ):
            query = listings.query(crowd.context.viewer.workspace_id, wanted, order)
            query = listings.within(query, order, window)
            cursor = crowd.services.database["links"].find(query)
            cursor = cursor.sort(listings.sorting(order, backward=window.backward))
            explained = await cursor.limit(window.size + 1).explain()
            allowed = 900 if any(name.endswith(("_after", "_before")) for name in asked) else 106
            assert explained["executionStats"]["totalDocsExamined"] <= allowed, (order, window)
            assert "COLLSCAN" not in str(explained["queryPlanner"]["winningPlan"])


class Finds(Commands):
    """The queries that a client sent."""

    def __init__(self) -> None:
        super().__init__()
        self.filters: list[Mapping[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        """Remember one."""
        if event.command_name == "find":
            self.filters.append(dict(event.command["filter"]))


@pytest.mark.parametrize("text", ["example com rarity", "rarity com example", "com rarity example"])
async def test_of_several_words_the_rarest_is_looked_up(crowd: Api, text: str) -> None:
    """In whatever order they stand: ten links are read, not 90,000."""
    finds = Finds()
    async with stores_with(crowd.services, finds) as stores:
        assert len(await listed(crowd.on(stores), first=10, filter={"search": text})) == 10
    cursor = crowd.services.database["links"].find(finds.filters[-1]).sort("_id", -1).limit(11)
    assert (await cursor.explain())["executionStats"]["totalDocsExamined"] == 10


async def test_looking_one_link_up_uses_an_index(crowd: Api) -> None:
    """By slug, by id and by external id: one document each."""
    wanted = link(crowd, 77_001)
    database: mongo.Database = crowd.services.database
    for query in (
        {"domain": wanted.domain, "slug_key": wanted.slug_key, "workspace_id": wanted.workspace_id},
        {"_id": wanted.id, "workspace_id": wanted.workspace_id},
    ):
        stats = (await database["links"].find(query).explain())["executionStats"]
        assert (stats["nReturned"], stats["totalDocsExamined"], stats["totalKeysExamined"]) == (1, 1, 1)
    lookup = {"workspace_id": wanted.workspace_id, "external_id": "x"}
    explained = await database["external_ids"].find(lookup).sort("source", 1).explain()
    assert "COLLSCAN" not in str(explained["queryPlanner"]["winningPlan"])


async def test_counts_no_further_than_ten_thousand(crowd: Api) -> None:
    assert (await crowd(LIST, first=1))["links"]["totalCount"] == {"value": 10_000, "exact": False}
    assert (await crowd(LIST, first=1, filter={"tags": ["rare"]}))["links"]["totalCount"] == {
        "value": 10,
        "exact": True,
    }
