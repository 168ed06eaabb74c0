"""recordConversion: told once or many times, credited to the clicks that led to it, and to nobody else's."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from domain import aids
from domain.aids import Aid
from domain.secrets import AIDS
from tests.api.conftest import Api
from tests.api.conversions import (
    CONVERSION,
    REWARD,
    aid_of,
    clicked,
    converted,
    euros,
    settled,
    told,
)
from tests.api.promotions import promoted, referred, refused

HOUR = timedelta(hours=1)


async def test_a_conversion_without_a_promotion_is_credited_to_its_click(api: Api) -> None:
    """A7: by the attribution id that the landing page got."""
    now = api.context.clock()
    link = await api.create()
    click = await clicked(api, link["id"], now - HOUR)
    made = await converted(api, aid=await aid_of(api, click), orderId="o1", amount=euros("19.90"))
    assert (made["event"], made["orderId"], made["amount"]) == ("purchase", "o1", euros("19.90"))
    assert (made["click"], made["link"], made["promotion"]) == ({"id": click.id}, {"id": link["id"]}, None)
    (credit,) = made["credits"]
    assert (credit["share"], credit["model"], credit["click"]) == (1.0, "LAST", {"id": click.id})
    assert made["rewards"] == []


async def test_the_same_order_or_mark_is_the_same_conversion(api: Api) -> None:
    """The first one counts, whatever the repetition says."""
    made = await converted(api, orderId="o1", dedupeId="d1", amount=euros("5"))
    again = await converted(api, orderId="o1", amount=euros("9"))
    by_mark = await converted(api, event="signup", dedupeId="d1")
    other = await converted(api, event="signup", orderId="o1")
    assert (again["id"], again["amount"], by_mark["id"]) == (made["id"], euros("5.00"), made["id"])
    assert other["id"] != made["id"]


async def test_fifty_calls_at_once_are_one_conversion_with_one_reward(api: Api) -> None:
    """RF-02: also where half of them know it by another name."""
    await promoted(api)
    referral = await referred(api)
    click = await clicked(api, referral["link"]["id"], api.context.clock() - HOUR)
    aid = await aid_of(api, click)
    calls = [
        converted(api, aid=aid, orderId="o1", amount=euros("10"), **({"dedupeId": "d"} if row % 2 else {}))
        for row in range(50)
    ]
    made = await asyncio.gather(*calls)
    assert len({each["id"] for each in made}) == 1
    database, mine = api.services.database, {"workspace_id": api.context.viewer.workspace_id}
    assert await database["conversions"].count_documents(mine) == 1
    assert await database["rewards"].count_documents(mine) == 1
    assert await database["credits"].count_documents(mine) == 1


async def test_forged_expired_and_foreign_attribution_ids_are_ignored_and_counted(
    api: Api, other: Api
) -> None:
    """RF-03: the conversion is kept, credited to nobody, and its caller is told."""
    now, counts = api.context.clock(), api.services.led_nowhere
    link, foreign = await api.create(), await other.create()
    old = await clicked(api, link["id"], now - timedelta(days=401))
    theirs = await clicked(other, foreign["id"], now - HOUR)
    forged = aids.written(b"another key", Aid(old.id, link["id"]))
    before = (counts.aids_forged, counts.aids_expired, counts.aids_foreign)
    given = [forged, "x", await aid_of(api, old), await aid_of(other, theirs)]
    payload = await told(api, aids=given, orderId="o1")
    assert payload["conversion"]["credits"] == []
    assert payload["conversion"]["click"] is None
    assert payload["warnings"] == [{"code": "INVALID", "field": ["aid"]}] * 4
    after = (counts.aids_forged, counts.aids_expired, counts.aids_foreign)
    assert [new - seen for new, seen in zip(after, before, strict=True)] == [2, 1, 1]


async def test_another_workspaces_click_and_code_lead_nowhere(api: Api, other: Api) -> None:
    """RF-03: not found, never forbidden."""
    await promoted(other)
    theirs = await referred(other)
    click = await clicked(other, theirs["link"]["id"], api.context.clock() - HOUR)
    payload = await told(api, clickId=click.id, orderId="o1")
    assert refused(payload) == [("NOT_FOUND", ["clickId"])]
    payload = await told(api, code=theirs["code"], orderId="o1")
    assert payload["warnings"] == [{"code": "NOT_FOUND", "field": ["code"]}]
    assert (payload["conversion"]["promotion"], payload["conversion"]["rewards"]) == (None, [])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("REQUIRED", ["orderId"])),
        ({"orderId": "  "}, ("REQUIRED", ["orderId"])),
        ({"orderId": "x" * 201}, ("INVALID", ["orderId"])),
        ({"orderId": "o", "email": "nobody"}, ("INVALID", ["email"])),
        (
            {"orderId": "o", "amount": {"amount": "1.234", "currency": "EUR"}},
            ("INVALID", ["amount", "amount"]),
        ),
        ({"orderId": "o", "amount": {"amount": "1", "currency": "XXX"}}, ("INVALID", ["amount", "currency"])),
        ({"orderId": "o", "at": "2999-01-01T00:00:00Z"}, ("INVALID", ["at"])),
        ({"orderId": "o", "at": "0001-01-01T00:00:00Z"}, ("INVALID", ["at"])),
        ({"orderId": "o", "properties": [1]}, ("INVALID", ["properties"])),
        ({"orderId": "o", "aids": ["x"] * 101}, ("LIMIT_EXCEEDED", ["aids"])),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_is_kept(
    api: Api, given: dict[str, Any], expected: tuple[str, list[str]]
) -> None:
    assert refused(await told(api, **given)) == [expected]
    mine = {"workspace_id": api.context.viewer.workspace_id}
    assert await api.services.database["conversions"].count_documents(mine) == 0


async def test_an_event_needs_a_name(api: Api) -> None:
    assert refused(await told(api, event=" ", orderId="o")) == [("REQUIRED", ["event"])]


async def test_a_click_that_is_not_in_the_ledger_yet_counts_from_then_on(api: Api) -> None:
    """A late click: its link is credited at once, its facts follow."""
    now = api.context.clock()
    link = await api.create(tags=["spring"])
    key = await api.services.secrets.agreed(AIDS)
    click_id = api.context.ids.at("clk", int((now - HOUR).timestamp() * 1_000))
    made = await converted(api, aid=aids.written(key, Aid(click_id, link["id"])), orderId="o1")
    (credit,) = made["credits"]
    assert (credit["click"], credit["link"], made["link"]) == (
        {"id": click_id},
        {"id": link["id"]},
        {"id": link["id"]},
    )
    assert made["click"] is None
    rows = api.services.database["credits"]
    (row,) = await rows.find({"conversion_id": made["id"]}).to_list()
    assert (row["tags"], row["country"]) == (["spring"], None)
    await clicked(api, link["id"], now - HOUR, id=click_id, country="NL")
    await settled(api, now + timedelta(minutes=1))
    (row,) = await rows.find({"conversion_id": made["id"]}).to_list()
    assert (row["country"], row["click_id"]) == ("NL", click_id)
    (kept,) = await api.services.database["conversions"].find({"_id": made["id"]}).to_list()
    assert kept["recount_at"] is None


async def test_clicks_of_a_customer_are_known_again(api: Api) -> None:
    """A8: the second conversion names no click, and has both of the customer's."""
    await api("mutation { updateWorkspace(input: { attribution: LINEAR }) { userErrors { message } } }")
    now = api.context.clock()
    first, second = await api.create(), await api.create()
    early = await clicked(api, first["id"], now - 3 * HOUR)
    late = await clicked(api, second["id"], now - 2 * HOUR)
    await converted(api, "signup", aid=await aid_of(api, early), externalCustomerId="c1", orderId="o1")
    await converted(
        api, "trial", clickId=late.id, externalCustomerId="c1", email="Ana@example.com", orderId="o2"
    )
    made = await converted(api, email="ana@EXAMPLE.com", externalCustomerId="c1", orderId="o3")
    shares = [(credit["click"]["id"], credit["share"]) for credit in made["credits"]]
    assert shares == [(early.id, 0.5), (late.id, 0.5)]


async def test_earlier_clicks_that_are_told_late_change_earlier_conversions(api: Api) -> None:
    """A8: recomputed on late data."""
    await api("mutation { updateWorkspace(input: { attribution: FIRST }) { userErrors { message } } }")
    now = api.context.clock()
    link = await api.create()
    early, late = await clicked(api, link["id"], now - 5 * HOUR), await clicked(api, link["id"], now - HOUR)
    made = await converted(api, clickId=late.id, externalCustomerId="c1", orderId="o1")
    assert made["credits"][0]["click"]["id"] == late.id
    await converted(api, "signup", clickId=early.id, externalCustomerId="c1", orderId="o2")
    await settled(api, now + HOUR)
    assert (await _conversion(api, made["id"]))["credits"][0]["click"]["id"] == early.id


async def test_a_change_of_the_model_reaches_conversions_that_are_there(api: Api) -> None:
    """A8: every conversion can say why it is credited where it is."""
    now = api.context.clock()
    link = await api.create()
    clicks = [await clicked(api, link["id"], now - hours * HOUR) for hours in (30, 20, 10)]
    given = [await aid_of(api, click) for click in clicks]
    made = await converted(api, aids=given, orderId="o1", amount=euros("10"))
    assert [credit["share"] for credit in made["credits"]] == [1.0]
    change = "mutation { updateWorkspace(input: { attribution: POSITION, attributionWindowDays: 60 }) {"
    change += " workspace { attribution attributionWindowDays } userErrors { message } } }"
    payload = (await api(change))["updateWorkspace"]
    assert payload["workspace"] == {"attribution": "POSITION", "attributionWindowDays": 60}
    await settled(api, now + HOUR)
    found = await _conversion(api, made["id"])
    assert [round(credit["share"], 2) for credit in found["credits"]] == [0.4, 0.2, 0.4]
    assert found["credits"][1]["why"].startswith("click 2 of 3 within 60 days")


async def test_a_click_outside_the_window_is_told_and_credited_nothing(api: Api) -> None:
    now = api.context.clock()
    link = await api.create()
    click = await clicked(api, link["id"], now - timedelta(days=31))
    payload = await told(api, clickId=click.id, orderId="o1")
    assert (payload["conversion"]["credits"], payload["conversion"]["click"]) == ([], {"id": click.id})
    assert payload["warnings"] == [{"code": "INVALID", "field": ["aid"]}]


async def test_a_late_conversion_counts_when_it_happened(api: Api) -> None:
    now = api.context.clock()
    link = await api.create()
    click = await clicked(api, link["id"], now - timedelta(days=100))
    happened = (now - timedelta(days=99)).isoformat()
    made = await converted(api, clickId=click.id, orderId="o1", at=happened)
    assert len(made["credits"]) == 1
    assert made["at"].startswith((now - timedelta(days=99)).date().isoformat())


async def test_a_click_after_the_conversion_is_told_and_credited_nothing(api: Api) -> None:
    """A day without its time is midnight: the caller learns why the click of that morning does not count."""
    link, now = await api.create(), api.context.clock()
    click = await clicked(api, link["id"], now - timedelta(hours=1))
    early = (now - timedelta(hours=11)).isoformat()
    payload = await told(api, aid=await aid_of(api, click), at=early, orderId="1")
    assert (payload["conversion"]["credits"], payload["warnings"]) == (
        [], [{"code": "INVALID", "field": ["aid"]}]
    )  # fmt: skip


@pytest.mark.parametrize("leave", ["withdrawConsent", "eraseSubject"])
async def test_who_has_left_earns_nothing(api: Api, leave: str) -> None:
    """P13: neither by code nor by an earlier click; the conversion itself is kept, and its caller told."""
    await promoted(api)
    referral = await referred(api, "ana@example.com")
    click = await clicked(api, referral["link"]["id"], api.context.clock() - timedelta(hours=1))
    aid = await aid_of(api, click)
    await api(f'mutation {{ {leave}(email: "ana@example.com") {{ userErrors {{ code }} }} }}')
    by_code = await told(api, code=referral["code"], orderId="1", amount=euros("10"))
    assert by_code["warnings"] == [{"code": "NOT_FOUND", "field": ["code"]}]
    by_click = await told(api, aid=aid, orderId="2", amount=euros("10"))
    for payload in (by_code, by_click):
        made = payload["conversion"]
        assert (made["referral"], made["promotion"], made["rewards"]) == (None, None, [])
    assert by_click["conversion"]["click"] == {"id": click.id}


async def _conversion(api: Api, conversion_id: str) -> Mapping[str, Any]:
    asked = "query ($id: ID!) { node(id: $id) { ...conversion } }" + CONVERSION + REWARD
    found: Mapping[str, Any] = (await api(asked, id=conversion_id))["node"]
    return found
