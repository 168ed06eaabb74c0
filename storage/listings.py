"""How links are listed: what lists are filtered by, and each filter and order as a query on an index."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING, IndexModel

from domain import ids, instants
from domain.links import Link, LinkFilter, LinkOrder, LinkStatus
from domain.paging import Key, Window

Document = dict[str, Any]

_ALWAYS: Final = datetime(1, 1, 1, tzinfo=UTC)
_NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)


class Lifecycle(StrEnum):
    """What of a link's status does not depend on the clock; stored, because lists are filtered by it."""

    OPEN = "OPEN"
    TIMED = "TIMED"
    PAUSED = "PAUSED"
    ARCHIVED = "ARCHIVED"


def listed(link: Link) -> Document:
    """The fields of a link's document that only lists read."""
    return {
        "lifecycle": _lifecycle(link).value,
        "opens_at": link.starts_at or _ALWAYS,
        "closes_at": link.expires_at or _NEVER,
    }


def _index(name: str, *keys: str, by: str = "", sparse: bool = False) -> IndexModel:
    tail = {"made": ("_id", "updated_at"), "updated": ("updated_at", "_id")}[by]
    fields = [("workspace_id", ASCENDING), *((key, ASCENDING) for key in keys)]
    order = [(field, DESCENDING) for field in tail]
    more = [("opens_at", ASCENDING), ("closes_at", ASCENDING)] if keys == ("lifecycle",) else []
    # Tombstones have no created_at: a list never passes over deleted links.
    kept: Document = {"created_at": {"$exists": True}}
    if sparse:  # links without it stay out: a comparison, for only that is recognised in a query for a value
        kept |= {key: {"$gt": ""} for key in keys}
    return IndexModel([*fields, *order, *more], name=name, partialFilterExpression=kept)


INDEXES: Final = (
    _index("made", by="made"),
    _index("updated", by="updated"),
    _index("domain_made", "domain", by="made"),
    _index("domain_updated", "domain", by="updated"),
    _index("tags_made", "tags", by="made"),
    _index("tags_updated", "tags", by="updated"),
    _index("lifecycle_made", "lifecycle", by="made"),
    _index("lifecycle_updated", "lifecycle", by="updated"),
    _index("campaign_made", "campaign_id", by="made", sparse=True),
    _index("campaign_updated", "campaign_id", by="updated", sparse=True),
)
"""Each starts with what a filter fixes and goes on in the list's order; times are read off its keys."""


def query(workspace_id: str, asked: LinkFilter) -> Document:
    """The links of a workspace that `asked` matches; external ids are resolved to ids before."""
    conditions: Document = {"workspace_id": workspace_id, "created_at": {"$exists": True}}
    if asked.domain is not None:
        conditions["domain"] = asked.domain
    if asked.tags is not None:
        conditions["tags"] = {"$in": list(asked.tags)}
    if asked.campaign_id is not None:
        conditions["campaign_id"] = asked.campaign_id
    made = _range(_first_id(asked.created_after), _first_id(asked.created_before))
    if asked.ids is not None:
        made["$in"] = list(asked.ids)
    if made:
        conditions["_id"] = made
    updated = _range(asked.updated_after, asked.updated_before)
    if updated:
        conditions["updated_at"] = updated
    if asked.status is None:
        return conditions
    branches = [
        {**conditions, **branch} for status in asked.status for branch in _in_status(status, asked.now)
    ]
    return {"$or": branches}


def within(conditions: Document, order: LinkOrder, window: Window) -> Document:
    """The part of a list behind `window.after` and before `window.before`."""
    forward = order is LinkOrder.OLDEST
    bounds = [
        _beyond(place, order, upwards=upwards)
        for place, upwards in ((window.after, forward), (window.before, not forward))
        if place is not None
    ]
    if not bounds:
        return conditions
    if "$or" in conditions:
        return {"$or": [{"$and": [branch, *bounds]} for branch in conditions["$or"]]}
    return {"$and": [conditions, *bounds]}


def newest_within(window: Window) -> Document:
    """The condition on `_id` of a stretch of any list whose newest, by id, come first."""
    bounds = {
        operator: place[0]
        for operator, place in (("$lt", window.after), ("$gt", window.before))
        if place is not None
    }
    return {"_id": bounds} if bounds else {}


def sorting(order: LinkOrder, *, backward: bool) -> list[tuple[str, int]]:
    """The sort of an order, turned round for a backward page."""
    upwards = (order is LinkOrder.OLDEST) != backward
    direction = ASCENDING if upwards else DESCENDING
    fields = ("updated_at", "_id") if order is LinkOrder.RECENTLY_UPDATED else ("_id",)
    return [(field, direction) for field in fields]


def _beyond(place: Key, order: LinkOrder, *, upwards: bool) -> Document:
    beyond = "$gt" if upwards else "$lt"
    if order is not LinkOrder.RECENTLY_UPDATED:
        return {"_id": {beyond: place[0]}}
    at = datetime.fromtimestamp(int(place[0]) / 1000, UTC)
    # The first condition alone bounds the index scan; the second settles links of the same millisecond.
    return {
        "updated_at": {f"{beyond}e": at},
        "$or": [{"updated_at": {beyond: at}}, {"_id": {beyond: place[1]}}],
    }


def _in_status(status: LinkStatus, now: datetime) -> list[Document]:
    match status:
        case LinkStatus.ARCHIVED | LinkStatus.PAUSED:
            return [{"lifecycle": status.value}]
        case LinkStatus.EXPIRED:
            return [{"lifecycle": "TIMED", "closes_at": {"$lte": now}}]
        case LinkStatus.SCHEDULED:
            return [{"lifecycle": "TIMED", "opens_at": {"$gt": now}, "closes_at": {"$gt": now}}]
        case LinkStatus.ACTIVE:
            timed = {"lifecycle": "TIMED", "opens_at": {"$lte": now}, "closes_at": {"$gt": now}}
            return [{"lifecycle": "OPEN"}, timed]


def _lifecycle(link: Link) -> Lifecycle:
    if link.archived_at is not None:
        return Lifecycle.ARCHIVED
    if link.paused:
        return Lifecycle.PAUSED
    timed = link.starts_at is not None or link.expires_at is not None
    return Lifecycle.TIMED if timed else Lifecycle.OPEN


def _range(after: object, before: object) -> Document:
    bounds: Mapping[str, object] = {"$gte": after, "$lt": before}
    return {operator: bound for operator, bound in bounds.items() if bound is not None}


def _first_id(at: datetime | None) -> str | None:
    """The smallest id that a link made at `at` can have: ids begin with the millisecond of `created_at`."""
    if at is None:
        return None
    return "lnk_" if instants.milliseconds(at) < 0 else ids.of("lnk", instants.milliseconds(at), bytes(10))
