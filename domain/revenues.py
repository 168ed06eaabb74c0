"""Revenues: conversions and money that clicks are credited with, by the same questions as clicks."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from domain import analytics, instants, intervals
from domain.analytics import CLOCKS, Need, Selection
from domain.dimensions import Dimension
from domain.money import Money
from domain.windows import Weekday

_WEEK: Final = tuple(Weekday)


class Revenue(msgspec.Struct, frozen=True):
    """What some clicks are credited with.

    Args:
        conversions: each counts once, at the click with the largest share.
        amounts: money in minor units by currency, net of refunds; each click has its share.
    """

    conversions: int = 0
    amounts: Mapping[str, int] = {}

    @property
    def money(self) -> list[Money]:
        """The amounts that are not zero, by currency."""
        return [
            Money(minor_units=units, currency=currency)
            for currency, units in sorted(self.amounts.items())
            if units
        ]


NOTHING: Final = Revenue()
Table = dict[str, Revenue]
"""Revenue by value; see analytics.Need."""


class Asked(msgspec.Struct, frozen=True):
    """Revenue by the values of a dimension, by cells of time, or in one row; see analytics.Need."""

    of: Selection
    by: Dimension | None = None
    attribute: str | None = None
    cell_ms: int = 0


class Series(msgspec.Struct, frozen=True):
    """Revenue by the points of a series, see intervals.starts."""

    asked: Asked
    starts: tuple[int, ...]


class Sliced(msgspec.Struct, frozen=True):
    """Revenue by the slices of a breakdown."""

    asked: Asked
    by: Dimension
    timezone: str


class Revenues(Protocol):
    """Where revenues are counted; raises errors.Unavailable while MongoDB is away."""

    async def by_links(self, workspace_id: str, link_ids: Sequence[str]) -> Mapping[str, Revenue]:
        """The all-time revenue of each link that has any."""
        ...

    async def by_campaigns(self, workspace_id: str, campaign_ids: Sequence[str]) -> Mapping[str, Revenue]:
        """The same by campaign."""
        ...

    async def tables(self, workspace_id: str, asked: Sequence[Asked]) -> Sequence[Table]:
        """The table of each question; round trips do not grow with the number of links.

        Raises:
            LimitExceeded: they take the database too long.
        """
        ...


def total(parts: Iterable[Revenue]) -> Revenue:
    """Everything together."""
    conversions, amounts = 0, dict[str, int]()
    for part in parts:
        conversions += part.conversions
        for currency, units in part.amounts.items():
            amounts[currency] = amounts.get(currency, 0) + units
    return Revenue(conversions, amounts)


def of_points(need: Need) -> Asked:
    """What a series is answered from, in the cells of its clicks."""
    return Asked(need.of, cell_ms=need.cell_ms)


def of_slices(selection: Selection, by: Dimension, attribute: str | None) -> Asked:
    """What a breakdown is answered from."""
    if by in CLOCKS:
        return Asked(selection, cell_ms=analytics.QUARTER_MS)
    return Asked(selection, by, attribute)


def series(table: Table, starts: Sequence[int]) -> list[Revenue]:
    """The revenue of each point."""
    points: list[list[Revenue]] = [[] for _ in starts]
    for cell, revenue in table.items():
        points[max(0, bisect_right(starts, int(cell)) - 1)].append(revenue)
    return [total(parts) for parts in points]


def sliced(table: Table, by: Dimension, timezone: str) -> Table:
    """The revenue by the keys of a breakdown."""
    if by not in CLOCKS:
        return table
    zone = intervals.zone(timezone)
    found: dict[str, list[Revenue]] = {}
    for cell, revenue in table.items():
        local = instants.of_milliseconds(int(cell)).astimezone(zone)
        shown = _WEEK[local.weekday()].value if by is Dimension.WEEKDAY else f"{local.hour:02}"
        found.setdefault(shown, []).append(revenue)
    return {shown: total(parts) for shown, parts in found.items()}
