"""exportSubject and eraseSubject: everything of one person and nothing of others, given out and gone."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from bson.raw_bson import RawBSONDocument

from app import api as apis
from app import services
from app.mailing import Writing
from app.settings import Settings
from delivery import mails
from delivery.mails import Sender
from domain.access import Scope
from storage.mails import MongoMails
from tests.api.conftest import Api, workspace
from tests.api.conversions import clicked, converted, euros
from tests.api.promotions import CONSENT, asked, promoted, referred, refused
from tests.api.test_results_url import Site
from tests.bulk import work_off
from tests.files import uploaded
from tests.protocols.conftest import listening_on

MAIL = {"texts": {"en": {"subject": "Your link", "text": "Hello {{ link }}"}}}
EXPORT = """mutation ($email: String!) { exportSubject(email: $email) {
  bulkJob { id kind resultsUrl } userErrors { code field } } }"""
ERASE = "mutation ($email: String!) { eraseSubject(email: $email) { deletedId userErrors { code field } } }"
BULK = """mutation ($rows: [CreateReferralLinkInput!], $file: ID) {
  bulkCreateReferralLinks(promotionUid: "spring", rows: $rows, file: $file) {
    bulkJob { id } userErrors { code } } }"""
TOTALS = """{ analytics(range: { last: "P30D" }) { totals { clicks conversions revenue { amount } } }
  promotion(uid: "spring") { stats { participants links conversions rewardsPending { amount } } } }"""


@pytest.fixture
def ana() -> str:
    """An address that no other test has: stores are searched for its bytes."""
    return f"ana.{secrets.token_hex(4)}@example.com"


@pytest.fixture
async def people(empty: Settings) -> AsyncIterator[Api]:
    """A workspace in a database and a folder of its own: all of it is searched."""
    async with services.open(empty, "api") as opened:
        yield await workspace(opened)


@pytest.fixture
async def site(people: Api) -> AsyncIterator[Site]:
    """The API's own application over the same engines."""
    async with listening_on(apis.over(people.services).application) as (port, _):
        yield Site(f"http://127.0.0.1:{port}", people.services)


async def lived(api: Api, email: str) -> Mapping[str, Any]:
    """A person who joined, was written to, brought somebody, and bought something; the referral."""
    referral = await referred(api, email, onBehalfOf="Call centre")
    assert api.services.letters is not None
    sender = Sender(
        MongoMails(api.services.database),
        Writing(api.services),
        api.services.letters,
        api.services.clock,
        mails.Counts(),
    )
    while await sender.once():
        pass
    now = api.context.clock()
    click = await clicked(api, referral["link"]["id"], now - timedelta(hours=1), country="NL")
    await converted(
        api,
        clickId=click.id,
        email=email.upper(),
        externalCustomerId=f"customer of {email}",
        orderId=f"order of {email}",
        amount=euros("12.50"),
        properties={"contact": email},
    )
    return referral


async def stores(api: Api) -> bytes:
    """Every byte of MongoDB's collections, of Redis, and of the folder with journals and letters."""
    database, found = api.services.database, bytearray()
    raw = database.with_options(
        codec_options=database.codec_options.with_options(document_class=RawBSONDocument)
    )
    for name in await database.list_collection_names():
        async for document in raw[name].find():
            found += document.raw
    async for key in api.services.redis.scan_iter():
        found += key + (await api.services.redis.dump(key) or b"")
    folder = api.services.settings.data_dir
    for path in folder.rglob("*"):
        found += path.read_bytes() if path.is_file() else b""
    return bytes(found)


async def exported(api: Api, site: Site, email: str, *scopes: Scope) -> tuple[int, list[Mapping[str, Any]]]:
    """Status of the file of a person, and its rows."""
    payload = (await api(EXPORT, email=email))["exportSubject"]
    assert (payload["userErrors"], payload["bulkJob"]["kind"]) == ([], "EXPORT")
    await work_off(api.services)
    async with await site.client(api, *scopes) as client:
        answer = await client.get(f"/exports/{payload['bulkJob']['id']}")
    rows = answer.text.splitlines() if answer.status_code == 200 else []
    return answer.status_code, [msgspec.json.decode(row) for row in rows]


async def test_a_person_gets_everything_and_nothing_of_others(people: Api, site: Site, ana: str) -> None:
    """PR-02: machine-readable, complete, only that subject."""
    await promoted(people, mail=MAIL)
    referral = await lived(people, ana)
    await lived(people, "ben@example.com")
    status, rows = await exported(people, site, ana.title(), Scope.ANALYTICS_READ, Scope.REFERRALS_READ)
    assert status == 200
    kinds = [row["type"] for row in rows]
    assert sorted(set(kinds)) == ["clicks", "conversions", "participants", "referrals", "rewards"]
    by_kind = {row["type"]: row for row in rows}
    assert by_kind["participants"]["email"] == ana
    assert by_kind["participants"]["consents"][0]["text_version"] == CONSENT["textVersion"]
    assert by_kind["referrals"]["code"] == referral["code"]
    assert by_kind["conversions"]["properties"] == {"contact": ana}
    assert by_kind["clicks"]["country"] == "NL"
    assert kinds.count("participants") == 1
    assert "ben" not in str(rows)


async def test_a_file_of_a_person_needs_the_right_to_read_people(people: Api, site: Site, ana: str) -> None:
    await promoted(people, mail=MAIL)
    await lived(people, ana)
    assert await exported(people, site, ana, Scope.ANALYTICS_READ) == (404, [])


async def test_nobody_is_exported_as_an_empty_file(people: Api, site: Site, ana: str) -> None:
    other = await workspace(people.services)
    await promoted(other)
    await referred(other, ana)
    assert await exported(people, site, ana, Scope.ADMIN) == (200, [])
    payload = (await people(EXPORT, email="nobody"))["exportSubject"]
    assert refused(payload) == [("INVALID", ["email"])]


async def test_an_erased_person_is_nowhere_and_figures_stay(
    people: Api, site: Site, ana: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Bytes of the address are in no store: not in uploads that wait, in files that were made, or logs."""
    caplog.set_level(logging.INFO)
    await promoted(people, mail=MAIL)
    referral = await lived(people, ana)
    await lived(people, "ben@example.com")
    await exported(people, site, ana, Scope.ADMIN)
    waiting = [
        {"promotionUid": "spring", "email": each, "consent": CONSENT}
        for each in (ana.upper(), "cleo@example.com")
    ]
    assert (await people(BULK, rows=waiting))["bulkCreateReferralLinks"]["userErrors"] == []
    before = await people(TOTALS)
    bytes_before = (await stores(people)).lower()
    assert bytes_before.count(ana.encode()) >= 5

    payload = (await people(ERASE, email=ana.title()))["eraseSubject"]
    assert payload == {"deletedId": referral["participant"]["id"], "userErrors": []}
    bytes_after = (await stores(people)).lower()
    assert ana.encode() not in bytes_after
    assert b"ben@example.com" in bytes_after
    assert await people(TOTALS) == before
    assert (await people(f'{{ participant(email: "{ana}") {{ id }} }}'))["participant"] is None
    node = await people(
        f'{{ node(id: "{referral["id"]}") {{ ... on Referral {{ participant {{ id }} }} }} }}'
    )
    assert node["node"]["participant"] is None
    rewards = await people("{ rewards { edges { node { participant { email } } } } }")
    assert {each["node"]["participant"]["email"] for each in rewards["rewards"]["edges"]} == {
        "",
        "ben@example.com",
    }
    assert refused((await people(ERASE, email=ana))["eraseSubject"]) == [("NOT_FOUND", ["email"])]

    await work_off(people.services)
    assert (await people('{ participant(email: "cleo@example.com") { email } }'))["participant"] is not None
    assert ana.encode() not in (await stores(people)).lower()
    assert ana not in caplog.text.lower()
    again = await referred(people, ana)
    assert again["participant"]["id"] != referral["participant"]["id"]


async def test_who_only_bought_is_erased_too(people: Api, ana: str) -> None:
    made = await converted(people, email=ana, orderId="o1", amount=euros("5"), properties={"note": ana})
    assert (await people(ERASE, email=ana))["eraseSubject"] == {"deletedId": None, "userErrors": []}
    (kept,) = await people.services.database["conversions"].find({"_id": made["id"]}).to_list()
    assert (kept["customer_keys"], kept["properties"], kept["amount"]["minor_units"]) == ([], {}, 500)
    assert ana.encode() not in await stores(people)


async def test_an_order_named_by_an_address_keeps_no_name(people: Api, ana: str) -> None:
    """However its at sign is written, and in events as well."""
    name = ana.partition("@")[0]
    orders = [ana, ana.replace("@", "%40"), ana.replace("@", "%2540"), "1"]
    made = [(await converted(people, email=ana, orderId=order))["id"] for order in orders]
    assert name.encode() in await stores(people)
    assert (await people(ERASE, email=ana))["eraseSubject"]["userErrors"] == []
    documents = await people.services.database["conversions"].find().sort("_id", 1).to_list()
    assert {each["_id"]: each["order_id"] for each in documents} == dict(
        zip(made, [None, None, None, "1"], strict=True)
    )
    assert name.encode() not in await stores(people)


WAITING = [
    "{ana},yes,2026-01,crm\ncleo@example.com,yes,2026-01,crm\n",
    '{{"email":"cleo@example.com","consent":{{"granted":true,"textVersion":"1","source":"by {ana}"}}}}\n',
    '{{"email":"cleo@example.com","targetUrl":"https://shop.example/?of={encoded}"}}\n',
]


@pytest.mark.parametrize("content", WAITING)
async def test_an_upload_that_waits_names_no_erased_person(people: Api, ana: str, content: str) -> None:
    """Not as a column, where the file has no header, nor deep in a row."""
    await promoted(people)
    workspace_id, encoded = people.context.viewer.workspace_id, ana.replace("@", "%40")
    file = await uploaded(people.services, workspace_id, content.format(ana=ana, encoded=encoded))
    assert (await people(BULK, file=file))["bulkCreateReferralLinks"]["userErrors"] == []
    name = ana.partition("@")[0].encode()
    assert name in await stores(people)
    assert (await people(ERASE, email=ana))["eraseSubject"] == {"deletedId": None, "userErrors": []}
    assert name not in await stores(people)
    await work_off(people.services)
    assert name not in await stores(people)


async def test_erasing_and_joining_at_once_leave_one_of_both(people: Api, ana: str) -> None:
    """Two at once: whoever joins after the erasure is a new participant, and none is half erased."""
    await promoted(people)
    await referred(people, ana)
    calls = [people(ERASE, email=ana) for _ in range(5)] + [asked(people, ana) for _ in range(5)]
    await asyncio.gather(*calls)
    mine = {"workspace_id": people.context.viewer.workspace_id}
    documents = await people.services.database["participants"].find(mine).to_list()
    assert all((each["email"] is None) == (each["erased_at"] is not None) for each in documents)
    assert len([each for each in documents if each["email"] == ana]) <= 1


async def test_another_workspace_keeps_its_own_participant(people: Api, ana: str) -> None:
    other = await workspace(people.services)
    for api in (people, other):
        await promoted(api)
        await referred(api, ana)
    assert (await people(ERASE, email=ana))["eraseSubject"]["userErrors"] == []
    assert (await other(f'{{ participant(email: "{ana}") {{ email }} }}'))["participant"] == {"email": ana}
