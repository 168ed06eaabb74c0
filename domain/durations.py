"""Durations: ISO 8601 lengths of time such as P30D or P1M, added to an instant as a calendar does."""

import calendar
import re
from datetime import datetime, timedelta
from typing import Final

import msgspec

_ISO8601: Final = re.compile(
    r"P(?=\d|T\d)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,5})W)?(?:(\d{1,6})D)?"
    r"(?:T(?=\d)(?:(\d{1,7})H)?(?:(\d{1,9})M)?(?:(\d{1,10})S)?)?",
    re.ASCII,
)
_LONGEST_MONTHS: Final = 1_200
_LONGEST: Final = timedelta(days=36_525)


class Duration(msgspec.Struct, frozen=True):
    """A length of time; months have no fixed length, so they are kept apart.

    Args:
        months: calendar months, years included.
        rest: what has a fixed length; a day is 24 hours, as instants are UTC.
    """

    months: int
    rest: timedelta

    def after(self, at: datetime) -> datetime:
        """The instant that lies this far behind `at`; the 31st becomes the last day of a shorter month."""
        return _months_later(at, self.months) + self.rest

    def before(self, at: datetime) -> datetime:
        """The instant that lies this far back; the 31st becomes the last day of a shorter month."""
        return _months_later(at, -self.months) - self.rest


def parsed(text: str) -> Duration:
    """The duration of an ISO 8601 text (section 5.5.2.2), without fractions or a sign.

    Raises:
        ValueError: it is none, is zero, or is longer than a hundred years.
    """
    match = _ISO8601.fullmatch(text)
    if match is None:
        raise ValueError("not an ISO 8601 duration")
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    rest = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    made = Duration(years * 12 + months, rest)
    if not made.months and not rest:
        raise ValueError("a duration of nothing")
    if made.months > _LONGEST_MONTHS or rest > _LONGEST:
        raise ValueError("longer than a hundred years")
    return made


def _months_later(at: datetime, months: int) -> datetime:
    month = at.month - 1 + months
    year, month = at.year + month // 12, month % 12 + 1
    day = min(at.day, calendar.monthrange(year, month)[1])
    return at.replace(year=year, month=month, day=day)
