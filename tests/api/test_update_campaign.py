"""updateCampaign: UTM parameters that links have from their campaign follow its changes, as a job."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from domain import jobs
from tests.api.conftest import Api
from tests.api.test_bulk_edits import UNDO, UPDATE, done, errors, started
from tests.api.test_campaigns import create

CHANGE = """
mutation ($input: UpdateCampaignInput!) { updateCampaign(input: $input) {
  campaign { id version } bulkJob { id kind total } userErrors { code message field } } }
"""
LINKS = """
query ($id: ID!) { campaign(id: $id) { links(first: 250) { nodes {
  id version title utm { source medium campaign term content } finalDestination } } } }
"""


async def changed(api: Api, campaign: Mapping[str, Any], **fields: Any) -> Mapping[str, Any]:
    """The payload of a change that is accepted."""
    payload: Mapping[str, Any] = (await api(CHANGE, input={"id": campaign["id"], **fields}))["updateCampaign"]
    assert payload["userErrors"] == []
    return payload


async def links(api: Api, campaign: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The links of a campaign by title."""
    nodes: Sequence[Mapping[str, Any]] = (await api(LINKS, id=campaign["id"]))["campaign"]["links"]["nodes"]
    return {str(node["title"]): node for node in nodes}


async def test_changed_parameters_reach_the_links_that_have_them_from_there(api: Api) -> None:
    """C6: what a link says otherwise is its own, and stays."""
    campaign = await create(api, key="follow", utm={"source": "crm", "medium": "email", "content": "hero"})
    own: dict[str, dict[str, Any]] = {"plain": {}, "own": {"utm": {"source": "partner", "term": "x"}}}
    for title, fields in own.items():
        await api.create(title=title, campaignId=campaign["id"], **fields)
    await api.create(title="elsewhere", utm={"source": "crm"})
    payload = await changed(api, campaign, utm={"source": "newsletter", "content": None, "term": "sale"})
    assert (payload["bulkJob"]["kind"], payload["bulkJob"]["total"]) == ("UPDATE", 2)
    found = await done(api, payload["bulkJob"]["id"])
    assert (found["succeeded"], found["failed"]) == (2, 0)
    seen = await links(api, campaign)
    assert seen["plain"]["utm"] == {
        "source": "newsletter",
        "medium": "email",
        "campaign": "follow",
        "term": "sale",
        "content": None,
    }
    assert seen["plain"]["finalDestination"] == (
        "https://example.com/?utm_source=newsletter&utm_medium=email&utm_campaign=follow&utm_term=sale"
    )
    assert (seen["own"]["utm"]["source"], seen["own"]["utm"]["term"]) == ("partner", "x")
    assert seen["own"]["utm"]["content"] is None
    undo = await done(api, await started(api, UNDO, id=payload["bulkJob"]["id"]))
    assert (undo["succeeded"], undo["failed"]) == (2, 0)
    assert (await links(api, campaign))["plain"]["utm"]["source"] == "crm"


async def test_other_changes_start_no_job(api: Api) -> None:
    campaign = await create(api, key="quiet", utm={"source": "crm"})
    assert (await changed(api, campaign, utm={"source": "mail"}))["bulkJob"] is None  # it has no links
    await api.create(title="plain", campaignId=campaign["id"])
    assert (await changed(api, campaign, name="Other", utm={"source": "mail"}))["bulkJob"] is None
    assert (await links(api, campaign))["plain"]["version"] == 1


async def test_two_changes_end_alike_in_either_order(api: Api) -> None:
    for order in ((0, 1), (1, 0)):
        campaign = await create(api, key=f"order-{order[0]}", utm={"source": "one"})
        await api.create(title="plain", campaignId=campaign["id"])
        waiting = [
            (await changed(api, campaign, utm={"source": source}))["bulkJob"]["id"]
            for source in ("two", "three")
        ]
        database = api.services.database
        await database["jobs"].update_one({"_id": waiting[order[1]]}, {"$unset": {"open": ""}})
        await done(api, waiting[order[0]])
        await database["jobs"].update_one({"_id": waiting[order[1]]}, {"$set": {"open": True}})
        await done(api, waiting[order[1]])
        assert (await links(api, campaign))["plain"]["utm"]["source"] == "three"


async def test_a_policy_that_refuses_a_link_is_its_row_error(api: Api) -> None:
    campaign = await create(api, key="policy", utm={"source": "crm"})
    await api.create(title="plain", campaignId=campaign["id"])
    await api.create(title="loud", campaignId=campaign["id"], utm={"term": "LOUD"})
    payload = await changed(api, campaign, utm={"source": "mail"}, utmPolicy={"lowercase": True})
    found = await done(api, payload["bulkJob"]["id"], onlyFailed=True)
    assert (found["succeeded"], found["failed"]) == (1, 1)
    (node,) = found["results"]["nodes"]
    assert [error["field"] for error in node["userErrors"]] == [[str(node["row"]), "utm", "term"]]
    seen = await links(api, campaign)
    assert (seen["plain"]["utm"]["source"], seen["loud"]["utm"]["source"]) == ("mail", "crm")


async def test_a_change_that_is_refused_starts_no_job(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = await create(api, key="refused", utm={"source": "crm"})
    await api.create(title="plain", campaignId=campaign["id"])
    stale = await errors(api, CHANGE, input={"id": campaign["id"], "version": 9, "utm": {"source": "x"}})
    assert [code for code, _ in stale] == ["STALE"]
    assert await api.services.jobs.count(api.context.viewer.workspace_id, limit=9) == 0
    await started(api, UPDATE, filter={"campaignId": campaign["id"]}, change={"paused": True}, expected=1)
    monkeypatch.setattr(jobs, "MAX_OPEN", 1)
    full = await errors(api, CHANGE, input={"id": campaign["id"], "utm": {"source": "x"}})
    assert [code for code, _ in full] == ["LIMIT_EXCEEDED"]
    assert await api.services.jobs.count(api.context.viewer.workspace_id, limit=9) == 1
    assert (await api("query ($id: ID!) { campaign(id: $id) { version } }", id=campaign["id"]))[
        "campaign"
    ] == {"version": 1}
