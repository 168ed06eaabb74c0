"""Periods: the stretch of time that a question about clicks is asked of."""

import functools
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from domain import durations, instants
from domain.errors import BadRequest

BEGINNING: Final = datetime(2015, 1, 1, tzinfo=UTC)
"""Before the first click of anybody: where a range begins that does not say. A series of it may be by weeks.
Who has older clicks, of a clock that was wrong or from elsewhere, sets `after`."""
FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""No range begins before."""
HOUR_MS: Final = 3_600_000
END: Final = datetime(2200, 1, 1, tzinfo=UTC)
_SHOWN: Final = 50


class Period(msgspec.Struct, frozen=True):
    """A stretch of time.

    Args:
        start: its first millisecond since the Unix epoch.
        end: the first millisecond that is not part of it.
        open: it lasts until now: whatever there is of the hour of its end is part of it.
    """

    start: int
    end: int
    open: bool = False

    def contains(self, at_ms: int) -> bool:
        """Whether an instant is in it."""
        end = -(-self.end // HOUR_MS) * HOUR_MS if self.open else self.end
        return self.start <= at_ms < end


@functools.lru_cache(1_024)
def last(text: str, now: datetime) -> Period:
    """The period of a length that ends now; one of a day or more begins with the full hour.

    Roll-ups know whole hours: what begins within one is read from the clicks of the rest of it. Every link of
    a page asks for the same one, so it is worked out once.

    Args:
        text: ISO 8601 duration such as PT1H or P30D; a month goes back as a calendar does.
        now: where it ends.

    Raises:
        BadRequest: it is no such duration.
    """
    try:
        start = durations.parsed(text).before(now)
    except ValueError as error:
        raise BadRequest(
            f"The range's last is {text[:_SHOWN]!r}: {error}. A duration is written as PT1H or P30D."
        ) from None
    if now - start >= timedelta(days=1):
        start = start.replace(minute=0, second=0, microsecond=0)
    return _period(start, now, open_=True)


def between(after: datetime | None, before: datetime | None, now: datetime) -> Period:
    """The period from `after` (default: BEGINNING) until before `before` (default: now).

    Raises:
        BadRequest: it ends before it begins.
    """
    end = before or now
    start = after or (BEGINNING if end > BEGINNING else FIRST)
    if start >= end:
        raise BadRequest(
            f"The range begins at {instants.written(start)} and ends before {instants.written(end)}: "
            "nothing is in it. Set before behind after."
        )
    return _period(start, end, open_=before is None)


def _period(start: datetime, end: datetime, *, open_: bool) -> Period:
    """Cut to the years in which there can be clicks."""
    return Period(
        instants.milliseconds(min(max(start, FIRST), END - timedelta(milliseconds=1))),
        instants.milliseconds(min(max(end, FIRST + timedelta(milliseconds=1)), END)),
        open=open_,
    )
