"""Periods cut into the intervals of time zones."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import intervals, periods
from domain.errors import BadRequest, LimitExceeded
from domain.intervals import Interval
from domain.periods import Period

ZONES = (
    *("UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe"),
    *(
        "Pacific/Chatham",
        "America/Havana",
        "Asia/Beirut",
        "Pacific/Apia",
        "Africa/Casablanca",
        "America/Sao_Paulo",
    ),
)


def ms(text: str) -> int:
    """Milliseconds of an ISO 8601 date-time."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def starts(after: str, before: str, interval: Interval, zone: str) -> list[str]:
    """The starts, by the clocks of the zone."""
    found = intervals.starts(Period(ms(after), ms(before)), interval, zone)
    return [datetime.fromtimestamp(at / 1000, ZoneInfo(zone)).isoformat(timespec="minutes") for at in found]


def test_a_day_in_spring_has_23_hours_and_one_in_autumn_25() -> None:
    spring = starts("2026-03-29T00:00Z", "2026-03-29T23:00Z", Interval.HOUR, "Europe/London")
    assert spring[:3] == ["2026-03-29T00:00+00:00", "2026-03-29T02:00+01:00", "2026-03-29T03:00+01:00"]
    assert len(spring) == 23
    autumn = starts("2026-10-24T23:00Z", "2026-10-26T00:00Z", Interval.HOUR, "Europe/London")
    assert autumn[1:3] == ["2026-10-25T01:00+01:00", "2026-10-25T01:00+00:00"]
    assert len(autumn) == 25
    days = intervals.starts(
        Period(ms("2026-03-28T12:00Z"), ms("2026-03-30T12:00Z")), Interval.DAY, "Europe/London"
    )
    assert [after - before for before, after in itertools.pairwise(days)] == [
        24 * 3_600_000,
        23 * 3_600_000,
    ]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Asia/Kolkata", "2026-06-01T00:00+05:30"),
        ("Asia/Kathmandu", "2026-06-01T00:00+05:45"),
        ("Pacific/Chatham", "2026-06-02T00:00+12:45"),
        ("America/New_York", "2026-06-01T00:00-04:00"),
    ],
)
def test_days_begin_at_the_zones_midnight(zone: str, expected: str) -> None:
    assert starts("2026-06-01T12:00Z", "2026-06-01T12:01Z", Interval.DAY, zone) == [expected]


def test_weeks_are_those_of_iso_8601_and_months_those_of_the_calendar() -> None:
    weeks = starts("2026-12-30T12:00Z", "2027-01-05T00:00Z", Interval.WEEK, "UTC")
    assert weeks == ["2026-12-28T00:00+00:00", "2027-01-04T00:00+00:00"]
    months = starts("2026-01-31T23:30Z", "2026-04-01T00:00Z", Interval.MONTH, "Europe/Berlin")
    assert months == ["2026-02-01T00:00+01:00", "2026-03-01T00:00+01:00", "2026-04-01T00:00+02:00"]


def test_midnights_that_clocks_pass_over_or_show_twice() -> None:
    """Beirut puts clocks forward at midnight, Havana back over it, and Samoa had no 30 December 2011."""
    beirut = starts("2026-03-28T12:00Z", "2026-03-29T12:00Z", Interval.DAY, "Asia/Beirut")
    assert beirut == ["2026-03-28T00:00+02:00", "2026-03-29T01:00+03:00"]
    havana = starts("2026-10-31T12:00Z", "2026-11-01T12:00Z", Interval.DAY, "America/Havana")
    assert havana == ["2026-10-31T00:00-04:00", "2026-11-01T00:00-04:00"]
    apia = starts("2011-12-29T12:00Z", "2011-12-31T12:00Z", Interval.DAY, "Pacific/Apia")
    assert apia == ["2011-12-29T00:00-10:00", "2011-12-31T00:00+14:00", "2012-01-01T00:00+14:00"]


def test_half_an_hour_where_clocks_are_changed_by_half_an_hour() -> None:
    found = starts("2026-04-04T14:00Z", "2026-04-04T16:00Z", Interval.HOUR, "Australia/Lord_Howe")
    assert found == [
        "2026-04-05T01:00+11:00",
        "2026-04-05T01:30+10:30",
        "2026-04-05T02:00+10:30",
    ]


@settings(max_examples=300, deadline=None)
@given(
    start=st.integers(ms("2010-01-01T00:00Z"), ms("2030-01-01T00:00Z")),
    hours=st.integers(1, 400),
    interval=st.sampled_from([Interval.HOUR, Interval.DAY, Interval.WEEK, Interval.MONTH]),
    zone=st.sampled_from(ZONES),
)
def test_points_cover_the_period_and_agree_with_the_clocks(
    start: int, hours: int, interval: Interval, zone: str
) -> None:
    """No hole, no overlap; within a point all clocks show the same hour, day, week or month."""
    period = Period(start, start + hours * 3_600_000)
    found = intervals.starts(period, interval, zone)
    assert list(found) == sorted(set(found))
    assert found[0] <= period.start
    assert found[-1] < period.end
    assert all(at % 900_000 == 0 for at in found)
    for begin, end in zip(found, [*found[1:], period.end], strict=True):
        shown = {named(at, interval, zone) for at in (begin, (begin + end) // 2, end - 1)}
        assert len(shown) == 1


def named(at_ms: int, interval: Interval, zone: str) -> object:
    """What clocks in the zone show of an instant, down to the interval."""
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone))
    match interval:
        case Interval.HOUR:
            return local.date(), local.hour
        case Interval.DAY:
            return local.date()
        case Interval.WEEK:
            return local.isocalendar()[:2]
        case _:
            return local.year, local.month


def test_no_series_is_longer_than_2000_points() -> None:
    week = Period(0, 2_000 * 60_000)
    assert len(intervals.starts(week, Interval.MINUTE, "UTC")) == 2_000
    with pytest.raises(LimitExceeded, match="more than 2,000 points"):
        intervals.starts(Period(0, week.end + 1), Interval.MINUTE, "UTC")
    with pytest.raises(LimitExceeded):
        intervals.starts(Period(0, ms("2199-12-31T00:00Z")), Interval.DAY, "Asia/Tokyo")


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "Europe", "../../etc/passwd", "UTC\x00", "ä" * 500])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(BadRequest, match="is no IANA time zone"):
        intervals.starts(Period(0, 1), Interval.DAY, zone)


NOW = datetime(2026, 3, 31, 12, 30, 0, 5_000, UTC)


@pytest.mark.parametrize(
    ("last", "start"),
    [
        ("PT1H", NOW - timedelta(hours=1)),
        ("PT23H59M", NOW - timedelta(hours=23, minutes=59)),
        ("P1D", NOW.replace(day=30, minute=0, second=0, microsecond=0)),
        ("P30D", NOW.replace(day=1, minute=0, microsecond=0)),
        ("P1M", NOW.replace(month=2, day=28, minute=0, microsecond=0)),
        ("P1Y", NOW.replace(year=2025, minute=0, microsecond=0)),
        ("P100Y", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_range_that_ends_now(last: str, start: datetime) -> None:
    """One of a day or more begins with the full hour; the hour of now is part of all."""
    asked = periods.last(last, NOW)
    assert asked == Period(int(start.timestamp() * 1000), int(NOW.timestamp() * 1000), open=True)
    assert asked.contains(asked.end + 1_799_000)
    assert not asked.contains(asked.end + 1_800_000)


@pytest.mark.parametrize("last", ["", "P0D", "P", "7 days", "-P7D", "P1.5D", "P101Y", "P" + "9" * 99 + "D"])
def test_what_is_no_duration_is_refused(last: str) -> None:
    with pytest.raises(BadRequest, match="The range's last is"):
        periods.last(last, NOW)


def test_a_range_between_two_instants() -> None:
    """The end is not part of it; what is left out is ever since, or now."""
    yesterday = NOW - timedelta(days=1)
    assert periods.between(yesterday, None, NOW).end == int(NOW.timestamp() * 1000)
    assert periods.between(yesterday, None, NOW).open
    assert not periods.between(yesterday, NOW, NOW).open
    assert periods.between(None, yesterday, NOW).start == ms("2015-01-01T00:00Z")
    for after, before in ((NOW, None), (NOW, NOW), (NOW, yesterday)):
        with pytest.raises(BadRequest, match="nothing is in it"):
            periods.between(after, before, NOW)
    ancient = periods.between(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC), NOW)
    assert (ancient.start, ancient.end) == (0, ms("2200-01-01T00:00Z"))
