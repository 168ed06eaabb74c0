"""The guide to referrals runs as it stands, one call after the other, as a shop would make them."""

import re
from datetime import timedelta
from typing import Any

import msgspec

from tests.api.conftest import Api
from tests.api.conversions import aid_of, clicked
from tests.api.test_guide import ROOT, examples


async def test_the_referrals_page_runs(api: Api) -> None:
    """The AID of a click and the ids of rewards take the places of those that are made up."""
    made_up = {"AVYK…": "", "rwd_…": ""}
    answers: dict[str, Any] = {}
    for document, variables in examples(ROOT / "docs" / "guide" / "referrals.md"):
        given = msgspec.json.encode(variables).decode()
        for text, real in made_up.items():
            given = given.replace(text, real)
        name = re.findall(r"^\w+ (\w+)", document)[0]
        answers[name] = answer = await api(document, **msgspec.json.decode(given))
        assert [payload["userErrors"] for payload in answer.values() if "userErrors" in (payload or {})] in (
            [],
            [[]],
        )
        if name == "Refer":
            link_id = answer["createReferralLink"]["referral"]["link"]["id"]
            click = await clicked(api, link_id, api.context.clock() - timedelta(hours=1))
            made_up["AVYK…"] = await aid_of(api, click)
        if name == "Tell":
            made_up["rwd_…"] = answer["recordConversion"]["conversion"]["rewards"][0]["id"]
    told = answers["Tell"]["recordConversion"]["conversion"]
    assert [(each["role"], each["amount"]["amount"]) for each in told["rewards"]] == [
        ("REFERRER", "8.00"),
        ("REFEREE", "5.00"),
    ]
    (payable,) = answers["Payable"]["rewards"]["edges"]
    assert payable["node"]["participant"] == {"email": "ana@example.com"}
    assert answers["Pay"]["markRewardsPaid"]["rewards"][0]["state"] == "PAID"
    states = [each["state"] for each in answers["Refund"]["refundConversion"]["conversion"]["rewards"]]
    assert states == ["PAID", "REVERSED", "APPROVED"]
    stats = answers["Figures"]["promotion"]["stats"]
    assert (stats["participants"], stats["conversions"], stats["viralCoefficient"]) == (1, 1, 1.0)
    assert answers["Forget"]["eraseSubject"]["deletedId"].startswith("ptc_")
