"""Conversions and revenue in figures: of links, campaigns, the workspace, by time, value and attribute."""

from datetime import UTC, datetime, timedelta
from typing import Any

from domain import instants, journals
from domain.clicks import Click
from domain.visits import Belonging
from storage.ledgers import Ledger
from tests.api.conftest import Api, Commands, stores_with
from tests.api.conversions import converted, euros, refund
from tests.delivery.workers import committed, visit

FIGURES = """
query ($range: TimeRange!, $filter: ClickFilter) {
  analytics(range: $range, filter: $filter) {
    totals { clicks conversions conversionRate revenue { amount currency } }
    series(interval: DAY) { at conversions }
    byLink: breakdown(by: LINK, first: 1) { slices { ...slice } other { ...slice } }
    byCountry: breakdown(by: COUNTRY) { slices { ...slice } }
    bySegment: breakdown(by: ATTRIBUTE, attribute: "segment") { slices { ...slice } }
    byHour: breakdown(by: HOUR) { slices { ...slice } }
    byKind: breakdown(by: KIND) { slices { ...slice } }
  }
}
fragment slice on Slice { key conversions conversionRate revenue { amount currency } }
"""
STATS = (
    "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Link { stats { conversions revenue { amount } } } } }"
)
MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
RANGE = {"between": {"after": "2026-05-01T00:00:00Z", "before": "2026-05-08T00:00:00Z"}}


async def followed(api: Api, link_id: str, at: datetime, owner: Belonging, **facts: Any) -> Click:
    """A click of a person that went all the way through the ledger."""
    at_ms = instants.milliseconds(at)
    record = visit(
        workspace_id=api.context.viewer.workspace_id,
        link_id=link_id,
        at_ms=at_ms,
        visitor=api.context.ids.random_bytes(8),
        belonging=journals.belonging(owner),
        **facts,
    )
    async with Ledger(api.services.database, api.services.clock) as ledger:
        (click,) = await committed(ledger, record)
    return click


async def filled(api: Api) -> list[str]:
    """Two links with clicks of two days, three conversions in two currencies, one refund; the links' ids."""
    links = [(await api.create())["id"] for _ in range(2)]
    vip, free = Belonging(attributes=(("segment", "vip"),)), Belonging(attributes=(("segment", "free"),))
    await followed(api, links[0], NOON, free, country="NL")
    first = await followed(api, links[0], NOON + MINUTE, vip, country="NL")
    second = await followed(api, links[0], NOON + timedelta(days=1), vip, country="DE")
    third = await followed(api, links[1], NOON, free, country="NL")
    day = (NOON + timedelta(days=1, hours=1)).isoformat()
    await converted(api, clickId=first.id, orderId="1", amount=euros("10"), at=day)
    made = await converted(api, clickId=second.id, orderId="2", amount=euros("20.50"), at=day)
    dollars = {"amount": "7", "currency": "USD"}
    at = (NOON + 10 * MINUTE).isoformat()
    await converted(api, clickId=third.id, orderId="3", amount=dollars, at=at)
    await refund(api, conversionId=made["id"], amount=euros("0.50"))
    return links


async def test_every_figure_has_conversions_and_revenue(api: Api) -> None:
    """A7, A9: what is credited to clicks stands beside them, net of refunds, in each currency."""
    links = await filled(api)
    found = (await api(FIGURES, range=RANGE))["analytics"]
    both = [euros("30.00"), {"amount": "7.00", "currency": "USD"}]
    assert found["totals"] == {"clicks": 4, "conversions": 3, "conversionRate": 0.75, "revenue": both}
    by_day = {point["at"][:10]: point["conversions"] for point in found["series"]}
    assert {day: count for day, count in by_day.items() if count} == {"2026-05-04": 1, "2026-05-05": 2}
    (largest,) = found["byLink"]["slices"]
    assert largest == {
        "key": links[0],
        "conversions": 2,
        "conversionRate": 2 / 3,
        "revenue": [euros("30.00")],
    }
    assert found["byLink"]["other"]["revenue"] == [{"amount": "7.00", "currency": "USD"}]
    by_country = {each["key"]: each["conversions"] for each in found["byCountry"]["slices"]}
    assert by_country == {"NL": 2, "DE": 1}
    rates = {each["key"]: each["conversionRate"] for each in found["bySegment"]["slices"]}
    assert rates == {"vip": 1.0, "free": 0.5}
    assert {each["key"]: each["conversions"] for each in found["byHour"]["slices"]} == {"12": 1}
    assert [each["conversions"] for each in found["byKind"]["slices"]] == [3]


async def test_filters_choose_what_is_credited(api: Api) -> None:
    links = await filled(api)
    for wanted, conversions in (
        ({"linkIds": [links[1]]}, 1),
        ({"countries": ["DE"]}, 1),
        ({"attribute": {"name": "segment", "in": ["vip"]}}, 2),
        ({"kinds": ["BOT"]}, 0),
    ):
        found = (await api(FIGURES, range=RANGE, filter=wanted))["analytics"]["totals"]
        assert found["conversions"] == conversions, wanted


async def test_links_have_their_revenue_in_one_round_trip(api: Api) -> None:
    links = await filled(api)
    commands = Commands()
    async with stores_with(api.services, commands) as stores:
        one = len(commands.sent)
        await api.on(stores)(STATS, ids=links[:1])
        one, two = len(commands.sent) - one, len(commands.sent)
        found = await api.on(stores)(STATS, ids=links)
        assert len(commands.sent) - two == one
    stats = [node["stats"] for node in found["nodes"]]
    assert stats == [
        {"conversions": 2, "revenue": [{"amount": "30.00"}]},
        {"conversions": 1, "revenue": [{"amount": "7.00"}]},
    ]


async def test_a_campaign_tells_what_came_back_of_its_cost(api: Api) -> None:
    """A9: ROAS and ROI, in the currency of the cost."""
    created = (
        'mutation { createCampaign(input: { name: "Spring", cost: { amount: "50", currency: "EUR" } }) {'
        " campaign { id } userErrors { message } } }"
    )
    campaign_id = (await api(created))["createCampaign"]["campaign"]["id"]
    link = await api.create(campaignId=campaign_id)
    click = await followed(api, link["id"], NOON, Belonging(campaign_id))
    await converted(
        api, clickId=click.id, orderId="1", amount=euros("120"), at=(NOON + timedelta(hours=1)).isoformat()
    )
    asked = "query ($id: ID!, $range: TimeRange!) { campaign(id: $id) { roas roi"
    asked += " analytics(range: $range) { totals { conversions revenue { amount } } } } }"
    found = (await api(asked, id=campaign_id, range=RANGE))["campaign"]
    assert (found["roas"], found["roi"]) == (2.4, 1.4)
    assert found["analytics"]["totals"] == {"conversions": 1, "revenue": [{"amount": "120.00"}]}
