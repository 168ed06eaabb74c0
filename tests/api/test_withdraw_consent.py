"""withdrawConsent: mails and sharing stop, links lead on without telling whose they are."""

from tests.api.conftest import Api
from tests.api.promotions import CONSENT, asked, promoted, referred, refused

WITHDRAW = """mutation ($email: String!) { withdrawConsent(email: $email) {
  participant { email consents { granted source } } userErrors { code field } } }"""
LINK = "query ($id: ID!) { node(id: $id) { ... on Link { status fallback } } }"
SHARES = "query ($id: ID!) { node(id: $id) { ... on Referral { shareLinks { channel } link { status } } } }"


async def test_consent_is_taken_back_and_given_again(api: Api) -> None:
    """P13: withdrawn, the link is paused and leads to its target; consented anew, it is as before."""
    await promoted(api)
    made = await referred(api)
    for _ in range(2):
        payload = (await api(WITHDRAW, email="ANA@example.com"))["withdrawConsent"]
        assert [each["granted"] for each in payload["participant"]["consents"]] == [True, False]
        assert payload["participant"]["consents"][1]["source"] == "withdrawConsent"
    link = (await api(LINK, id=made["link"]["id"]))["node"]
    assert link == {"status": "PAUSED", "fallback": "https://shop.example/"}
    assert (await api(SHARES, id=made["id"]))["node"]["shareLinks"] == []
    assert refused(await asked(api, consent=None)) == [("CONSENT_REQUIRED", ["consent"])]
    again = await referred(api)
    assert again["id"] == made["id"]
    assert again["link"]["status"] == "ACTIVE"
    assert [each["granted"] for each in again["participant"]["consents"]] == [True, False, True]
    assert len(again["shareLinks"]) == 7


async def test_a_link_that_was_paused_by_hand_stays_so(api: Api) -> None:
    await promoted(api)
    made = await referred(api)
    await api(
        "mutation ($input: UpdateLinkInput!) { updateLink(input: $input) { userErrors { code } } }",
        input={"id": made["link"]["id"], "paused": True},
    )
    await api(WITHDRAW, email="ana@example.com")
    assert (await referred(api, consent={**CONSENT, "source": "app"}))["link"]["status"] == "PAUSED"


async def test_nobody_and_others_people_are_not_found(api: Api, other: Api) -> None:
    await promoted(api)
    await referred(api)
    payload = (await other(WITHDRAW, email="ana@example.com"))["withdrawConsent"]
    assert payload == {"participant": None, "userErrors": [{"code": "NOT_FOUND", "field": ["email"]}]}
    broken = (await api(WITHDRAW, email="ana"))["withdrawConsent"]
    assert broken["userErrors"] == [{"code": "INVALID", "field": ["email"]}]
