"""bulkUpdateLinks, bulkDeleteLinks and undoBulkJob: every link of a filter in one call."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain import instants
from domain.ids import of as id_of
from domain.utm import Utm
from tests.api.conftest import Api
from tests.api.test_campaigns import create as campaign
from tests.api.test_links import link, store
from tests.bulk import work_off

UPDATE = """
mutation ($filter: LinkFilter!, $change: LinkChangeInput!, $expected: Int!) {
  bulkUpdateLinks(filter: $filter, change: $change, expected: $expected) {
    bulkJob { id kind state total } userErrors { code message field } } }
"""
DELETE = """
mutation ($filter: LinkFilter!, $expected: Int!) { bulkDeleteLinks(filter: $filter, expected: $expected) {
  bulkJob { id kind state total } userErrors { code message field } } }
"""
UNDO = """
mutation ($id: ID!) { undoBulkJob(id: $id) { bulkJob { id kind total } userErrors { code message field } } }
"""
JOB = """
query ($id: ID!, $onlyFailed: Boolean) { bulkJob(id: $id) { state total done succeeded failed
  results(first: 250, onlyFailed: $onlyFailed) {
    nodes { row link { id version } userErrors { code field message } } } } }
"""
LINKS = """
query ($filter: LinkFilter) { links(first: 250, orderBy: OLDEST, filter: $filter) {
  nodes {
    id version title tags status utm { source medium campaign term content } attributes expiresAt fallback
    campaign { id } revisions { nodes { version actor changes } } }
  totalCount { value } } }
"""


async def make(api: Api, count: int, **fields: Any) -> list[str]:
    """Ids of new links."""
    return await store(api, *(link(api, number, **fields) for number in range(count)))


async def started(api: Api, document: str, **variables: Any) -> str:
    """The id of the job that a call starts."""
    (payload,) = (await api(document, **variables)).values()
    assert payload["userErrors"] == []
    job: str = payload["bulkJob"]["id"]
    return job


async def done(api: Api, job: str, **arguments: Any) -> Mapping[str, Any]:
    """The job when it is done."""
    await work_off(api.services)
    found: Mapping[str, Any] = (await api(JOB, id=job, **arguments))["bulkJob"]
    assert found["state"] == "SUCCEEDED"
    return found


async def links(api: Api, **asked: Any) -> Sequence[Mapping[str, Any]]:
    """The links of a filter, oldest first."""
    found: Sequence[Mapping[str, Any]] = (await api(LINKS, filter=asked))["links"]["nodes"]
    return found


async def errors(api: Api, document: str, **variables: Any) -> list[tuple[str, list[str] | None]]:
    """What a call is refused for."""
    (payload,) = (await api(document, **variables)).values()
    assert payload["bulkJob"] is None
    return [(error["code"], error["field"]) for error in payload["userErrors"]]


async def test_changes_every_link_of_a_filter_and_no_other(api: Api, other: Api) -> None:
    """BK2: each as updateLink changes it, with a revision that names the job."""
    wanted = await make(api, 3, tags=("old", "both"))
    (untouched,) = await store(api, link(api, 10, tags=("new",)))
    await make(other, 1, tags=("old",))
    change = {
        "addTags": ["new"],
        "removeTags": ["old"],
        "utm": {"source": "mail"},
        "expiresAt": "2090-01-01T00:00:00Z",
        "paused": True,
        "fallback": "https://example.com/sorry",
        "attributes": {"plan": "pro"},
    }
    job = await started(api, UPDATE, filter={"tags": ["old"]}, change=change, expected=3)
    found = await done(api, job)
    assert (found["total"], found["done"], found["succeeded"], found["failed"]) == (3, 3, 3, 0)
    assert [(node["row"], node["link"]["id"]) for node in found["results"]["nodes"]] == list(
        enumerate(wanted)
    )
    changed = await links(api, ids=wanted)
    for each in changed:
        assert (each["version"], each["tags"], each["status"]) == (2, ["both", "new"], "PAUSED")
        assert (each["utm"]["source"], each["attributes"]) == ("mail", {"plan": "pro"})
        assert (each["expiresAt"], each["fallback"]) == (
            "2090-01-01T00:00:00.000Z",
            "https://example.com/sorry",
        )
        assert each["revisions"]["nodes"][0]["actor"] == job
        assert each["revisions"]["nodes"][0]["changes"]["tags"] == [["old", "both"], ["both", "new"]]
    assert [each["version"] for each in await links(api, ids=[untouched])] == [1]
    assert [each["version"] for each in await links(other)] == [1]


async def test_a_change_that_changes_nothing_makes_no_version(api: Api) -> None:
    made = await make(api, 2, tags=("a",))
    job = await started(
        api, UPDATE, filter={"ids": made}, change={"addTags": ["a"], "archived": False}, expected=2
    )
    assert (await done(api, job))["succeeded"] == 2
    assert [each["version"] for each in await links(api)] == [1, 1]


async def test_archives_and_restores(api: Api) -> None:
    made = await make(api, 2)
    await done(api, await started(api, UPDATE, filter={"ids": made}, change={"archived": True}, expected=2))
    assert [each["status"] for each in await links(api)] == ["ARCHIVED", "ARCHIVED"]
    back = {"archived": False}
    await done(api, await started(api, UPDATE, filter={"status": ["ARCHIVED"]}, change=back, expected=2))
    assert [each["status"] for each in await links(api)] == ["ACTIVE", "ACTIVE"]


async def test_meets_each_link_once_though_the_change_moves_it(api: Api) -> None:
    """What is filtered by changes while the job walks; over several chunks, and with other links coming."""
    made = await make(api, 253, tags=("old",))
    job = await started(
        api,
        UPDATE,
        filter={"tags": ["old"]},
        change={"addTags": ["new"], "removeTags": ["old"]},
        expected=253,
    )
    later = link(api, 9_000, tags=("old",))
    at = api.context.clock() + timedelta(hours=1)
    later_id = id_of("lnk", instants.milliseconds(at), b"0123456789")
    await store(
        api, type(later)(**{n: getattr(later, n) for n in later.__struct_fields__} | {"id": later_id})
    )
    found = await done(api, job)
    assert (found["total"], found["done"], found["succeeded"]) == (253, 253, 253)
    assert (await api(LINKS, filter={"tags": ["new"]}))["links"]["totalCount"] == {"value": 253}
    assert [each["id"] for each in await links(api, tags=["old"])] == [later_id]
    assert {each["version"] for each in await links(api, ids=made[:200])} == {2}


async def test_what_one_link_cannot_become_is_its_row_error(api: Api) -> None:
    """BK-01."""
    made = await store(
        api,
        link(api, 1),
        link(api, 2, tags=tuple(f"t{number}" for number in range(50))),
        link(api, 3, starts_at=instants.parsed("2095-01-01T00:00:00Z")),
    )
    change = {"addTags": ["more"], "expiresAt": "2090-01-01T00:00:00Z"}
    job = await started(api, UPDATE, filter={"ids": made}, change=change, expected=3)
    found = await done(api, job, onlyFailed=True)
    assert (found["succeeded"], found["failed"]) == (1, 2)
    assert [
        (node["row"], node["link"]["id"], [(e["code"], e["field"]) for e in node["userErrors"]])
        for node in found["results"]["nodes"]
    ] == [
        (1, made[1], [("INVALID", ["1", "tags"])]),
        (2, made[2], [("INVALID", ["2", "expiresAt"])]),
    ]
    assert [each["version"] for each in await links(api)] == [2, 1, 1]


async def test_links_join_a_campaign_under_its_policy(api: Api) -> None:
    """C2: the policy holds for each of them."""
    spring = await campaign(
        api,
        key="bulk-spring",
        utm={"source": "crm", "medium": "email"},
        utmPolicy={"allowed": {"term": ["a", "b"]}},
    )
    made = await store(
        api, link(api, 1), link(api, 2, utm=Utm(term="c")), link(api, 3, utm=Utm(source="own"))
    )
    job = await started(api, UPDATE, filter={"ids": made}, change={"campaignId": spring["id"]}, expected=3)
    found = await done(api, job, onlyFailed=True)
    assert [(e["code"], e["field"]) for e in found["results"]["nodes"][0]["userErrors"]] == [
        ("NOT_ALLOWED", ["1", "utm", "term"])
    ]
    first, second, third = await links(api)
    assert (first["utm"]["source"], first["utm"]["campaign"]) == ("crm", "bulk-spring")
    assert second["campaign"] is None
    assert (third["utm"]["source"], third["utm"]["medium"]) == ("own", "email")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"filter": {}}, [("REQUIRED", ["filter"])]),
        ({"change": {}}, [("REQUIRED", ["change"])]),
        ({"change": {"addTags": []}}, [("REQUIRED", ["change"])]),
        ({"change": {"addTags": None, "removeTags": None}}, [("REQUIRED", ["change"])]),
        ({"expected": 1}, [("STALE", ["expected"])]),
        ({"expected": -1}, [("STALE", ["expected"])]),
        ({"filter": {"tags": []}}, [("STALE", ["expected"])]),
        ({"change": {"fallback": "javascript:alert(1)"}}, [("UNSAFE_URL", ["change", "fallback"])]),
        ({"change": {"expiresAt": "soon"}}, [("INVALID", ["change", "expiresAt"])]),
        ({"change": {"addTags": [" "]}}, [("INVALID", ["change", "addTags"])]),
        ({"change": {"attributes": {"$gt": 1}}}, [("INVALID", ["change", "attributes"])]),
        ({"change": {"utm": {"source": "\ud800"}}}, [("INVALID", ["change", "utm", "source"])]),
        ({"change": {"campaignId": "cmp_1"}}, [("NOT_FOUND", ["change", "campaignId"])]),
    ],
)
async def test_refuses_a_call_as_a_whole(
    api: Api, variables: dict[str, Any], expected: list[tuple[str, list[str]]]
) -> None:
    """LK-01, GQ-13, GQ-15: nothing happens to any link."""
    await make(api, 2, tags=("a",))
    usual = {"filter": {"tags": ["a"]}, "change": {"addTags": ["b"]}, "expected": 2}
    assert await errors(api, UPDATE, **{**usual, **variables}) == expected
    await work_off(api.services)
    assert {each["version"] for each in await links(api)} == {1}


async def test_says_how_many_links_there_are(api: Api) -> None:
    await make(api, 2, tags=("a",))
    payload = (await api(DELETE, filter={"tags": ["a"]}, expected=5))["bulkDeleteLinks"]
    assert payload["userErrors"][0]["message"] == "The filter matches 2 links, not 5; look at them again."


async def test_deletes_every_link_of_a_filter(api: Api) -> None:
    made = await store(api, *(link(api, n, tags=("a",), external_id=f"e{n}") for n in range(3)), link(api, 9))
    assert await errors(api, DELETE, filter={}, expected=4) == [("REQUIRED", ["filter"])]
    assert await errors(api, DELETE, filter={"tags": ["a"]}, expected=4) == [("STALE", ["expected"])]
    job = await started(api, DELETE, filter={"tags": ["a"]}, expected=3)
    found = await done(api, job)
    assert (found["succeeded"], found["failed"]) == (3, 0)
    assert [node["link"] for node in found["results"]["nodes"]] == [None, None, None]
    assert [each["id"] for each in await links(api)] == made[3:]
    again = link(api, 20, external_id="e1")
    assert await api.services.links.add_many(api.context.viewer.workspace_id, [again]) == {}
    assert await errors(api, UNDO, id=job) == [("NOT_ALLOWED", ["id"])]


async def test_undo_takes_an_update_back(api: Api) -> None:
    made = await make(api, 4, tags=("old",), title="Before")
    change = {"addTags": ["new"], "removeTags": ["old"], "utm": {"source": "x"}, "archived": True}
    job = await started(api, UPDATE, filter={"ids": made}, change=change, expected=4)
    await done(api, job)
    edit = "mutation ($input: UpdateLinkInput!) { updateLink(input: $input) { link { version } } }"
    await api(edit, input={"id": made[1], "title": "Since"})
    await api("mutation ($id: ID!) { deleteLink(id: $id) { deletedId } }", id=made[2])
    payload = (await api(UNDO, id=job))["undoBulkJob"]
    assert (payload["bulkJob"]["kind"], payload["bulkJob"]["total"]) == ("UNDO", 4)
    found = await done(api, payload["bulkJob"]["id"])
    assert (found["succeeded"], found["failed"]) == (2, 2)
    codes = [[error["code"] for error in node["userErrors"]] for node in found["results"]["nodes"]]
    assert codes == [[], ["STALE"], ["NOT_FOUND"], []]
    first, second, fourth = await links(api)
    assert (first["version"], first["tags"], first["utm"]["source"], first["status"]) == (
        3,
        ["old"],
        None,
        "ACTIVE",
    )
    assert (second["version"], second["tags"], second["title"]) == (3, ["new"], "Since")
    assert fourth["tags"] == ["old"]
    assert first["revisions"]["nodes"][0]["actor"] == payload["bulkJob"]["id"]
    twice = await done(api, await started(api, UNDO, id=job))
    assert (twice["succeeded"], twice["failed"]) == (0, 4)


async def test_undo_leaves_alone_what_the_job_did_not_change(api: Api) -> None:
    made = await store(api, link(api, 1, tags=("a",)), link(api, 2))
    job = await started(api, UPDATE, filter={"ids": made}, change={"addTags": ["a"]}, expected=2)
    await done(api, job)
    found = await done(api, await started(api, UNDO, id=job))
    assert (found["succeeded"], found["failed"]) == (2, 0)
    assert [(each["version"], each["tags"]) for each in await links(api)] == [(1, ["a"]), (3, [])]


async def test_undo_refuses_what_cannot_be_taken_back(api: Api, other: Api) -> None:
    made = await make(api, 1)
    job = await started(api, UPDATE, filter={"ids": made}, change={"paused": True}, expected=1)
    assert await errors(api, UNDO, id=job) == [("NOT_ALLOWED", ["id"])]
    await done(api, job)
    assert await errors(other, UNDO, id=job) == [("NOT_FOUND", ["id"])]
    for unknown in ("x", made[0], api.context.ids.new("job")):
        assert await errors(api, UNDO, id=unknown) == [("NOT_FOUND", ["id"])]
    undo = await started(api, UNDO, id=job)
    await done(api, undo)
    assert await errors(api, UNDO, id=undo) == [("NOT_ALLOWED", ["id"])]


async def test_a_link_that_is_edited_meanwhile_is_changed_as_it_is_then(api: Api) -> None:
    made = await make(api, 2, tags=("a",))
    job = await started(api, UPDATE, filter={"tags": ["a"]}, change={"addTags": ["b"]}, expected=2)
    edit = "mutation ($input: UpdateLinkInput!) { updateLink(input: $input) { link { version } } }"
    await api(edit, input={"id": made[0], "title": "Meanwhile"})
    await api(edit, input={"id": made[1], "tags": ["other"]})
    found = await done(api, job)
    assert (found["total"], found["done"], found["succeeded"]) == (2, 1, 1)
    first, second = await links(api)
    assert (first["title"], first["tags"], first["version"]) == ("Meanwhile", ["a", "b"], 3)
    assert (second["tags"], second["version"]) == (["other"], 2)


async def test_a_job_and_people_edit_the_same_links(api: Api) -> None:
    """Nobody's change is lost: each link has the job's tag and what was typed meanwhile."""
    made = await make(api, 260, tags=("old",))
    job = await started(api, UPDATE, filter={"tags": ["old"]}, change={"addTags": ["new"]}, expected=260)
    edit = "mutation ($input: UpdateLinkInput!) { updateLink(input: $input) { userErrors { code } } }"

    async def type_titles() -> list[Any]:
        answers = [
            await api(edit, input={"id": link_id, "title": f"Title of {link_id}"}) for link_id in made[::10]
        ]
        return [answer["updateLink"]["userErrors"] for answer in answers]

    found, refused = await asyncio.gather(done(api, job), type_titles())
    assert (found["succeeded"], found["failed"]) == (260, 0)
    assert refused == [[]] * 26
    stored = await api.services.links.by_ids(api.context.viewer.workspace_id, made)
    assert {each.tags for each in stored.values()} == {("old", "new")}
    assert {each.version for each in stored.values()} == {2, 3}
    titles = {link_id: f"Title of {link_id}" for link_id in made[::10]}
    assert {link_id: each.title for link_id, each in stored.items() if each.title} == titles


async def test_a_repeated_call_finds_its_job_again(api: Api) -> None:
    """BK-02: the process died before its answer was kept; what the job has done meanwhile is not STALE."""
    await make(api, 2, tags=("old",))
    at = api.context.clock()

    def again() -> Api:
        return replace(api, context=api.context.repeatable(at, lambda size: bytes(range(size))))

    given: dict[str, Any] = {"filter": {"tags": ["old"]}, "change": {"removeTags": ["old"]}, "expected": 2}
    first = await started(again(), UPDATE, **given)
    await done(api, first)
    assert await started(again(), UPDATE, **given) == first
    assert {each["version"] for each in await links(api)} == {2}
