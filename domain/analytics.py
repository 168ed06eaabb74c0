"""Analytics: what is asked of clicks, and the figures that answer it."""

import heapq
import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import msgspec

from domain import instants, intervals, rollups
from domain.click_filters import ClickFilter
from domain.clicks import ClickKind
from domain.dimensions import Dimension
from domain.errors import BadRequest
from domain.matches import MAX_CHARACTERS
from domain.periods import Period
from domain.rollups import OTHERS, Counts, Table
from domain.windows import Weekday

MAX_SLICES: Final = 250
MINUTE_MS: Final = 60_000
QUARTER_MS: Final = 15 * MINUTE_MS
"""Every offset of a time zone in use is a multiple of it, since 1980."""
COUNTED: Final = frozenset({ClickKind.HUMAN})
"""The kinds that count where none are asked for."""
CLOCKS: Final = frozenset({Dimension.WEEKDAY, Dimension.HOUR})
_WEEK: Final = tuple(Weekday)


class Figures(msgspec.Struct, frozen=True):
    """What is counted of some clicks; only redirects count.

    Args:
        clicks: of the kinds that were asked for, of people unless others were.
        uniques: of these, the first of a visitor on a link on a UTC day.
        bots: of robots, whichever kinds were asked for.
    """

    clicks: int = 0
    uniques: int = 0
    bots: int = 0


class Slices(msgspec.Struct, frozen=True):
    """Figures by value, the largest first, and everything else."""

    largest: tuple[tuple[str, Figures], ...]
    other: Figures


class Selection(msgspec.Struct, frozen=True):
    """The clicks that a question is about."""

    period: Period
    wanted: ClickFilter


class Need(msgspec.Struct, frozen=True):
    """A table of counts that a question is answered from: by value, by cells of time, or one row for all.

    Args:
        by: count by the values of this dimension; the empty value stands for clicks that have none.
        attribute: its name, by ATTRIBUTE.
        cell_ms: count by cells of time of so many milliseconds, named by where they begin, in decimal.
        starts: where the points begin that the cells are for, if there are points.
    """

    of: Selection
    by: Dimension | None = None
    attribute: str | None = None
    cell_ms: int = 0
    starts: tuple[int, ...] = ()


class Analytics(Protocol):
    """Where tables are counted; raises errors.Unavailable while MongoDB is away."""

    async def as_of(self) -> datetime:
        """Every click that was answered before is in the figures."""
        ...

    async def tables(self, workspace_id: str, needs: Sequence[Need]) -> Sequence[Table]:
        """The table of each need; the number of round trips does not grow with the number of links.

        Raises:
            LimitExceeded: they need more clicks read one by one than a call may read.
        """
        ...


def for_series(of: Selection, starts: Sequence[int]) -> Need:
    """What a series is answered from whose points begin at `starts`, see intervals.starts.

    No point begins within a cell, but for the first: nothing before it is asked for.
    """
    return Need(of, cell_ms=math.gcd(QUARTER_MS, *starts[1:]), starts=tuple(starts))


def for_breakdown(of: Selection, by: Dimension, attribute: str | None) -> Need:
    """What a breakdown is answered from.

    Raises:
        BadRequest: `attribute` is missing, not asked for, or no name.
    """
    if by is not Dimension.ATTRIBUTE and attribute is not None:
        raise BadRequest("`attribute` names an attribute of links; it goes with by: ATTRIBUTE alone.")
    if by is Dimension.ATTRIBUTE and not (attribute and len(attribute) <= MAX_CHARACTERS):
        raise BadRequest(
            f"by: ATTRIBUTE needs the name of one in `attribute`, of at most {MAX_CHARACTERS} characters."
        )
    if by in CLOCKS:
        return Need(of, cell_ms=QUARTER_MS)
    return Need(of) if by is Dimension.KIND else Need(of, by, attribute)


def totals(table: Table, wanted: ClickFilter) -> Figures:
    """The figures of everything that was counted."""
    return _figures(rollups.total(table.values()), wanted)


def series(table: Table, starts: Sequence[int], wanted: ClickFilter) -> list[Figures]:
    """The figures of each point."""
    points: list[Counts] = [[] for _ in starts]
    for cell, counts in table.items():
        place = max(0, bisect_right(starts, int(cell)) - 1)
        points[place] = rollups.total((points[place], counts))
    return [_figures(counts, wanted) for counts in points]


def breakdown(table: Table, by: Dimension, timezone: str, wanted: ClickFilter) -> dict[str, Figures]:
    """The figures by value, where any clicks count.

    Args:
        timezone: whose clocks tell weekday and hour.

    Raises:
        BadRequest: there is no such time zone.
    """
    if by is Dimension.KIND:
        return _by_kind(rollups.total(table.values()), wanted)
    if by in CLOCKS:
        table = _by_clock(table, by, intervals.zone(timezone))
    found = {value: _figures(counts, wanted) for value, counts in table.items()}
    return {value: figures for value, figures in found.items() if figures.clicks}


def sliced(found: Mapping[str, Figures], first: int) -> Slices:
    """The `first` largest slices, equal ones by their key, and the exact remainder.

    Raises:
        BadRequest: `first` is not within 1…MAX_SLICES.
    """
    if not 1 <= first <= MAX_SLICES:
        raise BadRequest(f"`first` is {first}; it must be within 1 and {MAX_SLICES}.")
    named = ((key, figures) for key, figures in found.items() if key != OTHERS)
    largest = heapq.nsmallest(first, named, key=lambda item: (-item[1].clicks, item[0]))
    shown = {key for key, _ in largest}
    rest = [figures for key, figures in found.items() if key not in shown]
    return Slices(tuple(largest), _sum(rest))


def _figures(counts: Counts, wanted: ClickFilter) -> Figures:
    asked = COUNTED if wanted.kinds is None else wanted.kinds
    kinds = rollups.by_kind(counts)
    return Figures(
        sum(count for kind, count in kinds.items() if kind in asked),
        rollups.uniques(counts) if ClickKind.HUMAN in asked else 0,
        kinds.get(ClickKind.BOT, 0),
    )


def _sum(parts: Iterable[Figures]) -> Figures:
    clicks = uniques = bots = 0
    for part in parts:
        clicks += part.clicks
        uniques += part.uniques
        bots += part.bots
    return Figures(clicks, uniques, bots)


def _by_kind(counts: Counts, wanted: ClickFilter) -> dict[str, Figures]:
    """Every kind that is there, or of those that are asked for: whoever asks for kinds means each of them."""
    found = {}
    for kind, count in rollups.by_kind(counts).items():
        if wanted.kinds is None or kind in wanted.kinds:
            unique = rollups.uniques(counts) if kind is ClickKind.HUMAN else 0
            found[kind.value] = Figures(count, unique, count if kind is ClickKind.BOT else 0)
    return found


def _by_clock(table: Table, by: Dimension, zone: ZoneInfo) -> Table:
    """Cells of time by what the clocks of a zone show: MON to SUN, or 00 to 23."""
    found: Table = {}
    for cell, counts in table.items():
        local = instants.of_milliseconds(int(cell)).astimezone(zone)
        shown = _WEEK[local.weekday()].value if by is Dimension.WEEKDAY else f"{local.hour:02}"
        rollups.add(found, shown, counts)
    return found
