"""Clicks as lists and look-ups read them; they are written by storage/ledgers.py."""

from collections.abc import Sequence

from domain.click_filters import ClickFilter
from domain.clicks import Click
from domain.paging import Page, Window
from storage import codec, mongo


class Clicks:
    """Reads the ledger by id, newest first: a click's id begins with its instant."""

    def __init__(self, database: mongo.Database) -> None:
        self._clicks = database.clicks

    async def by_ids(self, workspace_id: str, click_ids: Sequence[str]) -> dict[str, Click]:
        """Those that exist, by id."""
        query = {"_id": {"$in": list(click_ids)}, "workspace_id": workspace_id}
        with mongo.answering():
            documents = await self._clicks.find(query).to_list()
        return {document["_id"]: codec.to_value(document, Click) for document in documents}

    async def page(self, workspace_id: str, wanted: ClickFilter, window: Window) -> Page[Click]:
        """One stretch of the wanted clicks, newest first."""
        query = _query(workspace_id, wanted)
        bounds = {
            operator: place[0]
            for operator, place in (("$lt", window.after), ("$gt", window.before))
            if place is not None
        }
        if bounds:
            query["_id"] = bounds
        with mongo.answering():
            cursor = self._clicks.find(query).sort("_id", 1 if window.backward else -1)
            documents = await cursor.limit(window.size + 1).to_list()
        return Page(window, [codec.to_value(document, Click) for document in documents])

    async def count(self, workspace_id: str, wanted: ClickFilter, *, limit: int) -> int:
        """How many clicks are wanted; counts no further than `limit`."""
        with mongo.answering():
            return await self._clicks.count_documents(_query(workspace_id, wanted), limit=limit)


def _query(workspace_id: str, wanted: ClickFilter) -> mongo.Document:
    conditions = {
        "link_id": wanted.link_ids,
        "kind": wanted.kinds,
        "country": wanted.countries,
        "device": wanted.devices,
        "tags": wanted.tags,
    }
    given: mongo.Document = {
        field: {"$in": sorted(values)} for field, values in conditions.items() if values is not None
    }
    if wanted.orphans:
        given["link_id"] = None
    given.setdefault("link_id", mongo.TEXT)
    return {"workspace_id": workspace_id, **given}
