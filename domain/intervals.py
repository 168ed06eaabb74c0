"""Intervals: a period cut into the minutes, hours, days, weeks or months of an IANA time zone."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from domain import windows
from domain.errors import BadRequest, LimitExceeded
from domain.periods import Period

MAX_POINTS: Final = 2_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
_SHOWN: Final = 50


class Interval(StrEnum):
    """How long a point of a series lasts, by the clocks of its time zone."""

    MINUTE = "MINUTE"
    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


@lru_cache(64)
def starts(period: Period, interval: Interval, timezone: str) -> tuple[int, ...]:
    """Where each point of a series begins, milliseconds since the Unix epoch, in order.

    Kept for a while: an answer with a series for each of many links asks the same again and again.

    The first begins where the period does or before; each lasts until the next one, the last until the period
    ends. A day is 23 or 25 hours long where clocks are changed, a week begins on Monday (ISO 8601), and an
    hour begins with the full hour on the clock or when clocks are changed.

    Raises:
        BadRequest: there is no such time zone.
        LimitExceeded: the series would have more than MAX_POINTS points.
    """
    found: list[int] = []
    for start in _STARTS[interval](period.start, zone(timezone)):
        if start >= period.end:
            break
        if found and start <= found[-1]:  # a day that a zone passed over, as Samoa did in 2011
            continue
        if len(found) == MAX_POINTS:
            raise LimitExceeded(
                f"The series would have more than {MAX_POINTS:,} points; "
                f"ask for a shorter range or for longer intervals than {interval}."
            )
        found.append(start)
    return tuple(found)


def zone(timezone: str) -> ZoneInfo:
    """The time zone of an IANA name; raises BadRequest."""
    if not windows.exists(timezone):
        raise BadRequest(f"{timezone[:_SHOWN]!r} is no IANA time zone, as Europe/London is.")
    return ZoneInfo(timezone)


def _minutes(at_ms: int, _zone: ZoneInfo) -> Iterator[int]:
    start = at_ms // MINUTE_MS * MINUTE_MS
    while True:
        yield start
        start += MINUTE_MS


def _hours(at_ms: int, zone: ZoneInfo) -> Iterator[int]:
    floor = at_ms - at_ms % MINUTE_MS
    start = floor - _local(floor, zone).minute * MINUTE_MS
    if _offset(start, zone) != _offset(floor, zone):
        start = _change(start, floor, zone)
    while True:
        yield start
        full = start + (60 - _local(start, zone).minute) * MINUTE_MS
        start = full if _offset(full, zone) == _offset(start, zone) else _change(start, full, zone)


def _days(at_ms: int, zone: ZoneInfo) -> Iterator[int]:
    return _midnights(_local(at_ms, zone).date(), lambda day: day + timedelta(days=1), zone)


def _weeks(at_ms: int, zone: ZoneInfo) -> Iterator[int]:
    day = _local(at_ms, zone).date()
    return _midnights(day - timedelta(days=day.weekday()), lambda day: day + timedelta(days=7), zone)


def _months(at_ms: int, zone: ZoneInfo) -> Iterator[int]:
    first = _local(at_ms, zone).date().replace(day=1)
    return _midnights(first, lambda day: (day + timedelta(days=31)).replace(day=1), zone)


_STARTS: Final[dict[Interval, Callable[[int, ZoneInfo], Iterator[int]]]] = {
    Interval.MINUTE: _minutes,
    Interval.HOUR: _hours,
    Interval.DAY: _days,
    Interval.WEEK: _weeks,
    Interval.MONTH: _months,
}


def _midnights(day: date, following: Callable[[date], date], zone: ZoneInfo) -> Iterator[int]:
    while True:
        yield _midnight(day, zone)
        day = following(day)


def _midnight(day: date, zone: ZoneInfo) -> int:
    """The first instant of a day; where clocks are put forward over midnight, when that is done."""
    wall = datetime.combine(day, time(), zone)
    start = int(wall.timestamp()) * 1000
    if _local(start, zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return start
    return _change(start - 24 * HOUR_MS, start, zone)


def _change(low: int, high: int, zone: ZoneInfo) -> int:
    """The minute between two instants from which on clocks show what they show at `high`."""
    kept = _offset(high, zone)
    before, after = low // MINUTE_MS, high // MINUTE_MS
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(middle * MINUTE_MS, zone) == kept:
            after = middle
        else:
            before = middle
    return after * MINUTE_MS


def _offset(at_ms: int, zone: ZoneInfo) -> timedelta | None:
    return _local(at_ms, zone).utcoffset()


def _local(at_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
