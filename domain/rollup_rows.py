"""Roll-ups as rows of a file: what was counted on a UTC day, by dimension and value."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from domain import instants, rollups
from domain.dimensions import Dimension
from domain.file_rows import Column, Columns, Row
from domain.rollups import ATTRIBUTE_MARK, FIELDS, HOURS, OTHERS, SEVERAL, TIME, Asked, Counts, Scope

_COUNTED: Final = ("clicks", "uniques", "bots", "prefetches", "previews", "heads")
"""In the order of rollups.Counts."""
COLUMNS: Final[Columns] = {
    "day": Column.TEXT,
    "dimension": Column.TEXT,
    "attribute": Column.TEXT,
    "key": Column.TEXT,
    **dict.fromkeys(_COUNTED, Column.INTEGER),
}

Mark = tuple[int, str]
"""Where a row stands among those of its day: the place of its dimension, and its value."""
START: Final[Mark] = (-1, "")


def asked(scope: Scope, first_hour: int, end_hour: int) -> list[Asked]:
    """What has to be asked for the rows of one day, or a part of it."""
    return [Asked(scope, field, first_hour, end_hour) for field in (TIME, *FIELDS.values())]


def of_day(
    first_hour: int, answers: Sequence[Mapping[str, Counts]], behind: Mark = START
) -> Iterator[tuple[Mark, Row]]:
    """The rows of what was asked, in order: hours first, then each dimension by value.

    Args:
        first_hour: what was asked begins with it.
        answers: to what `asked` gives.
        behind: the row that was written last.
    """
    day = datetime.fromtimestamp(first_hour * 3_600, UTC).date().isoformat()
    time, *tables = answers
    hours = {f"{hour:08}": counts for hour, counts in _by_hour(time).items()}
    for place, (dimension, table) in enumerate(zip((Dimension.HOUR, *FIELDS), (hours, *tables), strict=True)):
        for value in sorted(table):
            attribute, key = _named(dimension, value)
            if (place, value) > behind and key != SEVERAL:
                yield (place, value), _row(day, dimension, attribute, key, table[value])


def hours_of_days(time: Mapping[str, Counts]) -> list[int]:
    """The first hours of the UTC days that anything was counted on, from an answer by TIME."""
    return sorted({int(quarter) // 4 // HOURS * HOURS for quarter in time})


def _named(dimension: Dimension, value: str) -> tuple[str | None, str | None]:
    """The attribute and the value that are meant; no value: all that a full table had no room for."""
    if value == OTHERS:
        return None, None
    if dimension is Dimension.HOUR:
        return None, instants.written(datetime.fromtimestamp(int(value) * 3_600, UTC))
    if dimension is not Dimension.ATTRIBUTE:
        return None, value
    name, _, rest = value.partition(ATTRIBUTE_MARK)
    return name, rest


def _by_hour(time: Mapping[str, Counts]) -> dict[int, Counts]:
    found: dict[int, Counts] = {}
    for quarter, counts in time.items():
        kept = found.setdefault(int(quarter) // 4, [0] * len(rollups.KINDS) + [0])
        for place, count in enumerate(counts):
            kept[place] += count
    return found


def _row(day: str, dimension: Dimension, attribute: str | None, key: str | None, counts: Counts) -> Row:
    whole = [*counts, *[0] * (len(_COUNTED) - len(counts))]
    named = {"day": day, "dimension": dimension.value, "attribute": attribute, "key": key}
    return {**named, **dict(zip(_COUNTED, whole, strict=True))}
