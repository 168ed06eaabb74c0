"""Parts of which a table of counts is put together: answers of roll-ups, and clicks read one by one."""

import functools
import itertools
import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from domain import analytics_plans, rollups
from domain.analytics import MINUTE_MS, QUARTER_MS, Need
from domain.analytics_plans import SEVERAL_VALUES, Limited, Plan
from domain.click_filters import ClickFilter
from domain.dimensions import Dimension
from domain.periods import Period
from domain.rollups import (
    ATTRIBUTE_MARK,
    CELLS,
    FIELDS,
    HOUR_MS,
    MINUTE,
    OTHERS,
    QUARTER,
    SEVERAL,
    TIME,
    Asked,
    Counts,
    ScopeKind,
    Table,
)

MAX_ASKED: Final = 100
"""Questions for roll-ups of a series that a filter limits: one for each of its points."""
MAX_ENDS: Final = 2
_OWN: Final = {
    Dimension.LINK: ScopeKind.LINK,
    Dimension.CAMPAIGN: ScopeKind.CAMPAIGN,
    Dimension.TEMPLATE: ScopeKind.TEMPLATE,
}
_ALWAYS: Final = FIELDS[Dimension.DEVICE]
"""The dimension with the fewest values that every click has one of: its rows add up to everything."""

Answers = Sequence[Mapping[str, Counts]]


class Reading(msgspec.Struct, frozen=True):
    """Clicks that are read one by one, and how they are counted; see analytics.Need.

    Args:
        wanted: which; their kinds are counted apart and never limited.
    """

    wanted: ClickFilter
    periods: tuple[Period, ...]
    by: Dimension | None
    attribute: str | None
    cell_ms: int


class Part(msgspec.Struct, frozen=True):
    """What the table of a need is put together from.

    Args:
        asked: questions for roll-ups.
        collected: the table of their answers; None: they do not tell, the clicks have to be read.
        reading: what has to be read besides.
        counted: the questions only tell how many clicks `reading` would read.
    """

    asked: tuple[Asked, ...] = ()
    collected: Callable[[Answers], Table | None] = lambda _: {}
    reading: Reading | None = None
    counted: bool = False


NOTHING: Final = Part()


def part(need: Need) -> Part:
    """How the table of a need is counted."""
    plan = analytics_plans.plan(need.of.wanted)
    if not plan.scopes:
        return NOTHING
    if not plan.enough:
        return read(need, plan)
    if plan.limited is None:
        return _by_time(need, plan) if need.cell_ms else _by_value(need, plan)
    if need.cell_ms:
        return _limited_by_time(need, plan, plan.limited)
    if need.by is None or (need.by is plan.limited.by and need.by not in SEVERAL_VALUES):
        return _limited_by_value(need, plan, plan.limited)
    return read(need, plan)


def read(need: Need, plan: Plan) -> Part:
    """Everything from the clicks; the roll-ups tell how many there are before they are read."""
    period = analytics_plans.cut(need.of.period).covers
    first, end = period.start // HOUR_MS, -(-period.end // HOUR_MS)
    asked = tuple(Asked(scope, _ALWAYS, first, end) for scope in plan.scopes)
    return Part(asked, lambda _: {}, _reading(need, (period,)), counted=True)


def _by_value(need: Need, plan: Plan) -> Part:
    cut = analytics_plans.cut(need.of.period)
    reading = _reading(need, cut.ends)
    if cut.whole is None:
        return Part(reading=reading)
    own = need.by is not None and _OWN.get(need.by) is plan.scopes[0].kind
    wholes = tuple(Asked(scope, _ALWAYS, *cut.whole) for scope in plan.scopes)
    if need.by is None or own:
        names = [scope.id if own else "" for scope in plan.scopes]
        return Part(wholes, lambda answers: _named(names, answers), reading)
    rows = tuple(asked._replace(field=FIELDS[need.by]) for asked in wholes)
    collected = functools.partial(_values, need, len(rows))
    return Part((*rows, *wholes), collected, reading)


def _limited_by_value(need: Need, plan: Plan, limited: Limited) -> Part:
    cut = analytics_plans.cut(need.of.period)
    reading = _reading(need, cut.ends)
    if cut.whole is None:
        return Part(reading=reading)
    asked = tuple(Asked(scope, FIELDS[limited.by], *cut.whole) for scope in plan.scopes)

    def collected(answers: Answers) -> Table | None:
        kept = _limited(answers, limited)
        return kept if kept is None or need.by is not None else {"": rollups.total(kept.values())}

    return Part(asked, collected, reading)


def _by_time(need: Need, plan: Plan) -> Part:
    """Whole hours by cells as large as the points allow, those of the ends by minutes, the rest by clicks.

    Where points begin within a quarter, hours are told by minutes, and where they begin within a minute, by
    clicks: days do so in Kiritimati until 1979 and in Liberia until 1972. Hardly any click is as old.
    """
    period = need.of.period
    since = min(max(period.start, _behind(need.starts, MINUTE_MS)), period.end)
    cut, ends = analytics_plans.cut_in_minutes(Period(since, period.end, period.open))
    first, end = cut.whole or (0, 0)
    quarters = min(max(first, -(-_behind(need.starts, QUARTER_MS) // HOUR_MS)), end)
    spans = [(first, quarters, MINUTE), (quarters, end, _cell(need, quarters))]
    spans += [(each.start // HOUR_MS, -(-each.end // HOUR_MS), MINUTE) for each in cut.ends]
    spans = [span for span in spans if span[0] < span[1]]
    asked = tuple(Asked(scope, TIME, *span) for scope in plan.scopes for span in spans)
    collected = functools.partial(_cells, need, asked, cut.covers)
    read = [each for each in (Period(period.start, since), *ends) if each.start < each.end]
    return Part(asked, collected, _reading(need, tuple(read)))


def _cell(need: Need, first_hour: int) -> int:
    """The largest of rollups.CELLS within which no point begins any more, from an hour on."""
    later = [start for start in need.starts if start > first_hour * HOUR_MS]
    together = math.gcd(*later) if need.starts else need.cell_ms
    return max([QUARTER, *(cell for cell in CELLS if together % (cell * MINUTE_MS) == 0)])


def _behind(starts: Sequence[int], cell_ms: int) -> int:
    """Behind the last cell of time within which a point begins; 0: all begin with one."""
    within = [start for start in starts if start % cell_ms]
    return (within[-1] // cell_ms + 1) * cell_ms if within else 0


def _limited_by_time(need: Need, plan: Plan, limited: Limited) -> Part:
    """Each point of whole hours has a question of its own."""
    period, starts = need.of.period, need.starts
    cuts = [
        analytics_plans.cut(_point(period, start, end))
        for start, end in itertools.zip_longest(starts, starts[1:])
    ]
    ends = tuple(end for cut in cuts for end in cut.ends)
    if not starts or len(ends) > MAX_ENDS or len(cuts) * len(plan.scopes) > MAX_ASKED:
        return read(need, plan)
    asked = [
        (str(start), Asked(scope, FIELDS[limited.by], *cut.whole))
        for start, cut in zip(starts, cuts, strict=True)
        if cut.whole is not None
        for scope in plan.scopes
    ]

    def collected(answers: Answers) -> Table | None:
        table: Table = {}
        for (start, _), answer in zip(asked, answers, strict=True):
            kept = _limited([answer], limited)
            if kept is None:
                return None
            rollups.add(table, start, rollups.total(kept.values()))
        return table

    return Part(tuple(each for _, each in asked), collected, _reading(need, ends))


def _point(period: Period, start: int, end: int | None) -> Period:
    """The part of a period that a point of a series is about; the last one ends with the period."""
    start = max(start, period.start)
    return Period(start, period.end, period.open) if end is None else Period(start, end)


def _reading(need: Need, periods: tuple[Period, ...]) -> Reading | None:
    if not periods:
        return None
    wanted = msgspec.structs.replace(need.of.wanted, kinds=None)
    return Reading(wanted, periods, need.by, need.attribute, need.cell_ms)


def _values(need: Need, asked: int, answers: Answers) -> Table:
    """The rows of a dimension, and of the empty value what they do not add up to.

    Where a full table has put attributes among OTHERS, nobody knows whose they were: so is the rest.
    """
    rows: Table = {}
    for answer in answers[:asked]:
        rollups.added(rows, answer)
    none = ""
    if need.by is Dimension.ATTRIBUTE:
        none = OTHERS if OTHERS in rows else none
        start = f"{need.attribute}{ATTRIBUTE_MARK}"
        rows = {value[len(start) :]: counts for value, counts in rows.items() if value.startswith(start)}
    several = rows.pop(SEVERAL, []) if need.by in SEVERAL_VALUES else []
    whole = _total([*answers[asked:], {"": several}])
    spent = rollups.total(rows.values())
    rest = [had - used for had, used in itertools.zip_longest(whole, spent, fillvalue=0)]
    if any(rest):
        rollups.add(rows, none, rest)  # an attribute may be the empty text: that counts as having none
    return rows


def _named(names: Sequence[str], answers: Answers) -> Table:
    """Everything in each answer, under its name."""
    table: Table = {}
    for name, answer in zip(names, answers, strict=True):
        rollups.add(table, name, _total([answer]))
    return table


def _cells(need: Need, asked: Sequence[Asked], within: Period, answers: Answers) -> Table:
    """Cells of time, or, where there are points, what they come to in each of them."""
    table: Table = {}
    starts, names = need.starts, [str(start) for start in need.starts]
    for asking, answer in zip(asked, answers, strict=True):
        since = asking.first_hour * HOUR_MS
        for cell, counts in answer.items():
            at_ms = max(since, int(cell) * asking.cell * MINUTE_MS)
            if within.start <= at_ms < within.end:
                point = bisect_right(starts, at_ms) - 1 if starts else -1
                rollups.add(table, names[point] if point >= 0 else str(at_ms), counts)
    return table


def _limited(answers: Answers, limited: Limited) -> Table | None:
    """The rows of some values; None where some of their clicks may be among OTHERS."""
    rows: Table = {}
    for answer in answers:
        if OTHERS in answer:
            return None
        rollups.added(rows, {value: answer[value] for value in limited.values if value in answer})
    return rows


def _total(answers: Answers) -> Counts:
    return rollups.total(counts for answer in answers for counts in answer.values())
