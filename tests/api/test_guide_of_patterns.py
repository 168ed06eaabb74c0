"""The pages on campaigns and templates are true: their documents run as they stand, in order."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from tests.api.conftest import Api
from tests.api.test_guide import ROOT, examples


async def run(api: Api, page: str, made: str, field: str) -> dict[str, Mapping[str, Any]]:
    """The answers of a page by operation name.

    Args:
        made: the placeholder of an id, such as "cmp_…".
        field: the object whose id takes its place once it is made.
    """
    made_id, answers = "", {}
    for document, variables in examples(ROOT / "docs" / "guide" / page):
        given = msgspec.json.decode(msgspec.json.encode(variables).replace(made.encode(), made_id.encode()))
        # every test run uses one database, where the slug of the example may be taken already
        if page == "campaigns.md" and "slug" in given.get("input", {}):
            given["input"]["slug"] += f"-{api.context.viewer.workspace_id[-8:]}"
        answer = await api(document.replace(made, made_id), **given)
        answers[re.findall(r"^\w+ (\w+)", document)[0]] = answer
        for payload in answer.values():
            if payload.get(field):
                made_id = payload[field].get("id", made_id)
    return answers


async def test_the_campaigns_page_runs(api: Api) -> None:
    answers = await run(api, "campaigns.md", "cmp_…", "campaign")
    made = answers["MakeCampaign"]["createCampaign"]
    assert (made["userErrors"], made["campaign"]["key"]) == ([], "spring-sale-2026")
    links = answers["MakeChannelLinks"]["createCampaignLinks"]
    assert (links["succeeded"], links["failed"], links["userErrors"]) == (2, 0, [])
    assert [result["link"]["finalDestination"] for result in links["results"]] == [
        f"https://example.com/sale?utm_source={source}&utm_medium={medium}"
        "&utm_campaign=spring-sale-2026&utm_content=hero"
        for source, medium in (("newsletter", "email"), ("linkedin", "social"))
    ]
    joined = answers["Join"]["createLink"]["link"]
    assert joined["utm"] == {
        "source": "partner",
        "medium": "email",
        "campaign": "spring-sale-2026",
        "content": "hero",
    }
    assert answers["Campaign"]["campaign"]["links"]["totalCount"] == {"value": 3}
    assert len(answers["Campaign"]["links"]["nodes"]) == 3


async def test_the_templates_page_runs(api: Api) -> None:
    answers = await run(api, "templates.md", "tpl_…", "template")
    assert answers["MakeTemplate"]["createTemplate"]["userErrors"] == []
    assert answers["Preview"]["template"]["preview"] == {
        "destination": "https://app.example.com/welcome/pro?ref=42",
        "finalDestination": "https://app.example.com/welcome/pro?ref=42&utm_source=onboarding&utm_content=step-2",
        "slug": "cafe-co-2",
        "title": "Hello again, friend",
        "tags": ["welcome", "plan-Pro"],
        "userErrors": [],
    }
    missing = answers["Missing"]["template"]["preview"]["userErrors"]
    assert [(error["code"], error["field"][1]) for error in missing] == [
        ("NOT_ALLOWED", "customer.plan"),
        ("MISSING_VARIABLE", "customer.company"),
        ("MISSING_VARIABLE", "customer.id"),
    ]
    changed = answers["ChangeTemplate"]["updateTemplate"]
    assert (changed["userErrors"], changed["template"]["version"]) == ([], 2)
    applied = answers["ChangeTemplateAndLinks"]["updateTemplate"]
    assert applied == {"template": {"version": 3}, "bulkJob": None, "userErrors": []}
