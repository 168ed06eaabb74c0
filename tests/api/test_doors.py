"""clickLimit and password of links, as the API takes and shows them."""

from typing import Any

import pytest

from app.graphql.idempotency import repeat_of
from app.graphql.payloads import Call
from domain import drafts, passwords
from domain.passwords import Sealed
from tests.api.conftest import Api
from tests.bulk import work_off

SECRET = "correct horse battery"
CREATE = (
    "mutation ($input: CreateLinkInput!) { createLink(input: $input) "
    "{ link { id clickLimit hasPassword version } userErrors { code message field } } }"
)
CREATE_MANY = (
    "mutation ($rows: [CreateLinkInput!]!) { createLinks(input: $rows) "
    "{ results { link { hasPassword } userErrors { code field } } } }"
)
UPDATE = (
    "mutation ($input: UpdateLinkInput!) { updateLink(input: $input) "
    "{ link { clickLimit hasPassword version } userErrors { code field } } }"
)
HISTORY = "query ($id: ID!) { link(by: {id: $id}) { revisions { nodes { version changes } } } }"


async def created(api: Api, **fields: Any) -> Any:
    return (await api(CREATE, input={"destination": "https://example.com/", **fields}))["createLink"]


async def kept(api: Api) -> str:
    """Everything that the workspace has in the database, as text."""
    database, own = api.services.database, {"workspace_id": api.context.viewer.workspace_id}
    names = await database.list_collection_names()
    return "".join([repr(await database[name].find(own).to_list()) for name in names])


async def hash_of(api: Api, link_id: str) -> Sealed:
    link = await api.services.links.by_id(api.context.viewer.workspace_id, link_id)
    assert link is not None
    assert link.password is not None
    return link.password


async def test_of_a_password_only_a_hash_is_kept(api: Api) -> None:
    """Argon2id, in the link alone: no revision and no answer has it."""
    made = (await created(api, password=SECRET))["link"]
    assert (made["hasPassword"], made["version"]) == (True, 1)
    sealed = await hash_of(api, made["id"])
    assert sealed.hash.startswith(f"$argon2id$v=19$m={passwords.MEMORY_KIB},t={passwords.ROUNDS},p=1$")
    assert passwords.opens(sealed, SECRET)
    for given, has, version in (("another one", True, 2), (None, False, 3), (None, False, 3)):
        payload = (await api(UPDATE, input={"id": made["id"], "password": given}))["updateLink"]
        assert payload["link"] == {"clickLimit": None, "hasPassword": has, "version": version}
    text = await kept(api)
    assert SECRET not in text
    history = (await api(HISTORY, id=made["id"]))["link"]["revisions"]["nodes"]
    assert [(each["version"], "password" in each["changes"]) for each in history] == [
        (3, False),
        (2, False),
        (1, False),
    ]
    assert "argon2" not in text


async def test_going_back_leaves_the_password(api: Api) -> None:
    """A rollback must not open a door, nor lock people out with a password that was given up."""
    made = (await created(api, title="a", password=SECRET))["link"]
    await api(UPDATE, input={"id": made["id"], "title": "b", "password": "another one"})
    before = await hash_of(api, made["id"])
    back = "mutation ($id: ID!) { rollbackLink(id: $id, toVersion: 1) { link { title hasPassword } } }"
    assert (await api(back, id=made["id"]))["rollbackLink"]["link"] == {"title": "a", "hasPassword": True}
    assert await hash_of(api, made["id"]) == before


@pytest.mark.parametrize(
    "given", ["", "abc", "x" * 129, " padded", "padded\t", "bell\x07", "zero\u200bwidth", "half \ud800"]
)
async def test_what_is_no_password_is_refused_without_being_repeated(api: Api, given: str) -> None:
    payload = await created(api, password=given)
    assert payload["link"] is None
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("INVALID", ["password"])]
    assert not given.strip() or given not in payload["userErrors"][0]["message"]


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_limit_lets_somebody_through(api: Api, limit: int) -> None:
    payload = await created(api, clickLimit=limit)
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [
        ("INVALID", ["clickLimit"])
    ]


async def test_a_limit_is_a_field_like_any_other(api: Api) -> None:
    """It stands in revisions, and null clears it."""
    made = (await created(api, clickLimit=5))["link"]
    assert made["clickLimit"] == 5
    payload = (await api(UPDATE, input={"id": made["id"], "clickLimit": None}))["updateLink"]
    assert payload["link"]["clickLimit"] is None
    newest, oldest = (await api(HISTORY, id=made["id"]))["link"]["revisions"]["nodes"]
    assert (newest["changes"], oldest["changes"]["clickLimit"]) == ({"clickLimit": [5, None]}, [None, 5])


async def test_rows_share_the_work_of_a_password(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each different one costs a tenth of a second: a call sets a few, the rows beyond are refused."""
    monkeypatch.setattr(drafts, "MAX_PASSWORDS", 2)
    given = [SECRET, "second one", SECRET, "third one", "no", None]
    rows = [{"destination": "https://example.com/", "password": each} for each in given]
    results = (await api(CREATE_MANY, rows=rows))["createLinks"]["results"]
    assert [each["link"] and each["link"]["hasPassword"] for each in results] == [
        True,
        True,
        True,
        None,
        None,
        False,
    ]
    assert results[3]["userErrors"] == [{"code": "LIMIT_EXCEEDED", "field": ["3", "password"]}]
    assert results[4]["userErrors"] == [{"code": "INVALID", "field": ["4", "password"]}]


async def test_accents_are_the_same_however_they_are_typed(api: Api) -> None:
    """One keyboard sends é as one character, another as two."""
    made = (await created(api, password="caf\u00e9"))["link"]
    assert passwords.opens(await hash_of(api, made["id"]), "cafe\u0301")


def test_an_idempotency_key_remembers_no_password() -> None:
    """Its fingerprint is a fast hash: of a password it holds four bits, wherever the password stands."""

    def fingerprint(password: str, literal: str) -> bytes:
        value = f"{literal}{password}{literal}" if literal else "$secret"
        text = f"mutation {{ createLink(input: {{password : {value}}}) {{ link {{ id }} }} }}"
        variables: dict[str, Any] = {} if literal else {"rows": [{"password": password}], "secret": password}
        return repeat_of("key", Call(text, variables, None, {})).digest

    for literal in ('"', '"""', ""):
        seen = {fingerprint(f"password {number}", literal) for number in range(200)}
        assert len(seen) == 16


BULK = (
    "mutation ($links: [CreateLinkInput!]!) { bulkCreateLinks(input: {links: $links}) "
    "{ bulkJob { id total } userErrors { code field } } }"
)
BULK_ROWS = "mutation ($input: BulkCreateLinksInput!) { bulkCreateLinks(input: $input) { bulkJob { id } } }"
TEMPLATE = "mutation ($input: CreateTemplateInput!) { createTemplate(input: $input) { template { id } } }"
RESULTS = (
    "query ($id: ID!) { bulkJob(id: $id) { succeeded failed "
    "results { nodes { link { hasPassword } userErrors { code field } } } } }"
)


async def test_a_row_of_a_template_with_a_password_makes_no_open_link(api: Api) -> None:
    """BK-01: the row fails, the others are made, and nothing keeps what it said."""
    made = await api(TEMPLATE, input={"name": "Welcome", "destination": "https://example.com/{{ step }}"})
    rows = [
        {"step": "1", "password": SECRET},
        {"step": "2", "Password": SECRET},
        {"step": "3", "password": ""},
    ]
    asked = {"templateId": made["createTemplate"]["template"]["id"], "rows": rows}
    started = (await api(BULK_ROWS, input=asked))["bulkCreateLinks"]["bulkJob"]
    assert SECRET not in await kept(api)
    await work_off(api.services)
    job = (await api(RESULTS, id=started["id"]))["bulkJob"]
    assert (job["succeeded"], job["failed"]) == (1, 2)
    assert [each["userErrors"] for each in job["results"]["nodes"]] == [
        [{"code": "INVALID", "field": ["0", "password"]}],
        [{"code": "INVALID", "field": ["1", "Password"]}],
        [],
    ]


async def test_rows_of_a_job_wait_without_their_passwords(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """BK-01: what is kept for a job holds hashes; what cannot be hashed is its row's error alone."""
    monkeypatch.setattr(drafts, "MAX_PASSWORDS", 1)
    given = (SECRET, SECRET, None, "another one", "kurz\u202e")
    rows = [{"destination": "https://example.com/", "password": each} for each in given]
    started = (await api(BULK, links=rows))["bulkCreateLinks"]
    assert (started["bulkJob"]["total"], started["userErrors"]) == (5, [])
    text = await kept(api)
    assert [secret in text for secret in (SECRET, "another one", "kurz")] == [False, False, False]
    assert text.count("$argon2id$") == 2
    await work_off(api.services)
    job = (await api(RESULTS, id=started["bulkJob"]["id"]))["bulkJob"]
    assert (job["succeeded"], job["failed"]) == (3, 2)
    results = job["results"]["nodes"]
    assert [(each["link"] or {}).get("hasPassword") for each in results] == [True, True, False, None, None]
    assert [error for each in results for error in each["userErrors"]] == [
        {"code": "LIMIT_EXCEEDED", "field": ["3", "password"]},
        {"code": "INVALID", "field": ["4", "password"]},
    ]
