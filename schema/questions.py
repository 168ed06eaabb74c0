"""Questions of analytics: gathered into few round trips, and bounded, for one operation or one event."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Final

from strawberry.dataloader import DataLoader

from domain import revenues
from domain.analytics import Analytics, Need
from domain.errors import LimitExceeded
from domain.revenues import Asked, Revenue, Revenues, Series, Sliced
from domain.revenues import Table as RevenueTable
from domain.rollups import Table

MAX_POINTS: Final = 10_000
"""Points of all series of one operation: each keeps the process busy for some microseconds."""


class Questions:
    """The questions of one operation, asked at one instant.

    Args:
        workspace_id: the viewer's.
        now: where ranges end that last until now; one instant for all, so that they can be gathered.
        analytics: answers them, as far as they are about clicks,
        revenues: as far as they are about what those are credited with.
    """

    def __init__(self, workspace_id: str, now: datetime, analytics: Analytics, revenues: Revenues) -> None:
        self.now = now
        self._workspace_id = workspace_id
        self._analytics = analytics
        self._revenues = revenues
        self._points = 0

    def take_points(self, points: int) -> None:
        """Count the points of one more series; raises LimitExceeded beyond MAX_POINTS."""
        self._points += points
        if self._points > MAX_POINTS:
            raise LimitExceeded(
                f"The series of this operation have more than {MAX_POINTS:,} points in all; "
                "ask for fewer of them, for shorter ranges or for longer intervals."
            )

    @cached_property
    def as_of(self) -> DataLoader[str, datetime]:
        """As of when figures are, once for all."""

        async def load(names: list[str]) -> list[datetime]:
            at = await self._analytics.as_of()
            return [at for _ in names]

        return DataLoader(load)

    @cached_property
    def tables(self) -> DataLoader[Need, Table]:
        """Tables of counts; a table that is needed twice is counted once."""

        async def load(needs: list[Need]) -> Sequence[Table]:
            await self.as_of.load("")  # before the figures, or it would promise clicks that came behind them
            return await self._analytics.tables(self._workspace_id, needs)

        return DataLoader(load)

    @cached_property
    def revenues(self) -> DataLoader[Asked, RevenueTable]:
        """Tables of revenue; one that is needed by several fields is counted once."""

        async def load(asked: list[Asked]) -> Sequence[RevenueTable]:
            return await self._revenues.tables(self._workspace_id, asked)

        return DataLoader(load)

    @cached_property
    def revenue_series(self) -> DataLoader[Series, list[Revenue]]:
        """The revenue of all points of a series, worked out once for all of them."""

        async def load(wanted: list[Series]) -> list[list[Revenue]]:
            tables = await self.revenues.load_many([each.asked for each in wanted])
            return [revenues.series(table, each.starts) for each, table in zip(wanted, tables, strict=True)]

        return DataLoader(load)

    @cached_property
    def revenue_slices(self) -> DataLoader[Sliced, RevenueTable]:
        """The revenue of all slices of a breakdown, worked out once for all of them."""

        async def load(wanted: list[Sliced]) -> list[RevenueTable]:
            tables = await self.revenues.load_many([each.asked for each in wanted])
            return [
                revenues.sliced(table, each.by, each.timezone)
                for each, table in zip(wanted, tables, strict=True)
            ]

        return DataLoader(load)
