"""What tests of promotions, referrals, conversions and rewards ask for."""

from collections.abc import Mapping
from typing import Any

from tests.api.conftest import Api

PROMOTION = """
fragment promotion on Promotion {
  id version uid name status targetUrl allowedHosts qualifyingEvent holdDays maxRewardsPerReferrer
  aidParameter mail startsAt endsAt
  reward { receiver referrer { amount currency } referrerPercent referee { amount currency } }
}
"""
CREATE = (
    "mutation ($input: CreatePromotionInput!) { createPromotion(input: $input) {"
    " promotion { ...promotion } userErrors { code message field } } }" + PROMOTION
)
REFERRAL = """
fragment referral on Referral {
  id code rewardReceiver productId targetUrl onBehalfOf
  promotion { uid } participant { id email consents { granted textVersion source } }
  link { id slug shortUrl destination aidParameter status }
  shareLinks { channel url link text }
}
"""
REFER = (
    "mutation ($input: CreateReferralLinkInput!) { createReferralLink(input: $input) {"
    " referral { ...referral } userErrors { code message field } } }" + REFERRAL
)
CONSENT = {"granted": True, "textVersion": "2026-01", "source": "checkout"}
REWARD = {"receiver": "REFERRER", "referrer": {"amount": "5", "currency": "EUR"}}


async def promoted(api: Api, uid: str = "spring", **fields: Any) -> Mapping[str, Any]:
    """A promotion that is accepted."""
    given = {"uid": uid, "name": "Spring", "targetUrl": "https://shop.example/", "reward": REWARD, **fields}
    payload = (await api(CREATE, input=given))["createPromotion"]
    assert payload["userErrors"] == []
    made: Mapping[str, Any] = payload["promotion"]
    return made


async def asked(api: Api, email: str = "ana@example.com", **fields: Any) -> Mapping[str, Any]:
    """The payload of a call for a referral link."""
    given = {"promotionUid": "spring", "email": email, "consent": CONSENT, **fields}
    payload: Mapping[str, Any] = (await api(REFER, input=given))["createReferralLink"]
    return payload


async def referred(api: Api, email: str = "ana@example.com", **fields: Any) -> Mapping[str, Any]:
    """A referral that is given."""
    payload = await asked(api, email, **fields)
    assert payload["userErrors"] == []
    made: Mapping[str, Any] = payload["referral"]
    return made


def refused(payload: Mapping[str, Any]) -> list[tuple[str, list[str] | None]]:
    """Codes and paths of why a call was refused."""
    return [(error["code"], error["field"]) for error in payload["userErrors"]]
