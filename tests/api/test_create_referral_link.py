"""createReferralLink, referral, participant: one call signs a person up, and the next one gives the same."""

import asyncio
from collections import Counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from domain import codes, referral_links
from tests.api.conftest import Api
from tests.api.promotions import CONSENT, REFERRAL, asked, promoted, referred, refused

READ = (
    "query ($uid: String!, $email: String!) { referral(promotionUid: $uid, email: $email) { ...referral }"
    " participant(email: $email) { id email referrals { nodes { id } totalCount { value } } } }" + REFERRAL
)
MAIL = {"texts": {"en": {"subject": "Hi", "text": "{{ link }}"}}}
COLLECTIONS = ("participants", "referrals", "links", "mails")


async def kept(api: Api) -> dict[str, int]:
    """How many documents of each kind the workspace has."""
    wanted = {"workspace_id": api.context.viewer.workspace_id}
    return {name: await api.services.database[name].count_documents(wanted) for name in COLLECTIONS}


async def test_one_call_signs_up_and_gives_the_link(api: Api) -> None:
    """P1, P4, P8: participant, link, code, ways of sharing, and a mail that is due."""
    await promoted(api, mail=MAIL)
    made = await referred(api, "Ana@Example.com", productId="sku-1", onBehalfOf="agent-7", locale="de")
    assert made["participant"]["email"] == "Ana@example.com"
    assert made["participant"]["consents"] == [CONSENT]
    assert codes.meant(made["code"].lower()) == made["code"]
    assert [made[name] for name in ("productId", "onBehalfOf", "rewardReceiver")] == [
        "sku-1",
        "agent-7",
        "REFERRER",
    ]
    link = made["link"]
    assert (link["destination"], link["aidParameter"], link["status"]) == (
        "https://shop.example/",
        "aid",
        "ACTIVE",
    )
    shares = {share["channel"]: share for share in made["shareLinks"]}
    assert list(shares) == ["email", "whatsapp", "facebook", "x", "linkedin", "sms", "copy"]
    assert shares["copy"]["url"] == shares["copy"]["link"] == f"{link['shortUrl']}?via=copy"
    text = parse_qs(urlsplit(shares["whatsapp"]["url"]).query)["text"][0]
    assert f"{link['shortUrl']}?via=whatsapp" in text
    assert "Spring" in text
    assert await kept(api) == {"participants": 1, "referrals": 1, "links": 1, "mails": 1}
    read = await api(READ, uid="spring", email=" ANA@example.com ")
    assert read["referral"] == made
    assert read["participant"]["referrals"] == {"nodes": [{"id": made["id"]}], "totalCount": {"value": 1}}


async def test_the_same_wish_gives_the_same_referral(api: Api) -> None:
    """RF-05: also in another case; another target or product is another one of the same person."""
    await promoted(api, mail=MAIL, allowedHosts=["app.shop.example"])
    first = await referred(api)
    assert await referred(api, "ANA@EXAMPLE.COM") == first
    other = await referred(api, targetUrl="https://app.shop.example/x")
    product = await referred(api, productId="sku-1")
    assert len({first["id"], other["id"], product["id"]}) == 3
    assert len({first["code"], other["code"], product["code"]}) == 3
    assert first["participant"] == other["participant"]
    assert await kept(api) == {"participants": 1, "referrals": 3, "links": 3, "mails": 3}


async def test_fifty_calls_at_once_make_one(api: Api) -> None:
    """RF-05: same link, one user, one mail."""
    await promoted(api, mail=MAIL)
    made = await asyncio.gather(*(referred(api) for _ in range(50)))
    assert len({each["id"] for each in made}) == 1
    assert await kept(api) == {"participants": 1, "referrals": 1, "links": 1, "mails": 1}


async def test_a_link_that_was_deleted_is_made_again(api: Api) -> None:
    """The next call gives the same referral with a link that is there; until then it has none."""
    await promoted(api, mail=MAIL)
    first = await referred(api, "ana@example.com")
    await api("mutation ($id: ID!) { deleteLink(id: $id) { userErrors { code } } }", id=first["link"]["id"])
    without = (await api(READ, uid="spring", email="ana@example.com"))["referral"]
    assert (without["id"], without["link"], without["shareLinks"]) == (first["id"], None, [])
    again = await referred(api, "ana@example.com")
    assert (again["id"], again["code"]) == (first["id"], first["code"])
    assert again["link"]["id"] != first["link"]["id"]
    assert (await api(READ, uid="spring", email="ana@example.com"))["referral"] == again
    assert await referred(api, "ana@example.com") == again


async def test_different_wishes_of_one_person_at_once(api: Api) -> None:
    """They change the same participant and all come through."""
    await promoted(api)
    made = await asyncio.gather(*(referred(api, productId=f"sku-{number}") for number in range(12)))
    assert len({each["id"] for each in made}) == 12
    assert await kept(api) == {"participants": 1, "referrals": 12, "links": 12, "mails": 0}


async def test_the_links_of_one_person_end(api: Api) -> None:
    """The last one of referral_links.MOST is made, and what was made is given after that, too."""
    await promoted(api)
    await referred(api)
    people = api.services.database.participants
    await people.update_one(
        {"workspace_id": api.context.viewer.workspace_id}, {"$set": {"referrals": referral_links.MOST - 1}}
    )
    last = await referred(api, productId="last")
    assert refused(await asked(api, productId="one too many")) == [("LIMIT_EXCEEDED", ["email"])]
    assert await referred(api, productId="last") == last
    assert (await kept(api))["referrals"] == 2


NO_CONSENT = [
    None,
    {**CONSENT, "granted": False},
    {**CONSENT, "textVersion": " "},
    {**CONSENT, "source": "a\nb"},
]


@pytest.mark.parametrize("consent", NO_CONSENT)
async def test_without_consent_nothing_is_kept(api: Api, consent: dict[str, Any] | None) -> None:
    """RF-06, P13."""
    await promoted(api, mail=MAIL)
    payload = await asked(api, consent=consent)
    expected = "INVALID" if consent and consent["granted"] else "CONSENT_REQUIRED"
    assert payload["referral"] is None
    assert [code for code, _ in refused(payload)] == [expected]
    assert set((await kept(api)).values()) == {0}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"promotionUid": "none"}, ("NOT_FOUND", ["promotionUid"])),
        ({"promotionUid": "over"}, ("NOT_ALLOWED", ["promotionUid"])),
        ({"promotionUid": "draft"}, ("NOT_ALLOWED", ["promotionUid"])),
        ({"email": "no address"}, ("INVALID", ["email"])),
        ({"targetUrl": "https://evil.example/"}, ("NOT_ALLOWED", ["targetUrl"])),
        ({"targetUrl": "https://shop.example@evil.example/"}, ("UNSAFE_URL", ["targetUrl"])),
        ({"targetUrl": "https://shop.example.evil.example/"}, ("NOT_ALLOWED", ["targetUrl"])),
        ({"targetUrl": "https://shop.example\\@evil.example/"}, ("UNSAFE_URL", ["targetUrl"])),
        ({"targetUrl": "https://shop.example/?e=zoe%40example.com"}, ("NOT_ALLOWED", ["targetUrl"])),
        ({"productId": "zoe@example.com"}, ("NOT_ALLOWED", ["productId"])),
        ({"onBehalfOf": "agent@shop.example"}, ("INVALID", ["onBehalfOf"])),
        ({"rewardReceiver": "REFEREE"}, ("NOT_ALLOWED", ["rewardReceiver"])),
        ({"locale": "no locale"}, ("INVALID", ["locale"])),
    ],
)
async def test_what_does_not_fit_is_refused_and_keeps_nothing(
    api: Api, fields: dict[str, Any], expected: tuple[str, list[str]]
) -> None:
    """P7; no message repeats the address."""
    await promoted(api)
    await promoted(api, "over", endsAt="2026-01-01T00:00:00Z")
    await promoted(api, "draft", status="DRAFT")
    payload = await asked(api, **{"email": "zoe@example.com", **fields})
    assert refused(payload) == [expected]
    assert "zoe@" not in str(payload["userErrors"])
    assert set((await kept(api)).values()) == {0}


async def test_receivers_within_both(api: Api) -> None:
    """P6: a call may narrow what the rule gives, and change its mind."""
    both = {
        "receiver": "BOTH",
        "referrer": {"amount": "5", "currency": "EUR"},
        "referee": {"amount": "5", "currency": "EUR"},
    }
    await promoted(api, reward=both)
    made = [await referred(api, rewardReceiver=each) for each in (None, "REFEREE", None, "BOTH")]
    assert [each["rewardReceiver"] for each in made] == ["BOTH", "REFEREE", "REFEREE", "BOTH"]
    assert len({each["id"] for each in made}) == 1


async def test_other_workspaces_see_nothing(api: Api, other: Api) -> None:
    """RF-03: promotions, people and referrals end at the workspace."""
    await promoted(api)
    made = await referred(api)
    read = await other(READ, uid="spring", email="ana@example.com")
    assert read == {"referral": None, "participant": None}
    nodes = await other(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }",
        ids=[made["id"], made["participant"]["id"], made["link"]["id"]],
    )
    assert nodes["nodes"] == [None, None, None]
    assert refused(await asked(other)) == [("NOT_FOUND", ["promotionUid"])]


async def test_addresses_stand_in_one_place(api: Api) -> None:
    """No other collection holds one, nor does any link."""
    await promoted(api, mail=MAIL)
    await referred(api, "somebody.else@example.com")
    database, holders = api.services.database, Counter[str]()
    for name in await database.list_collection_names():
        async for document in database.get_collection(name).find(
            {"workspace_id": api.context.viewer.workspace_id}
        ):
            holders[name] += "somebody.else" in str(document)
    assert {name for name, count in holders.items() if count} == {"participants"}


async def test_calls_at_the_same_time_are_made_together_and_each_for_itself(api: Api) -> None:
    """Whoever is refused, comes twice or gives up harms nobody else; far fewer commits than calls."""
    await promoted(api)
    people = [f"person-{number % 40}@example.com" for number in range(60)]
    refusals = [asked(api, email, consent=None) for email in people[:10]]
    leaving = asyncio.create_task(asked(api, "gone@example.com"))
    calls = [referred(api, email) for email in people]
    gathered = asyncio.gather(*calls, *refusals)
    await asyncio.sleep(0)
    leaving.cancel()
    answers = await gathered
    assert [each["participant"]["email"] for each in answers[:60]] == people
    assert [refused(each) for each in answers[60:]] == [[("CONSENT_REQUIRED", ["consent"])]] * 10
    mine = {"workspace_id": api.context.viewer.workspace_id}
    for name in ("participants", "referrals", "links"):
        made = await api.services.database[name].count_documents(mine)
        assert made in (40, 41), name
    commits = {"workspace_id": mine["workspace_id"], "count": {"$gt": 3}}
    assert await api.services.database["outbox"].count_documents(commits) > 0
