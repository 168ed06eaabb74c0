"""bulkCreateLinks with a file: rows of a template and links written out, from CSV and JSON Lines."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from domain.uploads import UNUSED
from tests.api.conftest import Api
from tests.api.test_bulk_create_links import done, refused, started, template
from tests.files import uploaded


async def made(api: Api, content: str, **given: Any) -> list[Mapping[str, Any]]:
    """What became of the rows of a file."""
    file = await uploaded(api.services, api.context.viewer.workspace_id, content)
    job = await done(api, await started(api, file=file, **given), first=250)
    assert job["state"] == "SUCCEEDED"
    nodes: list[Mapping[str, Any]] = job["results"]["nodes"]
    assert [node["row"] for node in nodes] == list(range(job["total"]))
    return nodes


def errors(node: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    return [(error["code"], error["field"]) for error in node["userErrors"]]


async def test_links_written_out_in_json_lines(api: Api) -> None:
    """BK4: judged like createLink; a row that is none, or has a field of another type, fails alone."""
    rows = await made(
        api,
        '{"destination":"https://example.com/a?utm_source=mail","tags":["x"],"attributes":{"seats":3}}\n'
        "no json\n"
        '{"destination":"javascript:alert(1)","title":5}\n'
        '{"destination":"javascript:alert(1)"}\n'
        '{"slug":"lonely"}\n',
    )
    link = rows[0]["link"]
    assert (link["destination"], link["utm"]["source"]) == ("https://example.com/a", "mail")
    assert (link["tags"], link["attributes"]) == (["x"], {"seats": 3})
    assert [errors(row) for row in rows[1:]] == [
        [("INVALID", ["1"])],
        [("INVALID", ["2", "title"])],
        [("UNSAFE_URL", ["3", "destination"])],
        [("REQUIRED", ["4", "destination"])],
    ]


async def test_links_written_out_in_csv(api: Api) -> None:
    rows = await made(
        api,
        "destination,tags,utm_source,attributes.segment,redirectCode,slug\n"
        "https://example.com/a,x|y,mail,smb,301,\n"
        "https://example.com/b,,,,,spring\n"
        "https://example.com/c,,,,maybe,Spring\n",
    )
    first = rows[0]["link"]
    assert (first["tags"], first["attributes"], first["redirectCode"]) == (
        ["x", "y"],
        {"segment": "smb"},
        301,
    )
    assert first["utm"]["source"] == "mail"
    assert rows[1]["link"]["slug"] == "spring"
    assert errors(rows[2]) == [("INVALID", ["2", "redirectCode"])]


async def test_rows_of_a_template_in_csv(api: Api) -> None:
    """Dotted columns are nested variables; the row's own fields stand beside them."""
    rows = await made(
        api,
        "plan,customer.id,customer.company,tags,attributes.seats,externalId\n"
        "pro,1,Acme,vip|eu,4,c-1\n"
        "gold,2,Other,,,\n"
        ",3,Third,,,\n",
        templateId=await template(api),
    )
    link = rows[0]["link"]
    assert (link["slug"], link["tags"], link["externalId"]) == ("acme-hello", ["welcome", "vip", "eu"], "c-1")
    assert link["attributes"] == {"plan": "pro", "seats": "4"}
    assert errors(rows[1]) == [("NOT_ALLOWED", ["1", "plan"])]
    assert errors(rows[2]) == [("MISSING_VARIABLE", ["2", "plan"])]


async def test_the_same_slug_twice_in_a_file(api: Api) -> None:
    """BK-03: the first row keeps it, in the same chunk and in another one."""
    filler = "".join(f"https://example.com/{number},\n" for number in range(600))
    rows = (
        "destination,slug\nhttps://example.com/,twice\nhttps://example.com/,twice\n"
        + filler
        + "https://example.com/,Twice\n"
    )
    file = await uploaded(api.services, api.context.viewer.workspace_id, rows)
    job = await done(api, await started(api, file=file), onlyFailed=True)
    assert (job["total"], job["succeeded"], job["failed"]) == (603, 601, 2)
    assert [errors(node) for node in job["results"]["nodes"]] == [
        [("TAKEN", ["1", "slug"])],
        [("TAKEN", ["602", "slug"])],
    ]


async def test_an_upload_that_has_expired_or_is_not_whole(api: Api) -> None:
    """It is refused as a whole before anything is made of the half that is there."""
    workspace_id, store = api.context.viewer.workspace_id, api.services.uploads
    rows = "destination\n" + "".join(f"https://example.com/{number}\n" for number in range(600))
    file = await uploaded(api.services, workspace_id, rows)
    now = api.services.clock()
    assert await store.by_id(workspace_id, file, now + UNUSED - timedelta(minutes=1)) is not None
    assert await store.by_id(workspace_id, file, now + UNUSED + timedelta(minutes=1)) is None
    await api.services.database["upload_chunks"].delete_one({"_id": f"{file}/1"})
    assert await refused(api, file=file) == [("NOT_FOUND", ["file"])]


async def test_a_file_that_is_not_there(api: Api, other: Api) -> None:
    """Another workspace's upload is not found, like one that never was, or an id of another kind."""
    theirs = await uploaded(
        other.services, other.context.viewer.workspace_id, "destination\nhttps://a.example/\n"
    )
    for file in (theirs, api.context.ids.new("upl"), api.context.ids.new("lnk"), "nonsense"):
        assert await refused(api, file=file) == [("NOT_FOUND", ["file"])]
    assert await refused(api, file=theirs, links=[{"destination": "https://a.example/"}]) == [
        ("INVALID", ["file"])
    ]
