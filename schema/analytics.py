"""Analytics as the API shows them: questions about clicks in a range of time."""

from collections.abc import Callable
from typing import Annotated, Any, Final

import strawberry

from domain import (
    analytics,
    analytics_plans,
    click_filters,
    dimensions,
    instants,
    intervals,
    retention,
    revenues,
)
from domain.access import Scope
from domain.analytics import Figures, Need, Selection
from domain.click_filters import EVERY_CLICK
from domain.revenues import NOTHING, Asked, Revenue, Sliced
from schema.clicks import ClickFilter
from schema.context import Context, Info
from schema.nodes import Node
from schema.periods import TimeRange
from schema.revenues import Earned, Earning, rate
from schema.scalars import BigInt, DateTime

POINTS: Final = 5
"""What looking at figures costs besides a point for each object: about what reading so many links takes."""
_NODES: Final = frozenset(
    {dimensions.Dimension.LINK, dimensions.Dimension.CAMPAIGN, dimensions.Dimension.TEMPLATE}
)
USUAL_POINTS: Final = 31
"""Of a series, before it is known how many there are: a month of days."""

Interval = intervals.Interval
strawberry.enum(Interval, name="Interval", description="How long a point of a series lasts.")
Dimension = dimensions.Dimension
strawberry.enum(Dimension, name="Dimension", description="By what figures are broken down.")
_OF_NODES: Final = frozenset({Dimension.LINK, Dimension.CAMPAIGN, Dimension.TEMPLATE})
"""Dimensions whose keys are ids."""
Timezone = Annotated[
    str | None,
    strawberry.argument(
        description="An IANA name; null: that of the workspace, its `timezone`. UTC where it is left out."
    ),
]


@strawberry.type(description="Figures of a range as a whole.")
class Totals(Earning):
    """The API's view of domain.analytics.Figures."""

    clicks: BigInt = strawberry.field(description="Redirects of people, or of the kinds that are asked for.")
    uniques: BigInt = strawberry.field(
        description="Of these, the first of a visitor on a link on a UTC day; days and links add up."
    )
    bots: BigInt = strawberry.field(description="Redirects of robots, whichever kinds are asked for.")

    @strawberry.field(description="Conversions for each click.")
    async def conversion_rate(self, info: Info) -> float:
        """Gathered with other questions."""
        return await rate(self.earned, int(self.clicks), info.context)

    @classmethod
    def of(cls, figures: Figures, earned: Earned) -> "Totals":
        """The same figures, with what these clicks are credited with."""
        return cls(
            clicks=BigInt(figures.clicks),
            uniques=BigInt(figures.uniques),
            bots=BigInt(figures.bots),
            earned=earned,
        )


@strawberry.type(description="Figures of one interval.")
class Point(Earning):
    """The API's view of domain.analytics.Figures in a series."""

    at: DateTime = strawberry.field(description="Where the interval begins.")
    clicks: BigInt = strawberry.field(description="As in Totals.")
    uniques: BigInt = strawberry.field(description="As in Totals.")

    @classmethod
    def of(cls, at_ms: int, figures: Figures, earned: Earned) -> "Point":
        """The figures of the interval that begins `at_ms` after the Unix epoch."""
        at = DateTime(instants.written_milliseconds(at_ms))
        return cls(at=at, clicks=BigInt(figures.clicks), uniques=BigInt(figures.uniques), earned=earned)


@strawberry.type(description="Figures of one value of a dimension.")
class Slice(Earning):
    """The API's view of domain.analytics.Figures in a breakdown."""

    key: str = strawberry.field(description="The value; empty for clicks that have none.")
    clicks: BigInt = strawberry.field(description="As in Totals.")
    uniques: BigInt = strawberry.field(description="As in Totals.")
    by: strawberry.Private[Dimension]

    @strawberry.field(description="Conversions for each click.")
    async def conversion_rate(self, info: Info) -> float:
        """Gathered with other questions."""
        return await rate(self.earned, int(self.clicks), info.context)

    @strawberry.field(
        description="The link, campaign or template of the key; null where it is none, or is deleted.",
        metadata={"scope": Scope.LINKS_READ},
    )
    async def node(self, info: Info) -> Node | None:
        """One round trip for all slices of an answer."""
        from schema import node_kinds

        known = self.key and self.by in _OF_NODES
        return await node_kinds.load(self.key, info.context) if known else None

    @classmethod
    def of(cls, key: str, figures: Figures, by: Dimension, earned: Earned) -> "Slice":
        """The same figures."""
        clicks, uniques = BigInt(figures.clicks), BigInt(figures.uniques)
        return cls(key=key, clicks=clicks, uniques=uniques, by=by, earned=earned)


@strawberry.type(description="Figures by the values of a dimension.")
class Breakdown:
    """The API's view of domain.analytics.Slices."""

    slices: list[Slice] = strawberry.field(description="The largest first; equal ones by their key.")
    other: Slice = strawberry.field(description="Everything else, exactly; its key is empty.")

    @classmethod
    def of(cls, slices: analytics.Slices, sliced: Sliced) -> "Breakdown":
        """The same slices, with what their clicks are credited with."""
        shown = frozenset(key for key, _ in slices.largest)
        largest = [
            Slice.of(key, figures, sliced.by, _earned_by(sliced, key)) for key, figures in slices.largest
        ]
        return cls(
            slices=largest, other=Slice.of("", slices.other, sliced.by, _earned_besides(sliced, shown))
        )


@strawberry.type(
    description="Figures of the clicks that a filter wants in a range of time. Redirects count, those of "
    "people unless the filter asks for other kinds."
)
class Analytics:
    """One selection of clicks; each field asks a question of it."""

    after: DateTime = strawberry.field(
        description="Where the range begins. One of a day or more that ends now begins with the full hour."
    )
    before: DateTime = strawberry.field(description="Where it ends.")
    selection: strawberry.Private[Selection]

    @strawberry.field(
        description="Every click that was answered before is in the figures: the slowest journal decides."
    )
    async def as_of(self, info: Info) -> DateTime:
        """One round trip for all analytics of an answer."""
        return DateTime(instants.written(await info.context.questions.as_of.load("")))

    @strawberry.field(
        description="Whether figures of this range and filter may need clicks that are not there any more, "
        "removed under the present retention or an earlier one. Those of full hours do not where the filter "
        "names, besides kinds, only links, or only a campaign, a template or a tag."
    )
    async def partial(self, info: Info) -> bool:
        """By the workspace's retention."""
        workspace = await info.context.workspace()
        kept_from = retention.kept_from(workspace, info.context.questions.now)
        return analytics_plans.is_partial(self.selection.period, self.selection.wanted, kept_from)

    @strawberry.field(description="Figures of the range as a whole.")
    async def totals(self, info: Info) -> Totals:
        """Gathered with other questions."""
        table = await info.context.questions.tables.load(Need(self.selection))
        return Totals.of(analytics.totals(table, self.selection.wanted), _earned(self.selection))

    @strawberry.field(
        description="Figures by time, without gaps; at most 2,000 points. Days, weeks and months are those "
        "of the time zone; a week begins on Monday.",
        metadata={"rows": USUAL_POINTS},
    )
    async def series(self, info: Info, interval: Interval, timezone: Timezone = "UTC") -> list[Point]:
        """Gathered with other questions."""
        questions, wanted = info.context.questions, self.selection.wanted
        starts = intervals.starts(self.selection.period, interval, await _zone(timezone, info.context))
        questions.take_points(len(starts))
        need = analytics.for_series(self.selection, starts)
        table = await questions.tables.load(need)
        found = analytics.series(table, starts, wanted)
        points = revenues.Series(revenues.of_points(need), need.starts)
        return [
            Point.of(at, figures, _earned_at(points, place))
            for place, (at, figures) in enumerate(zip(starts, found, strict=True))
        ]

    @strawberry.field(
        description="Figures by the values of a dimension; `attribute` is the name of one, by ATTRIBUTE, and "
        "`timezone` tells by whose clocks WEEKDAY and HOUR are meant.",
    )
    async def breakdown(
        self,
        info: Info,
        by: Dimension,
        attribute: str | None = None,
        first: int | None = 10,
        timezone: Timezone = "UTC",
    ) -> Breakdown:
        """Gathered with other questions."""
        need = analytics.for_breakdown(self.selection, by, attribute)
        table = await info.context.questions.tables.load(need)
        zone = await _zone(timezone, info.context)
        found = analytics.breakdown(table, by, zone, self.selection.wanted)
        sliced = Sliced(revenues.of_slices(self.selection, by, attribute), by, zone)
        return Breakdown.of(analytics.sliced(found, 10 if first is None else first), sliced)

    @classmethod
    def of(cls, asked: TimeRange, wanted: click_filters.ClickFilter, context: Context) -> "Analytics":
        """The analytics of a range and a filter."""
        period = asked.to_domain(context.questions.now)
        after, before = (instants.written(instants.of_milliseconds(at)) for at in (period.start, period.end))
        return cls(after=DateTime(after), before=DateTime(before), selection=Selection(period, wanted))


def field(what: str, chosen: Callable[[click_filters.ClickFilter, Any], click_filters.ClickFilter]) -> Any:
    """The field of a type that has analytics.

    Args:
        what: whose figures they are, for people.
        chosen: the part of a filter's clicks that an object of the type has.
    """

    def analytics(
        root: Any,
        info: Info,
        range: TimeRange,  # noqa: A002 - the API's name
        filter: ClickFilter | None = None,  # noqa: A002
    ) -> Analytics:
        wanted = EVERY_CLICK if filter is None else filter.to_domain()
        return Analytics.of(range, chosen(wanted, root), info.context)

    return strawberry.field(
        resolver=analytics,
        description=f"Figures of {what} in a range of time.",
        metadata={"scope": Scope.ANALYTICS_READ, "cost": POINTS},
    )


async def _zone(given: str | None, context: Context) -> str:
    return (await context.workspace()).timezone if given is None else given


def _earned(selection: Selection) -> Earned:
    async def earned(context: Context) -> Revenue:
        return revenues.total((await context.questions.revenues.load(Asked(selection))).values())

    return earned


def _earned_at(points: revenues.Series, place: int) -> Earned:
    async def earned(context: Context) -> Revenue:
        return (await context.questions.revenue_series.load(points))[place]

    return earned


def _earned_by(sliced: Sliced, key: str) -> Earned:
    async def earned(context: Context) -> Revenue:
        return (await context.questions.revenue_slices.load(sliced)).get(key, NOTHING)

    return earned


def _earned_besides(sliced: Sliced, shown: frozenset[str]) -> Earned:
    async def earned(context: Context) -> Revenue:
        table = await context.questions.revenue_slices.load(sliced)
        return revenues.total(revenue for key, revenue in table.items() if key not in shown)

    return earned
