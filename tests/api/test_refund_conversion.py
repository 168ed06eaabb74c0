"""refundConversion: partly, wholly, again, at the same time, before and after rewards were paid."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from domain.conversions import Revised
from tests.api.conftest import Api
from tests.api.conversions import aid_of, clicked, converted, euros, refund, rewards_of, settled
from tests.api.promotions import REWARD, promoted, referred, refused

HOUR = timedelta(hours=1)
PERCENT = {"receiver": "REFERRER", "referrerPercent": 10}
PAY = (
    'mutation ($ids: [ID!]!) { markRewardsPaid(ids: $ids, reference: "SEPA 1") {'
    " rewards { id state paymentReference } userErrors { code field } } }"
)


async def bought(api: Api, reward: dict[str, Any] | None = None, **fields: Any) -> Any:
    """A conversion of 100 EUR that came by a referral."""
    await promoted(api, reward=reward or REWARD)
    referral = await referred(api)
    click = await clicked(api, referral["link"]["id"], api.context.clock() - HOUR)
    return await converted(api, aid=await aid_of(api, click), orderId="o1", amount=euros("100"), **fields)


async def paid(api: Api, conversion: Any) -> None:
    """The rewards of a conversion, through their hold and paid."""
    await settled(api, api.context.clock() + timedelta(days=15))
    ids = [reward["id"] for reward in conversion["rewards"]]
    assert (await api(PAY, ids=ids))["markRewardsPaid"]["userErrors"] == []


def states(conversion: Any) -> list[tuple[str, str]]:
    """State and amount of each reward."""
    return [(reward["state"], reward["amount"]["amount"]) for reward in conversion["rewards"]]


async def test_a_full_refund_reverses_what_was_not_paid(api: Api) -> None:
    made = await bought(api)
    assert states(made) == [("PENDING", "5.00")]
    payload = await refund(api, conversionId=made["id"])
    assert payload["conversion"]["refunded"] == euros("100.00")
    assert states(payload["conversion"]) == [("REVERSED", "5.00")]
    await settled(api, api.context.clock() + timedelta(days=15))
    assert await rewards_of(api, made["id"]) == [("REVERSED", "5.00")]


async def test_parts_make_a_share_smaller_and_leave_a_fixed_reward(api: Api) -> None:
    made = await bought(api, PERCENT)
    assert states(made) == [("PENDING", "10.00")]
    payload = await refund(api, "r1", event="purchase", orderId="o1", amount=euros("30.05"))
    assert (payload["conversion"]["refunded"], states(payload["conversion"])) == (
        euros("30.05"),
        [("PENDING", "7.00")],  # 10 % of 69.95, half up
    )
    payload = await refund(api, "r2", conversionId=made["id"])
    assert (payload["conversion"]["refunded"], states(payload["conversion"])) == (
        euros("100.00"),
        [("REVERSED", "7.00")],
    )


async def test_a_refund_after_payment_claims_back_once(api: Api) -> None:
    """RF-04: told twice, one negative entry."""
    made = await bought(api, PERCENT)
    await paid(api, made)
    await refund(api, "r1", conversionId=made["id"], amount=euros("50"))
    payload = await refund(api, "r1", conversionId=made["id"], amount=euros("50"))
    assert states(payload["conversion"]) == [("PAID", "10.00"), ("APPROVED", "-5.00")]
    payload = await refund(api, "r2", conversionId=made["id"])
    assert states(payload["conversion"]) == [("PAID", "10.00"), ("APPROVED", "-5.00"), ("APPROVED", "-5.00")]


async def test_fifty_calls_at_once_refund_once(api: Api) -> None:
    """RF-04: a refund of a part, repeated at the same time, and others beside each other."""
    made = await bought(api, PERCENT)
    await paid(api, made)
    same = [refund(api, "same", conversionId=made["id"], amount=euros("20")) for _ in range(50)]
    assert {each["conversion"]["refunded"]["amount"] for each in await asyncio.gather(*same)} == {"20.00"}
    others = [refund(api, f"r{row}", conversionId=made["id"], amount=euros("8")) for row in range(15)]
    payloads = await asyncio.gather(*others)
    kept = [each for each in payloads if not each["userErrors"]]
    assert len(kept) == 10  # 80 EUR were left
    final = await refund(api, "same", conversionId=made["id"])
    assert final["conversion"]["refunded"] == euros("100.00")
    amounts = [float(amount) for _, amount in states(final["conversion"])]
    assert round(sum(amounts), 2) == 0


async def test_no_more_is_refunded_than_there_is(api: Api) -> None:
    made = await bought(api)
    for amount, part in (
        (euros("100.01"), "amount"),
        (euros("0"), "amount"),
        ({"amount": "1", "currency": "USD"}, "currency"),
    ):
        payload = await refund(api, conversionId=made["id"], amount=amount)
        assert refused(payload) == [("INVALID", ["amount", part])]
    assert states((await refund(api, "all", conversionId=made["id"]))["conversion"]) == [("REVERSED", "5.00")]
    assert refused(await refund(api, "more", conversionId=made["id"])) == [("INVALID", ["amount"])]


async def test_a_conversion_without_amount_is_refunded_as_a_whole(api: Api) -> None:
    await promoted(api, qualifyingEvent="signup")
    referral = await referred(api)
    made = await converted(api, "signup", code=referral["code"], orderId="o1")
    assert states(made) == [("PENDING", "5.00")]
    assert refused(await refund(api, conversionId=made["id"], amount=euros("1"))) == [("INVALID", ["amount"])]
    payload = await refund(api, conversionId=made["id"])
    assert (payload["conversion"]["refunded"], states(payload["conversion"])) == (
        None,
        [("REVERSED", "5.00")],
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("REQUIRED", ["conversionId"])),
        ({"event": "purchase"}, ("REQUIRED", ["conversionId"])),
        ({"conversionId": "cnv_0"}, ("NOT_FOUND", ["conversionId"])),
        ({"event": "purchase", "orderId": "nothing"}, ("NOT_FOUND", ["orderId"])),
        ({"conversionId": "cnv_0", "orderId": "o1"}, ("INVALID", ["orderId"])),
    ],
)
async def test_a_refund_names_one_conversion(
    api: Api, given: dict[str, str], expected: tuple[str, list[str]]
) -> None:
    assert refused(await refund(api, **given)) == [expected]


@pytest.mark.parametrize("refund_id", ["ana@example.com", "return of ana%40example.com"])
async def test_no_address_is_kept_with_a_refund(api: Api, refund_id: str) -> None:
    """What callers write there stays when a person is erased."""
    made = await bought(api)
    payload = await refund(api, refund_id, conversionId=made["id"])
    assert refused(payload) == [("INVALID", ["refundId"])]
    assert "ana" not in payload["userErrors"][0]["message"]
    assert states((await refund(api, "r1", conversionId=made["id"]))["conversion"]) == [("REVERSED", "5.00")]


async def test_another_workspaces_conversion_is_not_found(api: Api, other: Api) -> None:
    made = await bought(other)
    assert refused(await refund(api, conversionId=made["id"])) == [("NOT_FOUND", ["conversionId"])]


async def test_clicks_that_are_not_kept_any_more_count_as_they_did(api: Api) -> None:
    """Retention removed the click: neither a refund nor a change of the model forgets where it came from."""
    link, now = await api.create(), api.context.clock()
    click = await clicked(api, link["id"], now - HOUR, country="NL")
    made = await converted(api, clickId=click.id, orderId="o1", amount=euros("10"))
    await api.services.database["clicks"].delete_one({"_id": click.id})
    await refund(api, conversionId=made["id"], amount=euros("4"))
    await api("mutation { updateWorkspace(input: { attribution: LINEAR }) { userErrors { code } } }")
    await settled(api, now + HOUR)
    (row,) = await api.services.database["credits"].find({"conversion_id": made["id"]}).to_list()
    assert (row["country"], row["minor_units"], row["counted"]) == ("NL", 600, 1)


async def test_a_change_never_takes_the_mark_of_a_recount_away(api: Api) -> None:
    """Two at once: the model changes between a refund's look at the conversion and its write."""
    made, store = await bought(api), api.services.conversions
    workspace_id, now = api.context.viewer.workspace_id, api.context.clock()
    seen = (await store.by_ids(workspace_id, [made["id"]]))[made["id"]]
    await store.recount_all(workspace_id, now)
    late = msgspec.structs.replace(seen, version=seen.version + 1)
    assert not await store.revise(workspace_id, Revised(old=seen, new=late, at=now))
    assert (await store.by_ids(workspace_id, [made["id"]]))[made["id"]].recount_at == now
