"""Instants: aware UTC datetimes to the millisecond, and RFC 3339, the text that the API has for them."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

Clock = Callable[[], datetime]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def parsed(text: str) -> datetime:
    """The instant of an RFC 3339 date-time, in UTC, cut to the millisecond.

    Raises:
        ValueError: it is none, names a day or an hour that does not exist, or leaves the years 1…9999.
    """
    if _RFC3339.fullmatch(text) is None:
        raise ValueError("not an RFC 3339 date-time with its offset")
    try:
        at = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999") from error
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def written(at: datetime) -> str:
    """An instant in RFC 3339 with milliseconds and `Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache(4_096)
def written_milliseconds(at_ms: int) -> str:
    """The same of milliseconds since the Unix epoch; kept for a while, for series share their points."""
    return written(of_milliseconds(at_ms))


def milliseconds(at: datetime) -> int:
    """Milliseconds from the Unix epoch to `at`."""
    return int(at.timestamp() * 1000 + 0.5)


def of_milliseconds(at_ms: int) -> datetime:
    """The instant that is `at_ms` after the Unix epoch, exactly."""
    return _EPOCH + timedelta(milliseconds=at_ms)
