"""bulkCreateLinks, bulkJob and cancelBulkJob: thousands of links in one call, and what became of each row."""

import dataclasses
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from delivery.jobs import TURN_CHUNKS
from domain import jobs
from tests.api.conftest import LINK, Api
from tests.bulk import work_off

BULK = """mutation ($input: BulkCreateLinksInput!) { bulkCreateLinks(input: $input) {
  bulkJob { id kind state total done } userErrors { code message field } } }"""
JOB = (
    """query ($id: ID!, $first: Int, $after: String, $onlyFailed: Boolean) { bulkJob(id: $id) {
  kind state total done succeeded failed finishedAt userErrors { code message }
  results(first: $first, after: $after, onlyFailed: $onlyFailed) {
    nodes { row link { ...whole } userErrors { code message field } }
    pageInfo { hasNextPage endCursor } totalCount { value exact } } } }"""
    + LINK
)
CANCEL = "mutation ($id: ID!) { cancelBulkJob(id: $id) { bulkJob { state done } userErrors { code field } } }"


async def template(api: Api, **fields: Any) -> str:
    """A template's id."""
    usual = {
        "name": "Welcome",
        "destination": "https://app.example.com/{{ plan }}?ref={{ customer.id }}",
        "slug": "{{ customer.company | slugify }}-hello",
        "tags": ["welcome"],
        "utm": {"source": "crm", "content": "{{ plan }}"},
        "attributes": {"plan": "{{ plan }}"},
        "variables": [{"name": "plan", "required": True, "allowed": ["pro", "trial"]}],
    }
    made = await api(
        "mutation ($input: CreateTemplateInput!) { createTemplate(input: $input) { template { id } userErrors"
        " { message } } }",
        input={**usual, **fields},
    )
    assert made["createTemplate"]["userErrors"] == []
    found: str = made["createTemplate"]["template"]["id"]
    return found


def row(number: int, **more: Any) -> dict[str, Any]:
    """Values for the template."""
    return {"plan": "pro", "customer": {"id": str(number), "company": f"Acme {number}"}, **more}


async def started(api: Api, **given: Any) -> str:
    """The id of a job that a call starts."""
    answer = (await api(BULK, input=given))["bulkCreateLinks"]
    assert answer["userErrors"] == []
    job: str = answer["bulkJob"]["id"]
    return job


async def refused(api: Api, **given: Any) -> list[tuple[str, list[str] | None]]:
    """What a call is refused for."""
    answer = (await api(BULK, input=given))["bulkCreateLinks"]
    assert answer["bulkJob"] is None
    return [(error["code"], error["field"]) for error in answer["userErrors"]]


async def done(api: Api, job: str, **paging: Any) -> Mapping[str, Any]:
    """The job once everything that waits is done."""
    await work_off(api.services)
    found: Mapping[str, Any] = (await api(JOB, id=job, **paging))["bulkJob"]
    return found


async def test_rows_of_a_template_become_links(api: Api) -> None:
    """BK1: each with slug, parameters and attributes, and what is the row's own beside them."""
    template_id = await template(api)
    rows = [
        row(4000),
        row(4001, externalId=17, tags=["vip"], attributes={"seats": 4}),
        row(4002, slug="mine"),
    ]
    answer = (await api(BULK, input={"templateId": template_id, "rows": rows}))["bulkCreateLinks"]
    assert answer["userErrors"] == []
    job = answer["bulkJob"]
    assert (job["kind"], job["state"], job["total"], job["done"]) == ("CREATE", "QUEUED", 3, 0)
    found = await done(api, job["id"])
    assert (found["state"], found["done"], found["succeeded"], found["failed"]) == ("SUCCEEDED", 3, 3, 0)
    assert found["finishedAt"] is not None
    links = [result["link"] for result in found["results"]["nodes"]]
    assert [link["slug"] for link in links] == ["acme-4000-hello", "acme-4001-hello", "mine"]
    assert (
        links[0]["finalDestination"] == "https://app.example.com/pro?ref=4000&utm_source=crm&utm_content=pro"
    )
    assert links[0]["attributes"] == {"plan": "pro"}
    assert links[1]["externalId"] == "17"
    assert links[1]["tags"] == ["welcome", "vip"]
    assert links[1]["attributes"] == {"plan": "pro", "seats": 4}
    kept = await api.services.links.by_ids(api.context.viewer.workspace_id, [link["id"] for link in links])
    origins = [kept[link["id"]].origin for link in links]
    assert [origin and origin.template_id for origin in origins] == [template_id] * 3
    assert [origin and origin.own for origin in origins] == [(), ("attributes", "tags"), ()]
    assert origins[1] is not None
    assert origins[1].values == '{"customer":{"company":"Acme 4001","id":"4001"},"plan":"pro"}'


async def test_links_expire_exactly_so_long_after_their_making(api: Api) -> None:
    """`expiresAfter` counts from the moment that the link says, in each of many rows."""
    job = await started(api, templateId=await template(api, expiresAfter="P1D"), rows=[*map(row, range(100))])
    links = [result["link"] for result in (await done(api, job, first=100))["results"]["nodes"]]
    made = [datetime.fromisoformat(link["createdAt"]) for link in links]
    assert [datetime.fromisoformat(link["expiresAt"]) for link in links] == [
        at + timedelta(days=1) for at in made
    ]
    assert [link["updatedAt"] for link in links] == [link["createdAt"] for link in links]


async def test_a_slug_that_yields_is_no_error(api: Api) -> None:
    """Of a row whose external id is TAKEN nothing is said about a slug that would have got a suffix."""
    given = {"templateId": await template(api), "rows": [row(1, externalId="c-1")]}
    await done(api, await started(api, **given))
    (again,) = (await done(api, await started(api, **given)))["results"]["nodes"]
    assert [(error["code"], error["field"]) for error in again["userErrors"]] == [
        ("TAKEN", ["0", "externalId"])
    ]


async def test_bad_rows_fail_alone(api: Api) -> None:
    """BK-01: 1,000 rows, 10 of them bad: 990 links, and each bad row says what is wrong with it."""
    rows = [row(number) for number in range(1_000)]
    for number in range(0, 1_000, 100):
        rows[number]["plan"] = "gold"
    job = await started(api, templateId=await template(api), rows=rows)
    found = await done(api, job, onlyFailed=True, first=250)
    assert (found["state"], found["succeeded"], found["failed"]) == ("SUCCEEDED", 990, 10)
    failures = found["results"]["nodes"]
    assert [failure["row"] for failure in failures] == list(range(0, 1_000, 100))
    assert failures[3]["link"] is None
    assert failures[3]["userErrors"] == [
        {
            "code": "NOT_ALLOWED",
            "message": "The variable plan is 'gold'; allowed: pro, trial.",
            "field": ["300", "plan"],
        }
    ]
    assert found["results"]["totalCount"] == {"value": 10, "exact": True}
    assert len(await every_row(api, job)) == 1_000


async def every_row(api: Api, job: str) -> list[int]:
    """The rows of all pages of results."""
    rows: list[int] = []
    after = None
    while True:
        page = (await api(JOB, id=job, first=250, after=after))["bulkJob"]["results"]
        rows += [result["row"] for result in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            assert rows == sorted(set(rows))
            return rows
        after = page["pageInfo"]["endCursor"]


async def test_links_written_out_are_judged_as_createlink_judges_them(api: Api) -> None:
    """BK4: the same canonical form, the same errors, rules included."""
    rule = {"name": "phones", "when": {"device": ["MOBILE"]}, "destination": "https://m.example.com/"}
    job = await started(
        api,
        links=[
            {"destination": "HTTPS://Example.com?utm_source=news", "rules": [rule], "slug": "fine"},
            {"destination": "javascript:alert(1)"},
            {"destination": "https://example.com/", "slug": "admin", "expiresAt": "soon"},
        ],
    )
    found = await done(api, job)
    first, second, third = found["results"]["nodes"]
    assert first["link"]["destination"] == "https://example.com/"
    assert first["link"]["utm"]["source"] == "news"
    assert [(error["code"], error["field"]) for error in second["userErrors"]] == [
        ("UNSAFE_URL", ["1", "destination"])
    ]
    assert [(error["code"], error["field"]) for error in third["userErrors"]] == [
        ("INVALID", ["2", "slug"]),
        ("INVALID", ["2", "expiresAt"]),
    ]


async def test_taken_slugs_and_external_ids_are_settled_row_by_row(api: Api) -> None:
    """BK-03: of twins the first row wins; a slug of the template's gets a suffix, a row's own is refused."""
    template_id = await template(api)
    await api.create(slug="acme-5007-hello", externalId="known")
    rows = [
        row(5007),
        row(5008),
        row(5008),
        row(5009, slug="own"),
        row(5010, slug="OWN"),
        row(5011, externalId="known"),
        row(5012, externalId="new"),
        row(5013, externalId="new"),
    ]
    found = await done(api, await started(api, templateId=template_id, rows=rows))
    results = found["results"]["nodes"]
    slugs = [result["link"] and result["link"]["slug"] for result in results]
    assert slugs[1] == "acme-5008-hello"
    assert slugs[0].startswith("acme-5007-hello-")
    assert slugs[2].startswith("acme-5008-hello-")
    assert slugs[3:5] == ["own", None]
    errors = {result["row"]: [each["field"] for each in result["userErrors"]] for result in results}
    assert {number: fields for number, fields in errors.items() if fields} == {
        4: [["4", "slug"]],
        5: [["5", "externalId"]],
        7: [["7", "externalId"]],
    }
    assert "Row 3 of this call already has the slug" in results[4]["userErrors"][0]["message"]


async def test_a_row_too_large_fails_alone(api: Api) -> None:
    """BK-03: a row of 1 MB is an error of its own."""
    rows = [row(0), row(1, notes="x" * 1_000_000), "no object", row(3)]
    found = await done(api, await started(api, templateId=await template(api), rows=rows))
    codes = [[error["code"] for error in result["userErrors"]] for result in found["results"]["nodes"]]
    assert codes == [[], ["LIMIT_EXCEEDED"], ["INVALID"], []]


async def test_what_is_wrong_with_the_call_is_said_at_once(api: Api, other: Api) -> None:
    """BK-03: 10,001 rows are refused before anything is kept."""
    template_id = await template(api)
    link = {"destination": "https://example.com/"}
    assert await refused(api, templateId=template_id) == [("REQUIRED", ["rows"])]
    assert await refused(api, templateId=template_id, rows=[row(0)], links=[link]) == [("INVALID", ["links"])]
    assert await refused(api, rows=[row(0)]) == [("REQUIRED", ["templateId"])]
    assert await refused(api, templateId=template_id, links=[link]) == [("INVALID", ["templateId"])]
    assert await refused(api, templateId=template_id, rows=[]) == [("REQUIRED", ["rows"])]
    assert await refused(api, templateId=template_id, rows=[{}] * 10_001) == [("LIMIT_EXCEEDED", ["rows"])]
    assert await refused(api, links=[link] * 10_001) == [("LIMIT_EXCEEDED", ["links"])]
    large = [{"notes": "x" * 60_000}] * 180
    assert await refused(api, templateId=template_id, rows=large) == [("LIMIT_EXCEEDED", ["rows"])]
    assert await refused(other, templateId=template_id, rows=[row(0)]) == [("NOT_FOUND", ["templateId"])]
    nowhere = f"cmp_{'0' * 26}"
    assert await refused(api, links=[link], campaignId=nowhere) == [("NOT_FOUND", ["campaignId"])]
    assert await refused(api, links=[link], channel="email") == [("REQUIRED", ["campaignId"])]
    assert (
        await api.services.database["jobs"].count_documents({"workspace_id": api.context.viewer.workspace_id})
        == 0
    )


async def test_campaign_and_channel_are_those_of_the_call(api: Api) -> None:
    made = await api(
        "mutation ($input: CreateCampaignInput!) { createCampaign(input: $input) { campaign { id } } }",
        input={"name": "Spring", "channels": [{"name": "email", "source": "newsletter", "medium": "email"}]},
    )
    campaign_id = made["createCampaign"]["campaign"]["id"]
    template_id = await template(api)
    wrong = await refused(api, templateId=template_id, rows=[row(0)], campaignId=campaign_id, channel="fax")
    assert wrong == [("NOT_FOUND", ["channel"])]
    job = await started(api, templateId=template_id, rows=[row(0)], campaignId=campaign_id, channel="email")
    link = (await done(api, job))["results"]["nodes"][0]["link"]
    assert link["utm"] == {
        "source": "newsletter", "medium": "email", "campaign": "spring", "term": None, "content": "pro",
    }  # fmt: skip


async def test_a_cancelled_job_stops_and_keeps_what_is_made(api: Api) -> None:
    job = await started(api, links=[{"destination": "https://example.com/"}] * 700)
    assert (await api(CANCEL, id=job))["cancelBulkJob"]["bulkJob"] == {"state": "CANCELLED", "done": 0}
    found = await done(api, job)
    assert (found["state"], found["done"], found["results"]["nodes"]) == ("CANCELLED", 0, [])
    finished = await started(api, links=[{"destination": "https://example.com/"}])
    await work_off(api.services)
    assert (await api(CANCEL, id=finished))["cancelBulkJob"]["bulkJob"]["state"] == "SUCCEEDED"


async def test_another_workspace_finds_no_job(api: Api, other: Api) -> None:
    job = await started(api, links=[{"destination": "https://example.com/"}])
    assert (await other(JOB, id=job))["bulkJob"] is None
    assert (await other("query ($id: ID!) { node(id: $id) { id } }", id=job))["node"] is None
    assert (await api("query ($id: ID!) { node(id: $id) { id } }", id=job))["node"] == {"id": job}
    assert (await other(CANCEL, id=job))["cancelBulkJob"] == {
        "bulkJob": None,
        "userErrors": [{"code": "NOT_FOUND", "field": ["id"]}],
    }
    assert (await done(api, job))["state"] == "SUCCEEDED"


async def test_one_workspace_has_a_bounded_number_of_open_jobs(api: Api) -> None:
    links = [{"destination": "https://example.com/"}]
    for _ in range(jobs.MAX_OPEN):
        await started(api, links=links)
    assert await refused(api, links=links) == [("LIMIT_EXCEEDED", None)]
    await work_off(api.services)
    await started(api, links=links)
    await work_off(api.services)


async def test_turns_go_round_the_workspaces(api: Api, other: Api) -> None:
    """BK2: a workspace with many jobs holds up another's only for one turn."""
    links = [{"destination": "https://example.com/"}]
    many = [await started(api, links=links) for _ in range(5)]
    await started(api, links=links * 500 * (TURN_CHUNKS + 1))
    one = await started(other, links=links)
    await work_off(api.services)
    ids = [*many, one]
    documents = await api.services.database["jobs"].find({"_id": {"$in": ids}}).sort("served_at", 1).to_list()
    served = [document["_id"] for document in documents]
    assert served.index(one) <= 1


async def test_a_repeated_call_finds_the_job_of_the_first(api: Api) -> None:
    """BK-02: the process died before its answer was kept; the repetition makes nothing twice."""
    at = api.context.clock()

    def again() -> Api:
        draws = iter(range(10_000))
        same = api.context.repeatable(at, lambda count: hashlib.shake_256(b"%d" % next(draws)).digest(count))
        return dataclasses.replace(api, context=same)

    given = {"templateId": await template(api), "rows": [row(6_000 + number) for number in range(1_000)]}
    first = await started(again(), **given)
    await work_off(api.services)
    assert await started(again(), **given) == first
    assert (await done(api, first))["succeeded"] == 1_000
    links = api.services.database["links"]
    query = {"workspace_id": api.context.viewer.workspace_id}
    assert await links.count_documents(query) == 1_000
