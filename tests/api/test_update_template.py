"""updateTemplate with applyToLinks: a template that changed makes its links anew, as a job."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from domain import jobs
from tests.api.conftest import Api
from tests.api.test_bulk_create_links import row, template
from tests.api.test_bulk_edits import UNDO, done, started
from tests.api.test_campaigns import create as campaign
from tests.bulk import work_off

BULK = """mutation ($input: BulkCreateLinksInput!) { bulkCreateLinks(input: $input) {
  bulkJob { id } userErrors { code } } }"""
APPLY = """
mutation ($input: UpdateTemplateInput!, $apply: Boolean = true) {
  updateTemplate(input: $input, applyToLinks: $apply) {
    template { id version } bulkJob { id kind total } userErrors { code field message } } }
"""
LINKS = """
query ($id: ID!) { template(id: $id) { links(first: 250) { nodes {
  id version templateVersion slug destination title tags attributes expiresAt createdAt
  utm { source medium campaign content }
  rules { name destination } campaign { id } revisions(first: 1) { nodes { actor } }
} } } }
"""
EDIT = """mutation ($input: UpdateLinkInput!) { updateLink(input: $input) {
  link { version } userErrors { code } } }"""


async def made_by(api: Api, template_id: str, *rows: Mapping[str, Any], **more: Any) -> None:
    """Links of a template's rows."""
    job = await started(api, BULK, input={"templateId": template_id, "rows": list(rows), **more})
    assert (await done(api, job))["failed"] == 0


async def links(api: Api, template_id: str) -> Sequence[Mapping[str, Any]]:
    """The links of a template in the order of their slugs, which is that of the rows."""
    nodes: Sequence[Mapping[str, Any]] = (await api(LINKS, id=template_id))["template"]["links"]["nodes"]
    return sorted(nodes, key=lambda node: str(node["slug"]))


async def applied(api: Api, template_id: str, **fields: Any) -> str:
    """The id of the job that a change of a template starts."""
    payload = (await api(APPLY, input={"id": template_id, **fields}))["updateTemplate"]
    assert payload["userErrors"] == []
    job: str = payload["bulkJob"]["id"]
    return job


async def test_links_are_rendered_again_from_their_own_values(api: Api) -> None:
    """T5: what the template says now, with the values of then; the short URL stays."""
    template_id = await template(api, expiresAfter="P30D", title="Hello {{ customer.company }}")
    await made_by(api, template_id, row(1), row(2, plan="trial"))
    before = await links(api, template_id)
    payload = await api(
        APPLY,
        input={
            "id": template_id,
            "destination": "https://new.example.com/{{ customer.id }}/{{ plan | upcase }}",
            "slug": "other-{{ customer.id }}",
            "title": None,
            "tags": ["new", "plan-{{ plan }}"],
            "utm": {"source": "mail", "content": None},
            "attributes": {"seats": "{{ customer.id }}"},
            "expiresAfter": "P60D",
            "rules": [
                {
                    "name": "uk",
                    "when": {"country": ["GB"]},
                    "destination": "https://uk.example.com/{{ plan }}",
                }
            ],
        },
    )
    answer = payload["updateTemplate"]
    assert answer["template"]["version"] == 2
    assert (answer["bulkJob"]["kind"], answer["bulkJob"]["total"]) == ("RERENDER", 2)
    assert [each["version"] for each in await links(api, template_id)] == [1, 1]
    found = await done(api, answer["bulkJob"]["id"])
    assert (found["succeeded"], found["failed"]) == (2, 0)
    first, second = await links(api, template_id)
    assert [each["slug"] for each in (first, second)] == [each["slug"] for each in before]
    assert first["destination"] == "https://new.example.com/1/PRO"
    assert second["destination"] == "https://new.example.com/2/TRIAL"
    assert (first["title"], first["tags"]) == (None, ["new", "plan-pro"])
    assert first["utm"] == {"source": "mail", "medium": None, "campaign": None, "content": None}
    assert first["attributes"] == {"seats": "1"}
    assert first["rules"] == [{"name": "uk", "destination": "https://uk.example.com/pro"}]
    assert [each["createdAt"] for each in (first, second)] == [each["createdAt"] for each in before]
    assert first["expiresAt"] > before[0]["expiresAt"]
    assert first["revisions"]["nodes"][0]["actor"] == answer["bulkJob"]["id"]
    assert (before[0]["templateVersion"], first["templateVersion"]) == (1, 2)


async def test_without_it_links_stay_as_they_are(api: Api) -> None:
    template_id = await template(api)
    await made_by(api, template_id, row(1))
    payload = (await api(APPLY, input={"id": template_id, "title": "New"}, apply=False))["updateTemplate"]
    assert (payload["template"]["version"], payload["bulkJob"]) == (2, None)
    await work_off(api.services)
    assert (await links(api, template_id))[0]["title"] is None
    found = await done(api, await applied(api, template_id, title="New"))
    assert found["succeeded"] == 1
    assert (await links(api, template_id))[0]["title"] == "New"


async def test_what_is_a_links_own_stays(api: Api) -> None:
    """Set by its row, or by hand since."""
    template_id = await template(api, title="Old")
    await made_by(api, template_id, row(1), row(2, tags=["mine"], attributes={"seats": 4}), row(3))
    _, _, third = await links(api, template_id)
    edits = {"title": "By hand", "utm": {"source": "hand"}, "destination": "https://hand.example.com/"}
    await api(EDIT, input={"id": third["id"], **edits})
    job = await applied(
        api,
        template_id,
        title="New",
        tags=["new"],
        attributes={"new": "{{ plan }}"},
        utm={"source": "new", "medium": "new"},
        destination="https://new.example.com/{{ plan }}",
    )
    assert (await done(api, job))["failed"] == 0
    first, second, third = await links(api, template_id)
    assert (first["title"], first["tags"], first["attributes"]) == ("New", ["new"], {"new": "pro"})
    assert (second["title"], second["tags"]) == ("New", ["welcome", "mine"])
    assert second["attributes"] == {"plan": "pro", "seats": 4}
    assert (third["title"], third["destination"]) == ("By hand", "https://hand.example.com/")
    assert (third["utm"]["source"], third["utm"]["medium"], third["tags"]) == ("hand", "new", ["new"])


async def test_values_that_do_not_suit_any_more_are_row_errors(api: Api) -> None:
    template_id = await template(api)
    await made_by(api, template_id, row(1), row(2, plan="trial"))
    job = await applied(
        api,
        template_id,
        destination="https://app.example.com/{{ plan }}",
        variables=[{"name": "plan", "required": True, "allowed": ["pro"]}],
    )
    found = await done(api, job, onlyFailed=True)
    assert (found["succeeded"], found["failed"]) == (1, 1)
    (node,) = found["results"]["nodes"]
    assert node["link"]["id"] == (await links(api, template_id))[1]["id"]
    assert [(error["code"], error["field"]) for error in node["userErrors"]] == [
        ("NOT_ALLOWED", [str(node["row"]), "variables", "plan"])
    ]
    assert [each["version"] for each in await links(api, template_id)] == [2, 1]


async def test_campaign_and_policy_hold(api: Api) -> None:
    """Defaults come from the campaign that the template names now; its policy refuses what does not fit."""
    strict = await campaign(
        api, key="strict", utm={"medium": "email"}, utmPolicy={"allowed": {"content": ["pro"]}}
    )
    template_id = await template(api)
    await made_by(api, template_id, row(1), row(2, plan="trial"))
    found = await done(api, await applied(api, template_id, campaignId=strict["id"]))
    assert (found["succeeded"], found["failed"]) == (1, 1)
    first, second = await links(api, template_id)
    assert (first["utm"]["campaign"], first["utm"]["medium"], first["campaign"]["id"]) == (
        "strict",
        "email",
        strict["id"],
    )
    assert second["campaign"] is None
    found = await done(api, await applied(api, template_id, campaignId=None))
    assert (await links(api, template_id))[0]["utm"]["campaign"] is None


async def test_a_channels_parameters_are_the_links_own(api: Api) -> None:
    spring = await campaign(
        api, key="by-channel", channels=[{"name": "social", "source": "linkedin", "medium": "social"}]
    )
    template_id = await template(api)
    await made_by(api, template_id, row(1), campaignId=spring["id"], channel="social")
    await done(
        api, await applied(api, template_id, utm={"source": "other", "medium": "other", "content": "x"})
    )
    (only,) = await links(api, template_id)
    assert only["utm"] == {"source": "linkedin", "medium": "social", "campaign": "by-channel", "content": "x"}
    assert only["campaign"]["id"] == spring["id"]


async def test_an_older_version_never_undoes_a_newer_one(api: Api) -> None:
    template_id = await template(api)
    await made_by(api, template_id, row(1))
    first = await applied(api, template_id, title="Second")
    second = await applied(api, template_id, title="Third")
    database = api.services.database
    await database["jobs"].update_one({"_id": first}, {"$unset": {"open": ""}})
    await done(api, second)
    await database["jobs"].update_one({"_id": first}, {"$set": {"open": True}})
    assert (await done(api, first))["succeeded"] == 1
    assert (await links(api, template_id))[0]["title"] == "Third"


async def test_undo_takes_a_rendering_back_and_the_next_one_applies_again(api: Api) -> None:
    template_id = await template(api, title="Old")
    await made_by(api, template_id, row(1), row(2))
    job = await applied(api, template_id, title="New", tags=["new"])
    await done(api, job)
    changed = (await links(api, template_id))[1]
    await api(EDIT, input={"id": changed["id"], "notes": "seen"})
    found = await done(api, await started(api, UNDO, id=job))
    assert (found["succeeded"], found["failed"]) == (1, 1)
    first, second = await links(api, template_id)
    assert (first["title"], first["tags"]) == ("Old", ["welcome"])
    assert (second["title"], second["tags"]) == ("New", ["new"])
    await done(api, await applied(api, template_id))
    assert (await links(api, template_id))[0]["title"] == "New"


async def test_a_template_without_links_starts_no_job(api: Api) -> None:
    template_id = await template(api)
    payload = (await api(APPLY, input={"id": template_id, "title": "New"}))["updateTemplate"]
    assert (payload["template"]["version"], payload["bulkJob"], payload["userErrors"]) == (2, None, [])


async def test_a_change_that_is_refused_starts_no_job(api: Api) -> None:
    template_id = await template(api)
    await made_by(api, template_id, row(1))
    for fields, code in (
        ({"destination": "javascript:x"}, "UNSAFE_URL"),
        ({"version": 7, "title": "x"}, "STALE"),
    ):
        payload = (await api(APPLY, input={"id": template_id, **fields}))["updateTemplate"]
        assert [error["code"] for error in payload["userErrors"]] == [code]
        assert (payload["template"], payload["bulkJob"]) == (None, None)
    count = await api.services.jobs.count(api.context.viewer.workspace_id, limit=9)
    assert count == 0


async def test_too_many_jobs_refuse_the_change_as_well(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """All or nothing: a template that changed without its links would be neither."""
    template_id = await template(api)
    await made_by(api, template_id, row(1))
    await started(api, BULK, input={"templateId": template_id, "rows": [row(2)]})
    monkeypatch.setattr(jobs, "MAX_OPEN", 1)
    payload = (await api(APPLY, input={"id": template_id, "title": "New"}))["updateTemplate"]
    assert [error["code"] for error in payload["userErrors"]] == ["LIMIT_EXCEEDED"]
    assert payload["template"] is None
    again = (await api(APPLY, input={"id": template_id, "title": "New"}, apply=False))["updateTemplate"]
    assert again["template"]["version"] == 2


async def test_a_repeated_call_leaves_its_job_as_it_is(api: Api) -> None:
    """BK-02: the change and its job are there already."""
    template_id = await template(api)
    await made_by(api, template_id, row(1))
    at = api.context.clock()

    def again() -> Api:
        return replace(api, context=api.context.repeatable(at, lambda size: bytes(range(size))))

    first = await applied(again(), template_id, title="New")
    await done(api, first)
    assert await applied(again(), template_id, title="New") == first
    await work_off(api.services)
    (only,) = await links(api, template_id)
    assert (only["title"], only["version"]) == ("New", 2)
