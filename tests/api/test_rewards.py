"""Rewards: who earns what, what is held and why, limits, decisions and payments."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.conversions import REWARD, aid_of, clicked, converted, euros, refund, rewards_of, settled, told
from tests.api.promotions import promoted, referred, refused

HOUR = timedelta(hours=1)
BOTH = {"receiver": "BOTH", "referrer": euros("5"), "referee": euros("3")}
REVIEW = (
    "mutation ($id: ID!, $approve: Boolean!, $reason: String) {"
    " reviewReward(id: $id, approve: $approve, reason: $reason) {"
    " reward { id state reason } userErrors { code field } } }"
)
PAY = (
    "mutation ($ids: [ID!]!, $reference: String!) { markRewardsPaid(ids: $ids, reference: $reference) {"
    " rewards { id state paymentReference } userErrors { code field } } }"
)
LIST = (
    "query ($first: Int, $after: String, $state: RewardState) {"
    " rewards(first: $first, after: $after, state: $state) { totalCount { value }"
    " pageInfo { hasNextPage endCursor } edges { node { ...reward } } } }" + REWARD
)


async def order(api: Api, referral: Any, number: int = 1, **fields: Any) -> Any:
    """A purchase of 100 EUR by a click of somebody on a referral's link an hour ago."""
    click = await clicked(api, referral["link"]["id"], api.context.clock() - HOUR)
    given = {"orderId": f"o{number}", "amount": euros("100"), "aid": await aid_of(api, click), **fields}
    return await converted(api, **given)


async def test_each_receiver_earns_what_the_rule_gives(api: Api) -> None:
    """P6: referrer, referee or both; the referral may ask for less than the promotion gives."""
    await promoted(api, reward=BOTH)
    both = await referred(api, "ana@example.com")
    one = await referred(api, "ben@example.com", rewardReceiver="REFEREE")
    made = await order(api, both, email="cleo@example.com")
    earned = [(each["role"], each["participant"]["email"], each["amount"]) for each in made["rewards"]]
    assert earned == [
        ("REFERRER", "ana@example.com", euros("5.00")),
        ("REFEREE", "cleo@example.com", euros("3.00")),
    ]
    made = await order(api, one, 2, email="dora@example.com")
    assert [(each["role"], each["participant"]["email"]) for each in made["rewards"]] == [
        ("REFEREE", "dora@example.com")
    ]


async def test_a_referee_without_an_address_is_told_and_nobody_is_made_up(api: Api) -> None:
    await promoted(api, reward=BOTH)
    referral = await referred(api)
    payload = await told(api, code=referral["code"], orderId="o1")
    assert [each["role"] for each in payload["conversion"]["rewards"]] == ["REFERRER"]
    assert payload["warnings"] == [{"code": "REQUIRED", "field": ["email"]}]


@pytest.mark.parametrize(
    ("event", "change"),
    [("signup", {}), ("purchase", {"status": "PAUSED"}), ("purchase", {"endsAt": "2020-01-01T00:00:00Z"})],
)
async def test_nothing_is_earned_by_other_events_or_outside_the_promotion(
    api: Api, event: str, change: dict[str, str]
) -> None:
    await promoted(api)
    referral = await referred(api)
    if change:
        changed = "mutation ($input: UpdatePromotionInput!) {"
        changed += " updatePromotion(input: $input) { userErrors { code } } }"
        assert (await api(changed, input={"uid": "spring", **change}))["updatePromotion"]["userErrors"] == []
    made = await converted(api, event, code=referral["code"], orderId="o1")
    assert (made["rewards"], made["referral"]) == ([], {"id": referral["id"]})


@pytest.mark.parametrize(
    "email", ["ANA@example.com", "ana+shop@example.com", "Ana+1@EXAMPLE.com", "ana@example.com"]
)
async def test_who_refers_himself_is_held(api: Api, email: str) -> None:
    """RF-01: flagged, and no reward unless somebody decides so."""
    await promoted(api)
    made = await order(api, await referred(api, "ana@example.com"), email=email)
    (reward,) = made["rewards"]
    assert (reward["state"], reward["reason"]) == (
        "HELD",
        "The customer is the referrer: it is the same person's address.",
    )
    await settled(api, api.context.clock() + timedelta(days=400))
    assert await rewards_of(api, made["id"]) == [("HELD", "5.00")]


@pytest.mark.parametrize(
    ("own", "given"),
    [("a.na@gmail.com", "an.a+x@googlemail.com"), ("ana@bücher.example", "ana@xn--bcher-kva.example")],
)
async def test_dots_and_idn_hide_nobody(api: Api, own: str, given: str) -> None:
    """RF-01."""
    await promoted(api)
    (reward,) = (await order(api, await referred(api, own), email=given))["rewards"]
    assert reward["state"] == "HELD"


async def test_one_visitor_with_two_orders_a_disposable_address_and_haste_are_held(api: Api) -> None:
    await promoted(api)
    referral = await referred(api)
    now = api.context.clock()
    for number, state in ((1, "PENDING"), (2, "HELD")):
        click = await clicked(api, referral["link"]["id"], now - HOUR, visitor=b"v" * 8)
        made = await converted(api, clickId=click.id, orderId=f"v{number}")
        assert made["rewards"][0]["state"] == state
    made = await order(api, referral, 3, email="x@mailinator.com")
    assert made["rewards"][0]["state"] == "HELD"
    for number, state in ((4, "PENDING"), (5, "HELD")):
        click = await clicked(api, referral["link"]["id"], now)
        made = await converted(api, clickId=click.id, orderId=f"o{number}", at=now.isoformat())
        assert made["rewards"][0]["state"] == state


async def test_a_limit_holds_under_fifty_orders_at_once(api: Api) -> None:
    """Caps: exactly as many as the promotion gives; a reversed one makes room again."""
    await promoted(api, maxRewardsPerReferrer=3)
    referral = await referred(api)
    made = await asyncio.gather(*(order(api, referral, number) for number in range(50)))
    rewards = [reward for each in made for reward in each["rewards"]]
    states = sorted(reward["state"] for reward in rewards)
    assert states == ["DECLINED"] * 47 + ["PENDING"] * 3
    (kept, *_) = [each for each in made if each["rewards"][0]["state"] == "PENDING"]
    await refund(api, conversionId=kept["id"])
    assert (await order(api, referral, 99))["rewards"][0]["state"] == "PENDING"
    assert (await order(api, referral, 100))["rewards"][0]["state"] == "DECLINED"


async def test_a_reward_waits_for_its_hold_and_is_paid_once(api: Api) -> None:
    await promoted(api, holdDays=14)
    made = await order(api, await referred(api))
    now, (reward,) = api.context.clock(), made["rewards"]
    await settled(api, now + timedelta(days=13))
    early = (await api(PAY, ids=[reward["id"]], reference="SEPA 1"))["markRewardsPaid"]
    assert (early["rewards"], refused(early)) == ([], [("NOT_ALLOWED", ["ids", "0"])])
    await settled(api, now + timedelta(days=14))
    for _ in range(2):
        paid = (await api(PAY, ids=[reward["id"]], reference="SEPA 1"))["markRewardsPaid"]
        assert paid["rewards"] == [{"id": reward["id"], "state": "PAID", "paymentReference": "SEPA 1"}]
    twice = (await api(PAY, ids=[reward["id"]], reference="SEPA 2"))["markRewardsPaid"]
    assert refused(twice) == [("NOT_ALLOWED", ["ids", "0"])]


async def test_payments_are_all_or_nothing(api: Api) -> None:
    await promoted(api)
    referral = await referred(api)
    (one,) = (await order(api, referral, 1))["rewards"]
    (two,) = (await order(api, referral, 2))["rewards"]
    assert (await api(REVIEW, id=one["id"], approve=True))["reviewReward"]["reward"]["state"] == "APPROVED"
    payload = (await api(PAY, ids=[one["id"], two["id"], "rwd_0"], reference="x"))["markRewardsPaid"]
    assert refused(payload) == [("NOT_ALLOWED", ["ids", "1"]), ("NOT_FOUND", ["ids", "2"])]
    listed = (await api(LIST, state="APPROVED"))["rewards"]
    assert [each["node"]["id"] for each in listed["edges"]] == [one["id"]]


async def test_people_decide_on_what_is_held(api: Api, other: Api) -> None:
    await promoted(api)
    referral = await referred(api, "ana@example.com")
    (one,) = (await order(api, referral, 1, email="ana@example.com"))["rewards"]
    (two,) = (await order(api, referral, 2, email="ana@example.com"))["rewards"]
    approved = (await api(REVIEW, id=one["id"], approve=True, reason="An employee, as agreed."))[
        "reviewReward"
    ]
    assert approved["reward"] == {"id": one["id"], "state": "APPROVED", "reason": "An employee, as agreed."}
    declined = (await api(REVIEW, id=two["id"], approve=False))["reviewReward"]
    assert declined["reward"]["state"] == "DECLINED"
    again = (await api(REVIEW, id=two["id"], approve=True))["reviewReward"]
    assert refused(again) == [("NOT_ALLOWED", ["id"])]
    foreign = (await other(REVIEW, id=one["id"], approve=False))["reviewReward"]
    assert refused(foreign) == [("NOT_FOUND", ["id"])]


async def test_no_address_is_kept_with_a_decision_or_a_payment(api: Api) -> None:
    """What callers write there stays when a person is erased."""
    await promoted(api)
    (reward,) = (await order(api, await referred(api)))["rewards"]
    for text in ("Asked ana@example.com", "ana%40example.com", "https://x.example/?ana%2540example%252Ecom"):
        reviewed = (await api(REVIEW, id=reward["id"], approve=True, reason=text))["reviewReward"]
        assert refused(reviewed) == [("INVALID", ["reason"])]
        paid = (await api(PAY, ids=[reward["id"]], reference=text))["markRewardsPaid"]
        assert refused(paid) == [("INVALID", ["reference"])]
    assert await rewards_of(api, reward["conversion"]["id"]) == [("PENDING", "5.00")]
    approved = await api(REVIEW, id=reward["id"], approve=True, reason="10 pieces @ 8.00 EUR")
    assert approved["reviewReward"]["reward"]["reason"] == "10 pieces @ 8.00 EUR"


async def test_rewards_are_listed_by_state_page_and_participant(api: Api, other: Api) -> None:
    await promoted(api)
    referral = await referred(api)
    ids = [(await order(api, referral, number))["rewards"][0]["id"] for number in range(3)]
    first = (await api(LIST, first=2, state="PENDING"))["rewards"]
    assert [each["node"]["id"] for each in first["edges"]] == [ids[2], ids[1]]
    assert (first["totalCount"]["value"], first["pageInfo"]["hasNextPage"]) == (3, True)
    rest = (await api(LIST, first=2, state="PENDING", after=first["pageInfo"]["endCursor"]))["rewards"]
    assert [each["node"]["id"] for each in rest["edges"]] == [ids[0]]
    assert (await api(LIST, state="PAID"))["rewards"]["edges"] == []
    assert (await other(LIST))["rewards"]["edges"] == []
    asked = '{ participant(email: "ana@example.com") { rewards(first: 5) { edges { node { id } } } } }'
    found = (await api(asked))["participant"]["rewards"]["edges"]
    assert [each["node"]["id"] for each in found] == ids[::-1]
    node = (await api("query ($id: ID!) { node(id: $id) { ...reward } }" + REWARD, id=ids[0]))["node"]
    assert (node["promotion"], node["participant"]) == ({"uid": "spring"}, {"email": "ana@example.com"})
