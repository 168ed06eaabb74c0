"""createPromotion, updatePromotion, promotion, promotions: made, judged, changed and listed."""

from typing import Any

import pytest

from domain.access import Scope
from tests.api.conftest import Api
from tests.api.promotions import CREATE, PROMOTION, REWARD, promoted, refused

UPDATE = (
    "mutation ($input: UpdatePromotionInput!) { updatePromotion(input: $input) {"
    " promotion { ...promotion } userErrors { code message field } } }" + PROMOTION
)
BY_UID = "query ($uid: String!) { promotion(uid: $uid) { ...promotion } }" + PROMOTION
LIST = """query ($first: Int, $after: String) { promotions(first: $first, after: $after) {
  nodes { uid } pageInfo { hasNextPage endCursor } totalCount { value } } }"""
MAIL = {"from": "Shop <hello@shop.example>", "texts": {"en": {"subject": "Hi", "text": "{{ link }}"}}}
BROKEN = {"texts": {"en": {"subject": "S", "text": "{{ x }}"}}}
TOO_EXACT = {"receiver": "REFERRER", "referrerPercent": 7.125}


async def test_a_promotion_is_kept_as_it_is_given(api: Api) -> None:
    """P3."""
    reward = {
        "receiver": "BOTH",
        "referrerPercent": 7.5,
        "referee": {"amount": "3.50", "currency": "EUR"},
    }
    made = await promoted(
        api, "summer-26", reward=reward, allowedHosts=["BÜCHER.example", "app.shop.example:8443"],
        holdDays=0, maxRewardsPerReferrer=3, aidParameter="click", mail=MAIL, status="DRAFT",
        startsAt="2026-06-01T00:00:00Z", endsAt="2026-09-01T00:00:00Z",
    )  # fmt: skip
    assert made["allowedHosts"] == ["shop.example", "xn--bcher-kva.example", "app.shop.example:8443"]
    assert made["reward"] == {**reward, "referrer": None}
    assert {name: made[name] for name in ("status", "holdDays", "aidParameter", "mail", "version")} == {
        "status": "DRAFT", "holdDays": 0, "aidParameter": "click", "mail": MAIL, "version": 1,
    }  # fmt: skip
    assert (await api(BY_UID, uid="summer-26"))["promotion"] == made
    node = await api("query ($id: ID!) { node(id: $id) { ... on Promotion { uid } } }", id=made["id"])
    assert node["node"] == {"uid": "summer-26"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"uid": "with blank"}, ("INVALID", ["uid"])),
        ({"name": " "}, ("REQUIRED", ["name"])),
        ({"targetUrl": "javascript:alert(1)"}, ("UNSAFE_URL", ["targetUrl"])),
        ({"targetUrl": "https://s.example/x"}, ("UNSAFE_URL", ["targetUrl"])),
        ({"allowedHosts": ["a.example/path"]}, ("INVALID", ["allowedHosts"])),
        ({"holdDays": -1}, ("INVALID", ["holdDays"])),
        ({"maxRewardsPerReferrer": 0}, ("INVALID", ["maxRewardsPerReferrer"])),
        ({"aidParameter": "utm_source"}, ("INVALID", ["aidParameter"])),
        ({"mail": BROKEN}, ("INVALID", ["mail", "texts", "en", "text"])),
        ({"startsAt": "2026-02-01T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z"}, ("INVALID", ["endsAt"])),
        ({"reward": {"receiver": "REFEREE"}}, ("REQUIRED", ["reward", "referee"])),
        ({"reward": {**REWARD, "referrerPercent": 5}}, ("INVALID", ["reward", "referrerPercent"])),
        ({"reward": TOO_EXACT}, ("INVALID", ["reward", "referrerPercent"])),
        (
            {"reward": {"receiver": "REFERRER", "referrer": {"amount": "5.001", "currency": "EUR"}}},
            ("INVALID", ["reward", "referrer", "amount"]),
        ),
    ],
)  # fmt: skip
async def test_what_does_not_fit_is_refused(
    api: Api, fields: dict[str, Any], expected: tuple[str, list[str]]
) -> None:
    given = {"uid": "u", "name": "N", "targetUrl": "https://shop.example/", "reward": REWARD, **fields}
    payload = (await api(CREATE, input=given))["createPromotion"]
    assert (payload["promotion"], expected in refused(payload)) == (None, True), payload
    assert (await api(LIST))["promotions"]["nodes"] == []


async def test_a_uid_is_taken_once_whatever_its_case(api: Api, other: Api) -> None:
    await promoted(api, "Spring")
    given = {"uid": "spring", "name": "N", "targetUrl": "https://shop.example/", "reward": REWARD}
    assert refused((await api(CREATE, input=given))["createPromotion"]) == [("TAKEN", ["uid"])]
    assert (await promoted(other, "spring"))["uid"] == "spring"


async def test_a_change_touches_what_it_gives(api: Api, other: Api) -> None:
    await promoted(api, mail=MAIL)
    changed = await api(UPDATE, input={"uid": "spring", "status": "PAUSED", "mail": None, "version": 1})
    promotion = changed["updatePromotion"]["promotion"]
    assert [promotion[name] for name in ("status", "mail", "version", "name")] == [
        "PAUSED",
        None,
        2,
        "Spring",
    ]
    stale = (await api(UPDATE, input={"uid": "spring", "name": "S", "version": 1}))["updatePromotion"]
    assert refused(stale) == [("STALE", ["version"])]
    foreign = (await other(UPDATE, input={"uid": "spring", "name": "S"}))["updatePromotion"]
    assert refused(foreign) == [("NOT_FOUND", ["uid"])]
    assert (await other(BY_UID, uid="spring"))["promotion"] is None


async def test_promotions_are_listed_newest_first(api: Api) -> None:
    for number in range(3):
        await promoted(api, f"p{number}")
    page = (await api(LIST, first=2))["promotions"]
    rest = (await api(LIST, first=2, after=page["pageInfo"]["endCursor"]))["promotions"]
    assert [node["uid"] for node in page["nodes"] + rest["nodes"]] == ["p2", "p1", "p0"]
    assert (page["totalCount"]["value"], rest["pageInfo"]["hasNextPage"]) == (3, False)


async def test_scopes_are_the_promotions_own() -> None:
    """AU-02: what an operation needs is said by its fields (tests of doors refuse without)."""
    from app import graph

    schema = graph.build()._schema
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    needed = {
        name: (field.extensions or {})["strawberry-definition"].metadata["scope"]
        for root in (schema.query_type, schema.mutation_type)
        for name, field in root.fields.items()
    }
    assert needed["promotion"] == needed["promotions"] == Scope.PROMOTIONS_READ
    assert needed["createPromotion"] == needed["updatePromotion"] == Scope.PROMOTIONS_WRITE
    assert needed["referral"] == needed["participant"] == Scope.REFERRALS_READ
    assert needed["createReferralLink"] == needed["withdrawConsent"] == Scope.REFERRALS_WRITE
