"""Whose clocks figures are told by: UTC's, those of a zone that is named, or the workspace's own."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain import instants
from tests.api.conftest import Api
from tests.api.conversions import converted
from tests.api.test_clicks import follow_up
from tests.delivery.workers import visit

MIDNIGHT = datetime(2026, 3, 28, 15, tzinfo=UTC)
"""In Tokyo, between a Saturday and a Sunday."""
RANGE = {"between": {"after": "2026-03-27T15:00:00Z", "before": "2026-03-29T15:00:00Z"}}
MOVE = (
    "mutation ($timezone: String) { updateWorkspace(input: { timezone: $timezone }) { userErrors { code } } }"
)
FIGURES = """query ($range: TimeRange!, $timezone: String) {
  analytics(range: $range) {
    series(interval: DAY, timezone: $timezone) { at clicks conversions }
    weekdays: breakdown(by: WEEKDAY, timezone: $timezone) { slices { key clicks conversions } }
    hours: breakdown(by: HOUR, timezone: $timezone) { slices { key clicks conversions } } } }"""
IN_TOKYO = {
    "series": [("2026-03-27T15:00:00.000Z", 1, 0), ("2026-03-28T15:00:00.000Z", 1, 1)],
    "weekdays": [("SAT", 1, 0), ("SUN", 1, 1)],
    "hours": [("00", 1, 1), ("23", 1, 0)],
}
IN_UTC = {
    "series": [
        ("2026-03-27T00:00:00.000Z", 0, 0),
        ("2026-03-28T00:00:00.000Z", 2, 1),
        ("2026-03-29T00:00:00.000Z", 0, 0),
    ],
    "weekdays": [("SAT", 2, 1)],
    "hours": [("14", 1, 0), ("15", 1, 1)],
}


@pytest.fixture
async def tokyo(api: Api) -> Api:
    """A workspace in Tokyo with a click on either side of a midnight, and a conversion of the later one."""
    await api(MOVE, timezone="Asia/Tokyo")
    midnight_ms = instants.milliseconds(MIDNIGHT)
    _, later = await follow_up(api, [visit(at_ms=midnight_ms + offset) for offset in (-60_000, 60_000)])
    await converted(api, clickId=later, orderId="1", at="2026-03-28T15:02:00Z")
    return api


async def figures(api: Api, **zone: str | None) -> dict[str, Any]:
    """Days, weekdays and hours, each with its clicks and conversions."""
    found = (await api(FIGURES, range=RANGE, **zone))["analytics"]
    return {
        "series": [tuple(each.values()) for each in found["series"]],
        "weekdays": [tuple(each.values()) for each in found["weekdays"]["slices"]],
        "hours": [tuple(each.values()) for each in found["hours"]["slices"]],
    }


async def test_null_means_the_clocks_of_the_workspace(tokyo: Api) -> None:
    assert await figures(tokyo, timezone=None) == IN_TOKYO
    assert await figures(tokyo, timezone="Asia/Tokyo") == IN_TOKYO
    await tokyo(MOVE, timezone=None)
    assert await figures(tokyo, timezone=None) == IN_UTC


async def test_without_a_word_days_are_those_of_utc(tokyo: Api) -> None:
    """Also of a workspace that is elsewhere: the contract names the default."""
    assert await figures(tokyo) == IN_UTC
    assert await figures(tokyo, timezone="UTC") == IN_UTC


async def test_no_name_is_no_time_zone(tokyo: Api) -> None:
    assert await tokyo.code(FIGURES, range=RANGE, timezone="") == "BAD_REQUEST"
