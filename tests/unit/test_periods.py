"""Where ranges begin and end that do not say."""

from datetime import UTC, datetime, timedelta

import pytest

from domain import intervals, periods
from domain.errors import LimitExceeded
from domain.intervals import Interval

NOW = datetime(2026, 11, 20, 19, 47, 13, 123_000, UTC)
OLD = datetime(1975, 6, 1, tzinfo=UTC)


def test_ever_since_begins_before_the_first_click() -> None:
    """Weeks since then are few enough for a series; days are not."""
    ever = periods.between(None, None, NOW)
    assert ever.start == int(datetime(2015, 1, 1, tzinfo=UTC).timestamp() * 1000)
    assert len(intervals.starts(ever, Interval.WEEK, "UTC")) == 621
    assert len(intervals.starts(ever, Interval.MONTH, "Pacific/Kiritimati")) == 143
    with pytest.raises(LimitExceeded, match="more than 2,000 points"):
        intervals.starts(ever, Interval.DAY, "UTC")


def test_older_clicks_are_asked_for_by_a_bound() -> None:
    """What is set is kept; a range that only ends, and long ago, begins in 1970."""
    assert periods.between(OLD, None, NOW).start == int(OLD.timestamp() * 1000)
    assert periods.between(None, OLD, NOW).start == 0
    assert periods.between(None, periods.BEGINNING, NOW).start == 0
    just = periods.between(None, periods.BEGINNING + timedelta(milliseconds=1), NOW)
    assert just.end - just.start == 1
