"""importLinks: exports of other shorteners become links that keep slugs, titles, tags and dates."""

from collections.abc import Mapping
from typing import Any

import pytest

from domain.importers import ImportFormat
from tests.api.conftest import Api
from tests.api.test_bulk_create_links import done
from tests.api.test_idempotency import calling
from tests.files import uploaded
from tests.unit.test_importers import EXPORTS

IMPORT = """mutation ($input: ImportLinksInput!) { importLinks(input: $input) {
  bulkJob { id kind state total } userErrors { code message field } } }"""
ROWS = (
    "keyword,url,title,timestamp,ip,clicks\n"
    "old,https://example.com/old,Old,2019-01-01 10:00:00,192.0.2.1,5\n"
    "older,https://example.com/older,Older,2018-01-01 10:00:00,192.0.2.1,5\n"
)


async def imported(api: Api, content: str, kind: str, **more: Any) -> Mapping[str, Any]:
    """The finished job of an import."""
    file = await uploaded(api.services, api.context.viewer.workspace_id, content)
    answer = (await api(IMPORT, input={"file": file, "format": kind, **more}))["importLinks"]
    assert answer["userErrors"] == []
    assert answer["bulkJob"]["kind"] == "IMPORT"
    return await done(api, answer["bulkJob"]["id"])


async def refused(api: Api, **given: Any) -> list[tuple[str, list[str]]]:
    answer = (await api(IMPORT, input=given))["importLinks"]
    assert answer["bulkJob"] is None
    return [(error["code"], error["field"]) for error in answer["userErrors"]]


@pytest.mark.parametrize("kind", ImportFormat)
async def test_each_export_becomes_links(api: Api, kind: ImportFormat) -> None:
    slug = f"Spring-{api.context.viewer.workspace_id[-8:]}"
    content = EXPORTS[kind].replace("/Spring", f"/{slug}").replace("Spring,", f"{slug},", 1)
    content = content.replace("Spring;", f"{slug};", 1)
    job = await imported(api, content, kind.value, domain="go.example")
    assert job["state"] == "SUCCEEDED"
    (result,) = job["results"]["nodes"]
    assert result["userErrors"] == []
    link = result["link"]
    assert (link["domain"], link["slug"], link["title"]) == ("go.example", slug, "Spring sale")
    assert (link["destination"], link["tags"]) == ("https://example.com/", ["a", "b"])
    assert link["createdAt"] == "2026-03-29T00:30:00.000Z"
    assert link["updatedAt"] > link["createdAt"]


async def test_lists_have_links_in_the_place_of_their_date(api: Api) -> None:
    """An imported link is as old as it was: NEWEST has it behind what was made before the import."""
    await api.create("https://example.com/new")
    job = await imported(api, ROWS.replace("old", api.context.viewer.workspace_id[-8:]), "YOURLS")
    assert job["succeeded"] == 2
    listed = await api("{ links { nodes { destination createdAt } } }")
    assert [node["createdAt"][:4] for node in listed["links"]["nodes"]][1:] == ["2019", "2018"]


async def test_rows_that_do_not_fit_name_their_column(api: Api) -> None:
    """A taken slug is TAKEN, never renamed: whoever has the short URL in print must get there."""
    own = api.context.viewer.workspace_id[-8:]
    await api.create(slug=f"{own}-taken", domain="go.example")
    job = await imported(
        api,
        "Long URL,Short Code,Created At\n"
        f"https://example.com/,{own}-taken,\n"
        f"javascript:alert(1),{own}-a,\n"
        f"https://example.com/,a/b,\n"
        f"https://example.com/,,\n"
        f"https://example.com/,{own}-b,yesterday\n"
        f",{own}-c,\n",
        "SHLINK",
        domain="go.example",
    )
    found = [
        [(error["code"], error["field"]) for error in node["userErrors"]] for node in job["results"]["nodes"]
    ]
    assert found == [
        [("TAKEN", ["0", "slug"])],
        [("UNSAFE_URL", ["1", "Long URL"])],
        [("INVALID", ["2", "Short Code"])],
        [("REQUIRED", ["3", "Short Code"])],
        [("INVALID", ["4", "Created At"])],
        [("REQUIRED", ["5", "Long URL"])],
    ]


async def test_an_import_is_judged_as_a_whole_first(api: Api, other: Api) -> None:
    workspace_id = api.context.viewer.workspace_id
    rows = await uploaded(api.services, workspace_id, ROWS)
    lines = await uploaded(api.services, workspace_id, '{"destination":"https://example.com/"}\n')
    assert await refused(api, file=rows, format="SHLINK") == [("REQUIRED", ["file"])]
    assert await refused(api, file=lines, format="CSV") == [("INVALID", ["file"])]
    assert await refused(api, file=rows, format="YOURLS", domain="other.example") == [
        ("NOT_FOUND", ["domain"])
    ]
    assert await refused(other, file=rows, format="YOURLS") == [("NOT_FOUND", ["file"])]


async def test_a_repeated_call_is_the_same_job(api: Api) -> None:
    """GQ-17: with its Idempotency-Key a call that is sent again imports nothing twice."""
    file = await uploaded(api.services, api.context.viewer.workspace_id, ROWS)
    given = {"file": file, "format": "YOURLS"}
    async with calling(api) as client:
        first = await client.data("import-1", IMPORT, input=given)
        again = await client.data("import-1", IMPORT, input=given)
    assert first["importLinks"]["userErrors"] == []
    assert again["importLinks"]["bulkJob"]["id"] == first["importLinks"]["bulkJob"]["id"]
    jobs = api.services.database["jobs"]
    assert await jobs.count_documents({"workspace_id": api.context.viewer.workspace_id}) == 1
