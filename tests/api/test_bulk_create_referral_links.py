"""bulkCreateReferralLinks: a CRM's list of people in one call, each row as createReferralLink does it."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from app.works import works
from domain import uploads
from domain.uploads import Packing, Upload, UploadFormat
from tests.api.conftest import Api
from tests.api.promotions import CONSENT, promoted, referred, refused
from tests.api.test_create_referral_link import MAIL, kept
from tests.bulk import work_off
from tests.files import uploaded as uploaded_file

BULK = """mutation ($uid: String!, $rows: [CreateReferralLinkInput!], $file: ID) {
  bulkCreateReferralLinks(promotionUid: $uid, rows: $rows, file: $file) {
    bulkJob { id kind state total } userErrors { code message field } } }"""
JOB = """query ($id: ID!) { bulkJob(id: $id) { state succeeded failed userErrors { code }
  results { nodes { row link { id destination } userErrors { code message field } } } } }"""


def row(email: str, **more: Any) -> dict[str, Any]:
    """What a call asks for."""
    return {"promotionUid": "spring", "email": email, "consent": CONSENT, **more}


async def started(api: Api, **given: Any) -> str:
    """The id of a job that a call starts."""
    payload = (await api(BULK, **{"uid": "spring", **given}))["bulkCreateReferralLinks"]
    assert payload["userErrors"] == []
    job: str = payload["bulkJob"]["id"]
    return job


async def done(api: Api, **given: Any) -> Mapping[str, Any]:
    """What a call's job has done."""
    job = await started(api, **given)
    await work_off(api.services)
    found: Mapping[str, Any] = (await api(JOB, id=job))["bulkJob"]
    return found


async def uploaded(api: Api, rows: list[dict[str, Any]], kind: UploadFormat) -> str:
    """The id of an upload, as POST /uploads keeps it."""
    context, store = api.context, api.services.uploads
    workspace_id, upload_id, packing = context.viewer.workspace_id, context.ids.new("upl"), Packing()
    expires_at = context.clock() + uploads.UNUSED
    for each in rows:
        assert packing.add(msgspec.json.encode(each)) is None
    rest = packing.rest()
    assert rest is not None
    await store.add_chunk(workspace_id, upload_id, rest, expires_at)
    upload = Upload(
        id=upload_id,
        workspace_id=workspace_id,
        format=kind,
        rows=packing.rows,
        chunks=packing.chunks,
        created_at=context.clock(),
        expires_at=expires_at,
    )
    await store.add(workspace_id, upload)
    return upload_id


async def rows_left(api: Api) -> int:
    """How many chunks of uploads the workspace still has."""
    mine = {"workspace_id": api.context.viewer.workspace_id}
    return await api.services.database["upload_chunks"].count_documents(mine)


async def test_each_row_is_a_sign_up_of_its_own(api: Api) -> None:
    """P1, RF-05, RF-06: who is there stays, who comes twice is one, who did not consent is not kept."""
    await promoted(api, mail=MAIL)
    there = await referred(api, "there@example.com")
    people = [row(f"p{number}@example.com") for number in range(600)]  # more than a chunk
    odd = [
        row("there@example.com"),
        row("P7@EXAMPLE.COM"),
        row("p8@example.com", productId="sku-1"),
        row("nobody", locale="de"),
        row("zoe@example.com", consent=None),
        row("zoe@example.com", promotionUid="other"),
    ]
    job = await done(api, rows=[*odd, *people])
    assert (job["state"], job["succeeded"], job["failed"]) == ("SUCCEEDED", 603, 3)
    results = {each["row"]: each for each in job["results"]["nodes"]}
    assert results[0]["link"]["id"] == there["link"]["id"]
    assert [refused(results[number]) for number in (3, 4, 5)] == [
        [("INVALID", ["3", "email"])],
        [("CONSENT_REQUIRED", ["4", "consent"])],
        [("INVALID", ["5", "promotionUid"])],
    ]
    assert await kept(api) == {"participants": 601, "referrals": 602, "links": 602, "mails": 602}
    assert await rows_left(api) == 0


FILES = [
    (
        UploadFormat.JSON_LINES,
        [
            {"email": "ana@example.com", "consent": CONSENT, "productId": "sku-1"},
            {"email": "ana@example.com", "consent": {**CONSENT, "granted": False}},
            {"email": 7, "consent": CONSENT},
            {"email": "zoe@example.com", "consent": CONSENT, "surname": "Z"},
        ],
    ),
    (
        UploadFormat.CSV,
        [
            {
                "email": "ana@example.com",
                "consentGranted": "yes",
                "consentTextVersion": "2026-01",
                "consentSource": "crm",
                "productId": "sku-1",
            },
            {
                "email": "ana@example.com",
                "consentGranted": "no",
                "consentTextVersion": "2026-01",
                "consentSource": "crm",
            },
            {
                "email": "ana@example.com",
                "consentGranted": "maybe",
                "consentTextVersion": "1",
                "consentSource": "a",
            },
            {"email": "zoe@example.com", "consentGranted": "yes"},
        ],
    ),
]


@pytest.mark.parametrize(("kind", "rows"), FILES)
async def test_files_are_read(api: Api, kind: UploadFormat, rows: list[dict[str, Any]]) -> None:
    """Rows of files have the names of the API; no message repeats an address; the file goes with the job."""
    await promoted(api)
    job = await done(api, file=await uploaded(api, rows, kind))
    assert (job["state"], job["succeeded"], job["failed"]) == ("SUCCEEDED", 1, 3)
    codes = [[code for code, _ in refused(each)] for each in job["results"]["nodes"]]
    assert codes == [[], ["CONSENT_REQUIRED"], ["INVALID"], ["INVALID"]]
    assert "@" not in str(job)
    assert await kept(api) == {"participants": 1, "referrals": 1, "links": 1, "mails": 0}
    assert await rows_left(api) == 0


async def test_a_chunk_that_is_done_again_gives_the_same(api: Api) -> None:
    """RF-05: a worker that dies behind the sign-ups and before its commit does no harm."""
    await promoted(api, mail=MAIL)
    job_id = await started(api, rows=[row(f"p{number}@example.com") for number in range(3)])
    job = (await api.services.jobs.by_ids(api.context.viewer.workspace_id, [job_id]))[job_id]
    (work,) = [each for each in works(api.services) if each.name == job.work]
    first, again = await work.chunk(job, None), await work.chunk(job, None)
    assert again == first
    assert await kept(api) == {"participants": 3, "referrals": 3, "links": 3, "mails": 3}
    await work_off(api.services)
    assert (await api(JOB, id=job_id))["bulkJob"]["succeeded"] == 3


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("REQUIRED", ["rows"])),
        ({"rows": []}, ("REQUIRED", ["rows"])),
        ({"rows": [row("ana@example.com")], "file": "upl_1"}, ("INVALID", ["file"])),
        ({"file": "upl_1"}, ("NOT_FOUND", ["file"])),
        ({"uid": "none", "rows": [row("ana@example.com")]}, ("NOT_FOUND", ["promotionUid"])),
    ],
)
async def test_what_is_no_list_starts_no_job(
    api: Api, given: dict[str, Any], expected: tuple[str, list[str]]
) -> None:
    await promoted(api)
    payload = (await api(BULK, **{"uid": "spring", **given}))["bulkCreateReferralLinks"]
    assert (payload["bulkJob"], refused(payload)) == (None, [expected])
    assert await rows_left(api) == 0


HEADLESS = "somebody.else@example.com,yes,2026-01,crm\nanother@example.com,yes,2026-01,crm\n"
SHIFTED = (
    "email,rewardReceiver,locale,targetUrl,productId,consentGranted,consentTextVersion,consentSource\n"
    "x@example.com,somebody.else@example.com,de,,,yes,2026-01,crm\n"
    "x@example.com,,somebody.else@example.com,,,yes,2026-01,crm\n"
    "x@example.com,,de,somebody.else@example.com,,yes,2026-01,crm\n"
    "x@example.com,,de,,,somebody.else@example.com,2026-01,crm\n"
    "somebody.else@,,de,,,yes,2026-01,crm\n"
)
ODD = (
    '{"email":"x@example.com","consent":{"somebody.else@example.com":true}}\n'
    '{"email":{"somebody.else@example.com":1}}\n'
    '{"email":"x@example.com","promotionUid":"somebody.else@example.com"}\n'
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (HEADLESS, ["row"]),
        (SHIFTED, ["rewardReceiver", "locale", "targetUrl", "row", "email"]),
        (ODD, ["row", "row", "promotionUid"]),
    ],
)
async def test_what_is_wrong_is_said_without_the_addresses(
    api: Api, content: str, expected: list[str]
) -> None:
    """Results are kept for weeks: no collection has an address that stood in the wrong place of a file."""
    await promoted(api)
    file = await uploaded_file(api.services, api.context.viewer.workspace_id, content)
    job = await done(api, file=file)
    assert (job["state"], job["failed"]) == ("SUCCEEDED", len(expected))
    assert [each["userErrors"][0]["field"][1] for each in job["results"]["nodes"]] == expected
    assert await holders(api, "somebody.else") == []


async def test_addresses_do_not_stay_with_the_job(api: Api) -> None:
    """No collection but the participants' holds one when the job is done."""
    await promoted(api, mail=MAIL)
    job = await done(api, rows=[row("somebody.else@example.com"), row("somebody.else@")])
    assert job["failed"] == 1
    assert await holders(api, "somebody.else") == ["participants"]


async def holders(api: Api, text: str) -> list[str]:
    """The collections with documents of the workspace that a text stands in."""
    database, mine = api.services.database, {"workspace_id": api.context.viewer.workspace_id}
    return [
        name
        for name in await database.list_collection_names()
        for document in await database.get_collection(name).find(mine).to_list()
        if text in str(document)
    ]
