"""How links are listed: what lists are filtered by, and each filter and order as a query on an index.

Where the order is not that of a filter's index, MongoDB's planner tries both ways at once and takes the one
that is done first: in order, passing over what does not match, or what matches, sorted. So a filter that few
links match and one that most match are both quick.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING, IndexModel

from domain import ids, instants, terms
from domain.link_lists import LinkFilter, LinkOrder
from domain.links import Link, LinkStatus
from domain.paging import Key, Window
from domain.terms import Asked

Document = dict[str, Any]

POPULARITY: Final = "popularity"
"""What MOST_CLICKED goes by: human clicks as of the last minute, see docs/decisions/popularity.md."""
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
        "terms": terms.of(link),
    }


def place(document: Document, order: LinkOrder) -> Key:
    """Where the link of a document stands in lists of an order."""
    match order:
        case LinkOrder.RECENTLY_UPDATED:
            return (instants.milliseconds(document["updated_at"]), document["_id"])
        case LinkOrder.MOST_CLICKED:
            return (document.get(POPULARITY, 0), document["_id"])
        case LinkOrder.NEWEST | LinkOrder.OLDEST:
            return (document["_id"],)


def _index(name: str, *keys: str, by: str = "", sparse: bool = False) -> IndexModel:
    tail = {
        "made": ("_id", "updated_at"),
        "updated": ("updated_at", "_id"),
        "clicked": (POPULARITY, "_id"),
        "id": ("_id",),
    }[by]
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
    _index("clicked", by="clicked"),
    _index("terms", "terms", by="id"),  # many entries a link: it has as few as will do, and those are short
)
"""Each starts with what a filter fixes and goes on in the list's order; times are read off its keys."""


_FIRST: Final = {LinkOrder.RECENTLY_UPDATED: "updated_at", LinkOrder.MOST_CLICKED: POPULARITY}
"""The field that comes before the id in an order; none where the id is all."""


def query(workspace_id: str, asked: LinkFilter, order: LinkOrder = LinkOrder.NEWEST) -> Document:
    """The links of a workspace that `asked` matches; external ids are resolved to ids before.

    Args:
        order: the one that they are read in.
    """
    conditions: Document = {"workspace_id": workspace_id, "created_at": {"$exists": True}}
    if asked.domain is not None:
        conditions["domain"] = asked.domain
    if asked.tags is not None:
        conditions["tags"] = {"$in": list(asked.tags)}
    if asked.campaign_id is not None:
        conditions["campaign_id"] = asked.campaign_id
    if asked.terms:
        conditions["$and"] = [{"terms": _term(each)} for each in asked.terms]
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
    branches = [branch for status in asked.status for branch in _in_status(status, asked.now)]
    if order is LinkOrder.MOST_CLICKED:
        # Not at the root, where MongoDB would plan each branch alone and never go through the order.
        return {"$and": [conditions, {"$or": branches}]}
    return {"$or": [{**conditions, **branch} for branch in branches]}


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
    first = _FIRST.get(order)
    return [(field, direction) for field in (first, "_id") if field is not None]


def _beyond(place: Key, order: LinkOrder, *, upwards: bool) -> Document:
    beyond = "$gt" if upwards else "$lt"
    first = _FIRST.get(order)
    if first is None:
        return {"_id": {beyond: place[0]}}
    value = place[0] if first == POPULARITY else datetime.fromtimestamp(int(place[0]) / 1000, UTC)
    # The first condition alone bounds the index scan; the second settles links of the same millisecond.
    return {
        first: {f"{beyond}e": value},
        "$or": [{first: {beyond: value}}, {"_id": {beyond: place[1]}}],
    }


def _term(asked: Asked) -> Document:
    if asked.span is None:
        return {"$in": list(asked.among)}
    within = {"$elemMatch": {"$gte": asked.span.first, "$lt": asked.span.end}}
    return {"$not": within} if asked.absent else within


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
