"""Windows of time: days of the week and hours as clocks on the wall show them, in any IANA time zone."""

import functools
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

DAY_MINUTES: Final = 24 * 60
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Weekday(StrEnum):
    """A day of the week, in the order of datetime.weekday()."""

    MON = "MON"
    TUE = "TUE"
    WED = "WED"
    THU = "THU"
    FRI = "FRI"
    SAT = "SAT"
    SUN = "SUN"


class Window(msgspec.Struct, frozen=True):
    """Hours on some days; a window that ends before it begins lasts over midnight and is its first day's.

    Clocks on the wall decide: an hour that is skipped in spring is in no window, one that comes twice in
    autumn is in it twice.

    Args:
        days: on which it begins, 0 is Monday.
        start: minutes after midnight.
        end: minutes after midnight, not part of it; DAY_MINUTES is the end of the day.
    """

    days: frozenset[int]
    start: int
    end: int

    def contains(self, moment: tuple[int, int]) -> bool:
        """Whether a weekday and minute (see `local`) are in it."""
        day, minute = moment
        if self.start < self.end:
            return self.start <= minute < self.end and day in self.days
        if minute >= self.start:
            return day in self.days
        return minute < self.end and (day - 1) % 7 in self.days


@functools.lru_cache(1_024)
def _at_minute(zone: str, minute: int) -> tuple[int, int]:
    at = (_EPOCH + timedelta(minutes=minute)).astimezone(ZoneInfo(zone if exists(zone) else "UTC"))
    return at.weekday(), at.hour * 60 + at.minute


def local(zone: str, at_ms: int) -> tuple[int, int]:
    """Weekday (0 is Monday) and minute of the day that clocks in `zone` show; without such a zone, UTC.

    Args:
        zone: IANA name.
        at_ms: milliseconds since the Unix epoch.
    """
    # To the minute, of which all visitors of a minute have the same: the time zone is asked once for them.
    return _at_minute(zone, at_ms // 60_000)


@functools.lru_cache(1_024)
def exists(zone: str) -> bool:
    """Whether `zone` is an IANA time zone that this machine knows."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder such as "Europe"
        return False
    return True


def minutes(text: str) -> int:
    """Minutes after midnight of "09:30"; "24:00" is the end of the day. Raises ValueError."""
    hours, colon, rest = text.partition(":")
    if not colon or len(hours) != 2 or len(rest) != 2 or not (hours + rest).isdecimal() or not text.isascii():
        raise ValueError("not of the form 09:30")
    found = int(hours) * 60 + int(rest)
    if int(rest) > 59 or found > DAY_MINUTES:
        raise ValueError("no time of a day")
    return found


def clock(found: int) -> str:
    """Minutes after midnight as "09:30"."""
    return f"{found // 60:02}:{found % 60:02}"
