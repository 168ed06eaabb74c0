"""What questions of dashboards are answered from: roll-ups alone, as long as they can."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from domain import analytics, analytics_parts, instants, intervals, periods
from domain.analytics import Need, Selection
from domain.click_filters import EVERY_CLICK
from domain.clicks import Device
from domain.dimensions import Dimension
from domain.intervals import Interval
from domain.matches import Match
from domain.periods import Period
from domain.rollups import ATTRIBUTE_MARK, OTHERS, Scope, ScopeKind
from storage import analytics_clicks

NOW = datetime(2026, 11, 20, 19, 47, 13, 123_000, UTC)
SMB = ("segment", Match(among=frozenset({"smb"})))
GB = frozenset({"GB"})


def selection(last: str = "P30D", **wanted: Any) -> Selection:
    """The clicks of the last days that a filter wants."""
    return Selection(periods.last(last, NOW), msgspec.structs.replace(EVERY_CLICK, **wanted))


def series(of: Selection, interval: Interval, zone: str = "UTC") -> Need:
    """A series of a selection."""
    return analytics.for_series(of, intervals.starts(of.period, interval, zone))


@pytest.mark.parametrize(
    "need",
    [
        Need(selection()),
        Need(selection(link_ids=frozenset({"lnk_1", "lnk_2"}))),
        Need(selection(countries=GB)),
        Need(selection(campaign_id="cmp_1", devices=frozenset({Device.TV}))),
        Need(selection(campaign_id="cmp_1", template_id="tpl_1")),
        Need(selection(tags=frozenset({"a"}), attribute=SMB)),
        series(selection(), Interval.DAY, "Asia/Kathmandu"),
        series(selection("P1D"), Interval.MINUTE),
        series(selection(countries=GB), Interval.DAY, "Europe/London"),
        analytics.for_breakdown(selection(template_id="tpl_1"), Dimension.CITY, None),
        analytics.for_breakdown(selection(countries=GB), Dimension.COUNTRY, None),
        analytics.for_breakdown(selection(), Dimension.ATTRIBUTE, "segment"),
        analytics.for_breakdown(selection(), Dimension.HOUR, None),
    ],
)
def test_roll_ups_are_enough(need: Need) -> None:
    part = analytics_parts.part(need)
    assert part.asked != ()
    assert part.reading is None


@pytest.mark.parametrize("by", Dimension)
def test_every_dimension_is_known_to_roll_ups_and_to_clicks(by: Dimension) -> None:
    need = analytics.for_breakdown(selection(), by, "plan" if by is Dimension.ATTRIBUTE else None)
    assert analytics_parts.part(need).asked != ()
    assert need.by in {None, Dimension.TAG, Dimension.ATTRIBUTE} or need.by in analytics_clicks.FIELDS


@pytest.mark.parametrize(
    "need",
    [
        Need(selection(countries=GB, devices=frozenset({Device.TV}))),
        Need(selection(tags=frozenset({"a", "b"}))),
        Need(selection(attribute=("seats", Match(least=5)))),
        analytics.for_breakdown(selection(countries=GB), Dimension.DEVICE, None),
        analytics.for_breakdown(selection(countries=GB), Dimension.HOUR, None),
        series(selection(countries=GB), Interval.HOUR),
        series(selection(countries=GB), Interval.DAY, "Asia/Kolkata"),
    ],
)
def test_what_roll_ups_do_not_know_is_counted_before_it_is_read(need: Need) -> None:
    part = analytics_parts.part(need)
    assert part.counted
    assert part.reading is not None
    assert part.reading.wanted.kinds is None


def test_only_the_ends_of_a_broken_range_are_read() -> None:
    """Totals read the rest of broken hours, series that of broken minutes."""
    hour = 3_600_000
    broken = Selection(Period(10 * hour - 90_500, 12 * hour + 60_001), EVERY_CLICK)
    totals = analytics_parts.part(Need(broken))
    assert [(each.first_hour, each.end_hour) for each in totals.asked] == [(10, 12)]
    assert totals.reading is not None
    assert totals.reading.periods == (
        Period(10 * hour - 90_500, 10 * hour),
        Period(12 * hour, 12 * hour + 60_001),
    )
    hours = analytics_parts.part(series(broken, Interval.HOUR))
    assert [(each.first_hour, each.end_hour, each.cell) for each in hours.asked] == [
        (10, 12, 60),
        (9, 10, 1),
        (12, 13, 1),
    ]
    assert hours.reading is not None
    assert hours.reading.periods == (
        Period(10 * hour - 90_500, 10 * hour - 60_000),
        Period(12 * hour + 60_000, 12 * hour + 60_001),
    )


@pytest.mark.parametrize(
    ("interval", "timezone", "cell"),
    [
        (Interval.DAY, "UTC", 1_440),
        (Interval.MONTH, "UTC", 1_440),
        (Interval.DAY, "Europe/Berlin", 60),
        (Interval.HOUR, "UTC", 60),
        (Interval.DAY, "Asia/Kolkata", 15),
        (Interval.HOUR, "Australia/Eucla", 15),
    ],
)
def test_series_are_told_by_the_largest_cells_that_points_begin_with(
    interval: Interval, timezone: str, cell: int
) -> None:
    hour = 3_600_000
    spring = Selection(Period(480_000 * hour, 481_000 * hour), EVERY_CLICK)
    whole, *_ = analytics_parts.part(series(spring, interval, timezone)).asked
    assert whole.cell == cell


def test_a_range_within_an_hour_is_read() -> None:
    now = Selection(periods.between(NOW - timedelta(minutes=5), NOW - timedelta(minutes=1), NOW), EVERY_CLICK)
    part = analytics_parts.part(Need(now))
    assert part.asked == ()
    assert part.reading is not None


def test_a_filter_that_matches_nothing_asks_for_nothing() -> None:
    assert analytics_parts.part(Need(selection(link_ids=frozenset()))) == analytics_parts.NOTHING
    assert analytics_parts.part(Need(selection(countries=frozenset()))) == analytics_parts.NOTHING


def test_the_narrowest_scope_is_asked() -> None:
    """Of a link in a campaign the link, as fewer clicks are its."""
    part = analytics_parts.part(Need(selection(link_ids=frozenset({"lnk_1"}), campaign_id="cmp_1")))
    assert [each.scope for each in part.asked] == [Scope(ScopeKind.LINK, "lnk_1")]


def test_a_full_table_of_attributes_claims_nothing_of_the_rest() -> None:
    """Clicks whose value may be among OTHERS are not shown as clicks without one; the total stays exact."""
    part = analytics_parts.part(analytics.for_breakdown(selection(), Dimension.ATTRIBUTE, "plan"))
    pro, other = f"plan{ATTRIBUTE_MARK}pro", f"seats{ATTRIBUTE_MARK}5"
    whole = {"MOBILE": [10]}
    assert part.collected([{pro: [4], other: [9]}, whole]) == {"pro": [4], "": [6]}
    assert part.collected([{pro: [4], OTHERS: [3]}, whole]) == {"pro": [4], OTHERS: [6]}


def test_the_empty_text_of_an_attribute_counts_with_those_that_have_none() -> None:
    part = analytics_parts.part(analytics.for_breakdown(selection(), Dimension.ATTRIBUTE, "plan"))
    empty, pro = f"plan{ATTRIBUTE_MARK}", f"plan{ATTRIBUTE_MARK}pro"
    assert part.collected([{empty: [2, 1], pro: [1, 1]}, {"MOBILE": [4, 3]}]) == {"": [3, 2], "pro": [1, 1]}


def test_hours_are_told_by_minutes_as_far_as_a_point_begins_within_a_quarter() -> None:
    """Days of Kiritimati began at 10:40 UTC until 1979, and those of Liberia within a minute until 1972."""
    since = int(datetime(1971, 1, 1, tzinfo=UTC).timestamp() * 1000)
    first, end = since // 3_600_000, int(NOW.timestamp()) // 3600 + 1
    of = Selection(periods.between(instants.of_milliseconds(since), None, NOW), EVERY_CLICK)
    kiritimati = analytics_parts.part(series(of, Interval.MONTH, "Pacific/Kiritimati"))
    changed = int(datetime(1979, 10, 1, 11, tzinfo=UTC).timestamp()) // 3600
    assert [each[2:] for each in kiritimati.asked] == [(first, changed, 1), (changed, end, 60)]
    assert kiritimati.reading is None
    liberia = analytics_parts.part(series(of, Interval.MONTH, "Africa/Monrovia"))
    minute = int(datetime(1972, 1, 1, 0, 45, tzinfo=UTC).timestamp() * 1000)
    hour = minute // 3_600_000
    assert [each[2:] for each in liberia.asked] == [(hour + 1, end, 1_440), (hour, hour + 1, 1)]
    assert liberia.reading is not None
    assert liberia.reading.periods == (Period(since, minute),)
    assert liberia.reading.cell_ms == 30_000
