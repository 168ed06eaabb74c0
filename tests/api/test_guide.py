"""The guide is true: each of its documents is valid, and those about links run as they stand."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app import graph
from app.graphql.documents import Documents
from tests.api.conftest import Api

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(ROOT / "docs" / "guide").glob("*.md"), ROOT / "README.md"])
EXAMPLE = re.compile(r"^```graphql\n(.*?)^```\n(?:```json\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


def examples(page: Path) -> list[tuple[str, dict[str, Any]]]:
    """The documents of a page, each with the variables that stand right below it."""
    return [
        (document, msgspec.json.decode(variables) if variables else {})
        for document, variables in EXAMPLE.findall(page.read_text())
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_document_is_valid(page: Path) -> None:
    documents = Documents(graph.build()._schema, playground=False)
    for document, variables in examples(page):
        (operation,) = documents.read(document).operations.values()
        assert operation.requested(variables) <= 10_000


async def test_the_links_page_runs(api: Api) -> None:
    """In order; the id of the link that was made last takes the place of "lnk_…"."""
    link_id, answers = "", {}
    for document, variables in examples(ROOT / "docs" / "guide" / "links.md"):
        given = msgspec.json.decode(
            msgspec.json.encode(variables).replace("lnk_…".encode(), link_id.encode())
        )
        # every test run uses one database, where the slug of the example may be taken already
        if "slug" in given.get("input", {}):
            given["input"]["slug"] += f"-{api.context.viewer.workspace_id[-8:]}"
        answer = await api(document, **given)
        answers[re.findall(r"^\w+ (\w+)", document)[0]] = answer
        made = (answer.get("createLink") or {}).get("link")
        link_id = made["id"] if made else link_id
    errors = [
        error
        for name, answer in answers.items()
        if name != "MakeMany"
        for payload in answer.values()
        for error in (payload or {}).get("userErrors", [])
    ]
    assert errors == []
    made = answers["Make"]["createLink"]["link"]
    assert made["finalDestination"] == (
        "https://example.com/spring?utm_source=newsletter&utm_medium=email&utm_campaign=spring"
    )
    many = answers["MakeMany"]["createLinks"]
    assert (many["succeeded"], many["failed"]) == (2, 1)
    assert many["results"][2]["userErrors"][0]["field"] == ["2", "destination"]
    assert answers["Find"]["byExternalId"]["id"] == link_id
    assert answers["List"]["links"]["nodes"][-1]["tags"] == ["spring"]
    assert answers["Change"]["updateLink"]["link"]["version"] == 2
    limited = answers["Limit"]["updateLink"]["link"]
    assert (limited["clickLimit"], limited["hasPassword"]) == (100, True)
    statuses = [answers[name][field]["link"]["status"] for name, field in STEPS]
    assert statuses == ["PAUSED", "ARCHIVED", "PAUSED"]
    assert answers["Delete"]["deleteLink"]["deletedId"] == link_id


STEPS = (("Pause", "updateLink"), ("Archive", "archiveLink"), ("Restore", "restoreLink"))


async def test_the_pages_of_the_graphql_page_run(api: Api) -> None:
    for document, variables in examples(ROOT / "docs" / "guide" / "graphql.md"):
        if not document.startswith("subscription"):
            assert await api(document, **variables)


async def test_the_analytics_page_runs(api: Api) -> None:
    for document, variables in examples(ROOT / "docs" / "guide" / "analytics.md"):
        assert await api(document, **variables)
