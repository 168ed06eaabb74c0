"""Clicks as lists and look-ups read them; they are written by storage/ledgers.py."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import pymongo
from pymongo.errors import PyMongoError, ServerSelectionTimeoutError

from domain import ids, matches
from domain.click_filters import ClickFilter
from domain.clicks import Click
from domain.errors import LimitExceeded, Unavailable
from domain.matches import Match
from domain.paging import Page, Window
from domain.periods import Period
from storage import codec, mongo

SECONDS: Final = 2.0
"""How long the database may read clicks for one question."""
_PING_SECONDS: Final = 0.5


class Clicks:
    """Reads the ledger by id, newest first: a click's id begins with its instant."""

    def __init__(self, database: mongo.Database) -> None:
        self._database = database
        self._clicks = database.clicks

    async def by_ids(self, workspace_id: str, click_ids: Sequence[str]) -> dict[str, Click]:
        """Those that exist, by id."""
        query = {"_id": {"$in": list(click_ids)}, "workspace_id": workspace_id}
        with mongo.answering():
            documents = await self._clicks.find(query).to_list()
        return {document["_id"]: codec.to_value(document, Click) for document in documents}

    async def page(self, workspace_id: str, wanted: ClickFilter, window: Window) -> Page[Click]:
        """One stretch of the wanted clicks, newest first; LimitExceeded where finding them takes long."""
        conditions = query(workspace_id, wanted)
        bounds = {
            operator: place[0]
            for operator, place in (("$lt", window.after), ("$gt", window.before))
            if place is not None
        }
        if bounds:
            conditions["_id"] = bounds
        async with bounded(self._database):
            cursor = self._clicks.find(conditions).sort("_id", 1 if window.backward else -1)
            documents = await cursor.limit(window.size + 1).to_list()
        return Page(window, [codec.to_value(document, Click) for document in documents])

    async def count(self, workspace_id: str, wanted: ClickFilter, *, limit: int) -> int:
        """How many clicks are wanted; counts no further than `limit`. Raises LimitExceeded like `page`."""
        async with bounded(self._database):
            return await self._clicks.count_documents(query(workspace_id, wanted), limit=limit)


def query(workspace_id: str, wanted: ClickFilter) -> mongo.Document:
    """The clicks of a workspace that a filter wants."""
    lists = {
        "link_id": wanted.link_ids,
        "kind": wanted.kinds,
        "country": wanted.countries,
        "device": wanted.devices,
        "tags": wanted.tags,
        "variant": wanted.variants,
    }
    given: mongo.Document = {
        field: {"$in": sorted(values)} for field, values in lists.items() if values is not None
    }
    given |= {
        field: value
        for field, value in (("campaign_id", wanted.campaign_id), ("template_id", wanted.template_id))
        if value is not None
    }
    if wanted.attribute is not None:
        given["$expr"] = _having(*wanted.attribute)
    if wanted.orphans:
        given["link_id"] = None
    given.setdefault("link_id", mongo.TEXT)
    return {"workspace_id": workspace_id, **given}


def within(period: Period) -> mongo.Document:
    """The condition on `_id` of clicks in a period."""
    return {"$gte": _first_id(period.start), "$lt": _first_id(period.end)}


@asynccontextmanager
async def bounded(database: mongo.Database) -> AsyncIterator[None]:
    """Around a search that filters may make long: it is given up after SECONDS.

    Raises:
        LimitExceeded: it took longer, on a database that was there all the time.
        Unavailable: the database does not answer, or came back only meanwhile.
    """
    before = _processes(database)
    with mongo.answering():
        try:
            with pymongo.timeout(SECONDS):
                yield
        except ServerSelectionTimeoutError:
            raise
        except PyMongoError as error:
            if not error.timeout:
                raise
            with pymongo.timeout(_PING_SECONDS):
                await database.command("ping")
            if _processes(database) != before:
                raise Unavailable("The database has just come back; try again.") from error
            raise LimitExceeded(
                f"Finding these clicks takes the database more than {SECONDS:g} s. "
                "Ask for links, a campaign or a template with fewer clicks, or for a shorter range, if any."
            ) from error


def _processes(database: mongo.Database) -> Any:
    """Which processes serve, by address, as the driver saw them last: other ones after a restart."""
    servers = database.client.topology_description.server_descriptions()
    return {address: server.topology_version for address, server in servers.items()}


def _first_id(at_ms: int) -> str:
    return ids.of("clk", at_ms, bytes(10))


def _having(name: str, match: Match) -> Any:
    """Whether a click has an attribute that a match holds for, as an expression of aggregations."""
    named = _named(name)
    if match.exists is False:
        return {"$eq": [{"$size": named}, 0]}
    value = {"$arrayElemAt": ["$$this", 1]}
    fits = {"$filter": {"input": named, "cond": {"$and": [*_tests(value, match), True]}}}
    return {"$gt": [{"$size": fits}, 0]}


def _tests(value: Any, match: Match) -> Iterator[Any]:
    """What a match asks of a value; see matches.Match for what is a number and what a text."""
    if match.among is not None:
        yield {"$in": [value, {"$literal": matches.alike(match.among)}]}
    number = {"$convert": {"input": value, "to": "double", "onError": None, "onNull": None}}
    if match.ranged:
        text = {"$convert": {"input": value, "to": "string", "onError": ""}}
        yield {"$regexMatch": {"input": text, "regex": rf"\A({matches.NUMERAL})\z"}}
        yield {"$ne": [number, None]}
    if match.least is not None:
        yield {"$gte": [number, match.least]}
    if match.below is not None:
        yield {"$lt": [number, match.below]}


def values_of(name: str) -> Any:
    """The values of a click's attribute, each once, as an expression of aggregations.

    They are texts, but for numbers that MongoDB writes otherwise than matches.written: 51.5074 for 51.507351.
    """
    texts = {"$map": {"input": _named(name), "in": _written({"$arrayElemAt": ["$$this", 1]})}}
    return {"$setUnion": [texts, []]}


def _named(name: str) -> Any:
    pairs = {"$ifNull": ["$attributes", []]}
    literal = {"$literal": name}  # or a name with a $ would be taken for a field
    return {"$filter": {"input": pairs, "cond": {"$eq": [{"$arrayElemAt": ["$$this", 0]}, literal]}}}


def _written(value: Any) -> Any:
    integer = {"$convert": {"input": value, "to": "long", "onError": None}}
    number = {"$cond": [{"$eq": [integer, value]}, {"$toString": integer}, value]}
    return {"$cond": [{"$eq": [{"$type": value}, "double"]}, number, {"$toString": value}]}
