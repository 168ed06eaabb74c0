"""updateLink: absent stays, null clears, `version` locks."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from domain.ids import of as id_of
from tests.api.conftest import LINK, Api

UPDATE = (
    "mutation ($input: UpdateLinkInput!) { updateLink(input: $input) {"
    " link { ...whole } userErrors { code field } } }" + LINK
)


async def update(api: Api, link: Mapping[str, Any], **fields: Any) -> Mapping[str, Any]:
    """The link after a change that is accepted."""
    payload = (await api(UPDATE, input={"id": link["id"], **fields}))["updateLink"]
    assert payload["userErrors"] == []
    changed: Mapping[str, Any] = payload["link"]
    return changed


async def refused(api: Api, link: Mapping[str, Any], **fields: Any) -> list[tuple[str, list[str]]]:
    """The errors of a change, once it is sure that nothing changed."""
    before = await api.services.database["links"].find_one({"_id": link["id"]})
    payload = (await api(UPDATE, input={"id": link["id"], **fields}))["updateLink"]
    assert payload["link"] is None
    assert await api.services.database["links"].find_one({"_id": link["id"]}) == before
    return [(error["code"], error["field"]) for error in payload["userErrors"]]


async def test_changes_only_what_is_given(api: Api) -> None:
    link = await api.create(
        title="old", notes="kept", tags=["a"], attributes={"plan": "trial"}, forwardQuery=True
    )
    changed = await update(api, link, title="new")
    assert changed["version"] == 2
    assert changed["updatedAt"] >= link["updatedAt"]
    ignored = ("title", "version", "updatedAt")
    assert {name: changed[name] for name in link if name not in ignored} == {
        name: link[name] for name in link if name not in ignored
    }
    assert changed["title"] == "new"


async def test_null_clears_or_restores_the_default(api: Api) -> None:
    link = await api.create(
        title="t",
        notes="n",
        tags=["a"],
        externalId="x1",
        externalSource="crm",
        attributes={"a": 1},
        utm={"source": "s"},
        redirectCode=301,
        forwardQuery=True,
        startsAt="2020-01-01T00:00:00Z",
        expiresAt="2040-01-01T00:00:00Z",
        fallback="https://example.com/",
    )
    texts = ("title", "notes", "externalId", "startsAt", "expiresAt", "fallback")
    others = ("tags", "attributes", "utm", "redirectCode", "forwardQuery", "paused")
    changed = await update(api, link, **dict.fromkeys(texts + others))
    expected: dict[str, Any] = {
        "title": None,
        "notes": None,
        "tags": [],
        "externalId": None,
        "externalSource": None,
        "attributes": {},
        "utm": dict.fromkeys(("source", "medium", "campaign", "term", "content")),
        "redirectCode": 302,
        "forwardQuery": False,
        "startsAt": None,
        "expiresAt": None,
        "fallback": None,
        "status": "ACTIVE",
    }
    assert {name: changed[name] for name in expected} == expected
    await api.create(externalId="x1", externalSource="crm")


@pytest.mark.parametrize("field", ["destination", "slug"])
async def test_destination_and_slug_cannot_be_cleared(api: Api, field: str) -> None:
    assert await refused(api, await api.create(), **{field: None}) == [("REQUIRED", [field])]


async def test_utm_is_merged_field_by_field(api: Api) -> None:
    link = await api.create(utm={"source": "s", "medium": "m", "term": "t"})
    changed = await update(api, link, utm={"medium": None, "campaign": "c"})
    assert changed["utm"] == {"source": "s", "medium": None, "campaign": "c", "term": "t", "content": None}
    moved = await update(
        api, link, destination="https://new.example/?utm_term=u&utm_source=x", utm={"source": "y"}
    )
    assert moved["utm"] == {"source": "y", "medium": None, "campaign": "c", "term": "u", "content": None}
    assert moved["destination"] == "https://new.example/"


async def test_the_version_locks(api: Api) -> None:
    link = await api.create()
    await update(api, link, version=1, title="first")
    assert await refused(api, link, version=1, title="second") == [("STALE", ["version"])]
    assert await refused(api, link, version=0, title="second") == [("STALE", ["version"])]


async def test_changes_without_a_version_are_all_made(api: Api) -> None:
    """Ten at once, each of another field: none is lost."""
    link = await api.create()
    changes: list[dict[str, Any]] = [
        {"title": "t"},
        {"notes": "n"},
        {"tags": ["a"]},
        {"forwardQuery": True},
        {"utm": {"source": "s"}},
    ]
    await asyncio.gather(*(update(api, link, **change) for change in changes))
    final = await update(api, link)
    assert (final["title"], final["notes"], final["tags"], final["forwardQuery"]) == ("t", "n", ["a"], True)
    assert final["utm"]["source"] == "s"
    assert final["version"] == 6


async def test_a_change_of_nothing_is_no_new_version(api: Api) -> None:
    link = await api.create(title="t")
    assert await update(api, link, title="t", tags=[]) == link


async def test_a_new_slug_frees_the_old_one(api: Api) -> None:
    link = await api.create(slug="before-the-change")
    taken = await api.create(slug="already-taken-slug")
    changed = await update(api, link, slug="After-The-Change")
    assert changed["shortUrl"] == "https://s.example/After-The-Change"
    assert (await update(api, link, slug="AFTER-the-change"))["slug"] == "AFTER-the-change"
    assert await refused(api, link, slug="Already-Taken-Slug") == [("TAKEN", ["slug"])]
    await api.create(slug="before-the-change")
    assert taken["version"] == 1


async def test_the_external_id_moves_with_its_link(api: Api) -> None:
    link = await api.create(externalId="e1")
    await api.create(externalId="e2")
    assert await refused(api, link, externalId="e2") == [("TAKEN", ["externalId"])]
    changed = await update(api, link, externalId="e3", externalSource="crm")
    assert (changed["externalId"], changed["externalSource"]) == ("e3", "crm")
    await api.create(externalId="e1")


async def test_pauses_and_goes_on(api: Api) -> None:
    link = await api.create()
    assert (await update(api, link, paused=True))["status"] == "PAUSED"
    assert (await update(api, link, paused=False))["status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"destination": "javascript:x"}, ("UNSAFE_URL", ["destination"])),
        ({"slug": "api"}, ("INVALID", ["slug"])),
        ({"expiresAt": "2001-01-01T00:00:00Z"}, ("INVALID", ["expiresAt"])),
        ({"attributes": {"$inc": 1}}, ("INVALID", ["attributes"])),
        ({"externalSource": "crm"}, ("REQUIRED", ["externalId"])),
    ],
)
async def test_vets_like_creation(api: Api, fields: dict[str, Any], expected: tuple[str, list[str]]) -> None:
    link = await api.create(startsAt="2002-01-01T00:00:00Z")
    assert await refused(api, link, **fields) == [expected]


async def test_what_is_not_there_is_not_found(api: Api, other: Api) -> None:
    """GQ-14: another workspace's link, a deleted one, one that never was, and what is no id."""
    foreign = await other.create()
    gone = await api.create()
    await api("mutation ($id: ID!) { deleteLink(id: $id) { deletedId } }", id=gone["id"])
    for wanted in (foreign["id"], gone["id"], id_of("lnk", 1, bytes(10)), "x", "\ud800", '{"$gt":""}'):
        payload = (await api(UPDATE, input={"id": wanted, "title": "x"}))["updateLink"]
        assert payload == {"link": None, "userErrors": [{"code": "NOT_FOUND", "field": ["id"]}]}
    assert (await other.services.database["links"].find_one({"_id": foreign["id"]}) or {})["title"] is None
