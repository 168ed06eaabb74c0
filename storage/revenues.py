"""Revenues: figures of `credits`, which have the fields of clicks by the same names."""

from collections.abc import Mapping, Sequence

import msgspec

from domain import instants
from domain.analytics import Selection
from domain.dimensions import Dimension
from domain.periods import Period
from domain.revenues import NOTHING, Asked, Revenue, Table, total
from storage import analytics_clicks, clicks, mongo
from storage.mongo import Database, Document, answering

_SUMS = {"conversions": {"$sum": "$counted"}, "units": {"$sum": "$minor_units"}}


class MongoRevenues:
    """Counts credits; see domain.revenues.Revenues for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._credits = database["credits"]

    async def by_links(self, workspace_id: str, link_ids: Sequence[str]) -> Mapping[str, Revenue]:
        """The all-time revenue of each link that has any."""
        return await self._by(workspace_id, "link_id", link_ids)

    async def by_campaigns(self, workspace_id: str, campaign_ids: Sequence[str]) -> Mapping[str, Revenue]:
        """The same by campaign."""
        return await self._by(workspace_id, "campaign_id", campaign_ids)

    async def tables(self, workspace_id: str, asked: Sequence[Asked]) -> list[Table]:
        """The table of each question: one round trip for all that differ in their links only."""
        together: dict[Asked, set[str]] = {}
        for each in asked:
            together.setdefault(_of_any_link(each), set()).update(each.of.wanted.link_ids or ())
        found: dict[Asked, Mapping[str, Table]] = {}
        async with clicks.bounded(self._database):
            for each, link_ids in together.items():
                found[each] = await self._read(workspace_id, each, link_ids)
        return [_table(found[_of_any_link(each)], each) for each in asked]

    async def _by(self, workspace_id: str, field: str, ids: Sequence[str]) -> dict[str, Revenue]:
        stages: list[Document] = [
            {"$match": {"workspace_id": workspace_id, field: {"$in": list(ids)}}},
            {"$group": {"_id": {"owner": f"${field}", "currency": "$currency"}, **_SUMS}},
        ]
        with answering():
            rows = await (await self._credits.aggregate(stages)).to_list()
        found: dict[str, list[Revenue]] = {}
        for row in rows:
            found.setdefault(row["_id"]["owner"], []).append(_revenue(row))
        return {owner: total(parts) for owner, parts in found.items()}

    async def _read(self, workspace_id: str, asked: Asked, link_ids: set[str]) -> Mapping[str, Table]:
        """Tables by link; under "" where the question names no links."""
        named = asked.of.wanted.link_ids is not None
        conditions = clicks.query(workspace_id, asked.of.wanted)
        conditions["at"] = _within(asked.of.period)
        if named:
            conditions["link_id"] = {"$in": sorted(link_ids)}
        elif conditions["link_id"] == mongo.TEXT:
            del conditions["link_id"]  # a conversion may have no click, and no link
        stages: list[Document] = [{"$match": conditions}]
        each = analytics_clicks.several(asked)
        if each is not None:
            stages += [{"$set": {"each": each}}]
            stages += [{"$unwind": {"path": "$each", "preserveNullAndEmptyArrays": True}}]
        group = {
            "link": "$link_id" if named else "",
            "value": "$each" if each is not None else _key(asked),
            "currency": "$currency",
        }
        stages.append({"$group": {"_id": group, **_SUMS}})
        rows = await (await self._credits.aggregate(stages)).to_list()
        parts: dict[str, dict[str, list[Revenue]]] = {}
        for row in rows:
            value = analytics_clicks.value(row["_id"].get("value"))
            parts.setdefault(row["_id"]["link"], {}).setdefault(value, []).append(_revenue(row))
        return {
            link: {value: total(revenues) for value, revenues in table.items()}
            for link, table in parts.items()
        }


def _of_any_link(asked: Asked) -> Asked:
    """The question without its links: those that are alike are read together."""
    if asked.of.wanted.link_ids is None:
        return asked
    wanted = msgspec.structs.replace(asked.of.wanted, link_ids=frozenset())
    return msgspec.structs.replace(asked, of=Selection(asked.of.period, wanted))


def _table(found: Mapping[str, Table], asked: Asked) -> Table:
    if asked.of.wanted.link_ids is None:
        return found.get("", {})
    table: Table = {}
    for link_id in asked.of.wanted.link_ids & found.keys():
        for value, revenue in found[link_id].items():
            table[value] = total((table.get(value, NOTHING), revenue))
    return table


def _revenue(row: Document) -> Revenue:
    currency = row["_id"].get("currency")
    return Revenue(row["conversions"], {} if currency is None else {currency: row["units"]})


def _key(asked: Asked) -> object:
    return "$kind" if asked.by is Dimension.KIND else analytics_clicks.key(asked)


def _within(period: Period) -> Document:
    return {
        "$gte": instants.of_milliseconds(period.start),
        "$lt": instants.of_milliseconds(period.end),
    }
