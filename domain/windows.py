"""Windows of time: days of the week and hours as clocks on the wall show them, in any IANA time zone."""

import functools
from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

DAY_MINUTES: Final = 24 * 60
WEEK_MINUTES: Final = 7 * DAY_MINUTES
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


_WEEK: Final = tuple(Weekday)


class Window(msgspec.Struct, frozen=True):
    """Hours on some days of a week, as minutes of the week at which it opens and closes in turn.

    Clocks on the wall decide: an hour that is skipped in spring is in no window, one that comes twice in
    autumn is in it twice.
    """

    edges: tuple[int, ...]

    def contains(self, minute: int) -> bool:
        """Whether a minute of the week (see `local`) is in it."""
        return bisect_right(self.edges, minute) % 2 == 1


def window(days: Iterable[Weekday], start: int, end: int) -> Window:
    """The window of some days; one that ends before it begins lasts over midnight and is its first day's.

    Args:
        days: on which it begins.
        start: minutes after midnight.
        end: minutes after midnight, not part of it; DAY_MINUTES is the end of the day.
    """
    length = end - start if end > start else end - start + DAY_MINUTES
    edges: list[int] = []
    for day in days:
        opens = _WEEK.index(day) * DAY_MINUTES + start
        closes = opens + length
        edges += [opens, min(closes, WEEK_MINUTES)]
        if closes > WEEK_MINUTES:
            edges += [0, closes - WEEK_MINUTES]
    return Window(tuple(sorted(edges)))


@functools.lru_cache(1_024)
def _at_minute(zone: str, minute: int) -> int:
    at = (_EPOCH + timedelta(minutes=minute)).astimezone(ZoneInfo(zone if exists(zone) else "UTC"))
    return at.weekday() * DAY_MINUTES + at.hour * 60 + at.minute


def local(zone: str, at_ms: int) -> int:
    """The minute of the week, from Monday 00:00, that clocks in `zone` show; without such a zone, UTC.

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
