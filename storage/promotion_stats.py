"""Figures of promotions, counted in referrals, conversions and rewards."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from domain.promotion_stats import Cohort, PromotionStats
from domain.rewards import RewardState
from storage import clicks
from storage.mongo import Database, Document

_OWED: Final = [RewardState.PENDING, RewardState.HELD, RewardState.APPROVED]
_MONTH: Final = {"$dateTrunc": {"date": "$joined_at", "unit": "month"}}

Rows = list[Document]


class MongoPromotionFigures:
    """Counts promotions; see domain.promotion_stats.PromotionFigures for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_ids(self, workspace_id: str, promotion_ids: Sequence[str]) -> Mapping[str, PromotionStats]:
        """The figures of each promotion: three round trips for all of them."""
        of = {"workspace_id": workspace_id, "promotion_id": {"$in": list(promotion_ids)}}
        async with clicks.bounded(self._database):
            joined = await self._rows("referrals", _joined(of))
            converted = await self._rows("conversions", _converted(of))
            earned = await self._rows("rewards", _earned(of))
        return {each: _stats(each, joined, converted, earned) for each in promotion_ids}

    async def _rows(self, collection: str, stages: Rows) -> Rows:
        return await (await self._database[collection].aggregate(stages)).to_list()


def _joined(of: Document) -> Rows:
    """By promotion and month: people who joined then, and their referrals."""
    person = {"promotion": "$promotion_id", "person": "$participant_id"}
    return [
        {"$match": of},
        {"$group": {"_id": person, "joined_at": {"$min": "$created_at"}, "links": {"$sum": 1}}},
        {
            "$group": {
                "_id": {"promotion": "$_id.promotion", "month": _MONTH},
                "participants": {"$sum": 1},
                "links": {"$sum": "$links"},
            }
        },
        {"$sort": {"_id.month": 1}},
    ]


def _converted(of: Document) -> Rows:
    """By promotion and the month in which the referrer joined it: conversions."""
    own = {
        "workspace_id": of["workspace_id"],
        "$expr": {
            "$and": [
                {"$eq": ["$participant_id", "$$person"]},
                {"$eq": ["$promotion_id", "$$promotion"]},
            ]
        },
    }
    first: dict[str, Any] = {
        "from": "referrals",
        "let": {"person": "$_id.person", "promotion": "$_id.promotion"},
        "pipeline": [{"$match": own}, {"$sort": {"_id": 1}}, {"$limit": 1}, {"$project": {"created_at": 1}}],
        "as": "first",
    }
    person = {"promotion": "$promotion_id", "person": "$referrer_id"}
    return [
        {"$match": {**of, "referrer_id": {"$type": "string"}}},
        {"$group": {"_id": person, "conversions": {"$sum": 1}}},
        {"$lookup": first},
        {"$set": {"joined_at": {"$first": "$first.created_at"}}},
        {
            "$group": {
                "_id": {"promotion": "$_id.promotion", "month": _MONTH},
                "conversions": {"$sum": "$conversions"},
            }
        },
    ]


def _earned(of: Document) -> Rows:
    """By promotion, state and currency: amounts."""
    key = {"promotion": "$promotion_id", "state": "$state", "currency": "$amount.currency"}
    return [{"$match": of}, {"$group": {"_id": key, "units": {"$sum": "$amount.minor_units"}}}]


def _stats(promotion_id: str, joined: Rows, converted: Rows, earned: Rows) -> PromotionStats:
    months = _of(promotion_id, joined)
    conversions: dict[datetime | None, int] = {
        row["_id"]["month"]: row["conversions"] for row in _of(promotion_id, converted)
    }
    rewards = _of(promotion_id, earned)
    return PromotionStats(
        participants=sum(row["participants"] for row in months),
        links=sum(row["links"] for row in months),
        conversions=sum(conversions.values()),
        owed=_amounts(rewards, _OWED),
        paid=_amounts(rewards, [RewardState.PAID]),
        cohorts=tuple(
            Cohort(
                month=row["_id"]["month"],
                participants=row["participants"],
                conversions=conversions.get(row["_id"]["month"], 0),
            )
            for row in months
        ),
    )


def _of(promotion_id: str, rows: Rows) -> Rows:
    return [row for row in rows if row["_id"]["promotion"] == promotion_id]


def _amounts(rows: Rows, states: Sequence[RewardState]) -> dict[str, int]:
    amounts: dict[str, int] = {}
    for row in rows:
        if row["_id"]["state"] in states:
            currency = row["_id"]["currency"]
            amounts[currency] = amounts.get(currency, 0) + row["units"]
    return amounts
