"""Figures of clicks that are read one by one: what roll-ups do not tell, and the ends of ranges."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from domain import matches, rollups
from domain.analytics_parts import Reading
from domain.click_filters import ClickFilter
from domain.dimensions import Dimension
from domain.periods import Period
from domain.rollups import KINDS, MAX_VALUE, Table
from domain.visits import Outcome
from storage import clicks, mongo

FIELDS: Final[Mapping[Dimension, str]] = {
    Dimension.LINK: "$link_id",
    Dimension.CAMPAIGN: "$campaign_id",
    Dimension.TEMPLATE: "$template_id",
    Dimension.COUNTRY: "$country",
    Dimension.REGION: "$region",
    Dimension.CITY: "$city",
    Dimension.DEVICE: "$device",
    Dimension.OS: "$os",
    Dimension.BROWSER: "$browser",
    Dimension.LANGUAGE: "$language",
    Dimension.REFERRER: "$referrer",
    Dimension.VARIANT: "$variant",
    Dimension.RULE: "$rule",
    Dimension.UTM_SOURCE: "$utm.source",
    Dimension.UTM_MEDIUM: "$utm.medium",
    Dimension.UTM_CAMPAIGN: "$utm.campaign",
    Dimension.UTM_TERM: "$utm.term",
    Dimension.UTM_CONTENT: "$utm.content",
}
"""Where a click's value stands in its document; TAG and ATTRIBUTE have several."""
_PLACES: Final = {kind.value: place and place + 1 for place, kind in enumerate(KINDS)}
"""Where a kind counts in a rollups.Counts; unique ones stand at 1."""


class Grouping(Protocol):
    """By what something is counted that has the fields of clicks; see analytics.Need."""

    @property
    def by(self) -> Dimension | None:
        """The dimension."""

    @property
    def attribute(self) -> str | None:
        """Its name, by ATTRIBUTE."""

    @property
    def cell_ms(self) -> int:
        """Cells of time, milliseconds."""


class ClickCounts:
    """Counts clicks in the database; see domain.analytics_answers.ClickCounts."""

    def __init__(self, database: mongo.Database) -> None:
        self._database = database
        self._clicks = database.clicks

    async def read(self, workspace_id: str, reading: Reading) -> dict[str, Table]:
        """A round trip for each period; raises LimitExceeded where they take the database too long."""
        rows: list[mongo.Document] = []
        async with clicks.bounded(self._database):
            for period in reading.periods:
                stages = _pipeline(workspace_id, reading, period)
                rows += await (await self._clicks.aggregate(stages, hint=_index(reading.wanted))).to_list()
        tables: dict[str, Table] = {}
        for row in rows:
            key = row["_id"]
            counts = [0] * (_PLACES[key["kind"]] + 1)
            counts[-1] = row["count"]
            rollups.add(tables.setdefault(key["link"], {}), value(key.get("value")), counts)
            if row["uniques"]:
                rollups.add(tables[key["link"]], value(key.get("value")), [0, row["uniques"]])
        return tables


def value(found: Any) -> str:
    """The text that stands for a value in tables; empty: there is none."""
    return "" if found is None else matches.written(found)[:MAX_VALUE]


def _index(wanted: ClickFilter) -> str:
    """The index by which the fewest clicks are read; MongoDB alone might read other workspaces', too."""
    if wanted.link_ids is not None:
        return "by_link"
    if wanted.campaign_id is not None:
        return "by_campaign"
    return "of_links" if wanted.template_id is None else "by_template"


def _pipeline(workspace_id: str, reading: Reading, period: Period) -> list[mongo.Document]:
    wanted = clicks.query(workspace_id, reading.wanted) | {"_id": clicks.within(period)}
    stages: list[mongo.Document] = [{"$match": {**wanted, "outcome": Outcome.REDIRECT.value}}]
    each = several(reading)
    if each is not None:
        stages += [{"$set": {"each": each}}]
        stages += [{"$unwind": {"path": "$each", "preserveNullAndEmptyArrays": True}}]
    group = {
        "link": "$link_id" if reading.wanted.link_ids is not None else "",
        "value": "$each" if each is not None else key(reading),
        "kind": "$kind",
    }
    uniques = {"$sum": {"$cond": ["$unique", 1, 0]}}
    return [*stages, {"$group": {"_id": group, "count": {"$sum": 1}, "uniques": uniques}}]


def key(reading: Grouping) -> Any:
    """By what clicks are grouped, as an expression of aggregations."""
    if reading.cell_ms:
        at_ms = {"$toLong": "$at"}
        return {"$subtract": [at_ms, {"$mod": [at_ms, reading.cell_ms]}]}
    return None if reading.by is None else {"$ifNull": [FIELDS[reading.by], None]}


def several(reading: Grouping) -> Any:
    """The values of a click in a dimension in which it may have several, each once."""
    if reading.by is Dimension.TAG:
        return {"$setUnion": [{"$ifNull": ["$tags", []]}, []]}
    if reading.by is Dimension.ATTRIBUTE:
        return clicks.values_of(reading.attribute or "")
    return None
