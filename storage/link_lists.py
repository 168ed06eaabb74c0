"""Lists of links, read from the collection `links` by the indexes of storage/listings.py."""

import asyncio
from typing import Final

import msgspec
import pymongo

from domain.link_lists import LinkFilter, LinkOrder, Listed
from domain.links import Link
from domain.paging import Page, Window
from storage import codec, listings
from storage.mongo import Database, Document, answering

_PROBED: Final = 1_000
"""Terms of more links than this are equally common."""
_COUNT_SECONDS: Final = 8.0
"""A million links are counted in about five."""


class MongoLinkLists:
    """Reads lists; see domain.link_lists.LinkLists for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._links = database["links"]
        self._external_ids = database["external_ids"]

    async def page(
        self, workspace_id: str, asked: LinkFilter, order: LinkOrder, window: Window
    ) -> Page[Listed]:
        """One stretch of the links that `asked` matches."""
        if asked.matches_nothing:
            return Page(window, [])
        query = listings.within(await self._query(workspace_id, asked, order), order, window)
        with answering():
            cursor = self._links.find(query).sort(listings.sorting(order, backward=window.backward))
            documents = await cursor.limit(window.size + 1).to_list()
        found = [
            Listed(codec.to_value(document, Link), listings.place(document, order)) for document in documents
        ]
        return Page(window, found)

    async def count(self, workspace_id: str, asked: LinkFilter, *, limit: int) -> int:
        """How many links `asked` matches; counts no further than `limit`."""
        if asked.matches_nothing:
            return 0
        query = await self._query(workspace_id, asked)
        with answering(), pymongo.timeout(_COUNT_SECONDS):
            return await self._links.count_documents(query, limit=limit)

    async def _query(
        self, workspace_id: str, asked: LinkFilter, order: LinkOrder = LinkOrder.NEWEST
    ) -> Document:
        if asked.external_ids is not None:
            asked = await self._by_external_ids(workspace_id, asked)
        if len(asked.terms) > 1:
            asked = await self._rarest_first(workspace_id, asked)
        return listings.query(workspace_id, asked, order)

    async def _by_external_ids(self, workspace_id: str, asked: LinkFilter) -> LinkFilter:
        with answering():
            query = {"workspace_id": workspace_id, "external_id": {"$in": list(asked.external_ids or ())}}
            entries = await self._external_ids.find(query).to_list()
        known = {entry["_id"] for entry in entries}
        ids = known if asked.ids is None else known & set(asked.ids)
        return msgspec.structs.replace(asked, ids=tuple(ids))

    async def _rarest_first(self, workspace_id: str, asked: LinkFilter) -> LinkFilter:
        """MongoDB's planner looks only the first of several terms up: let that be the one of fewest links."""
        now = asked.now
        alone = [listings.query(workspace_id, LinkFilter(terms=(term,), now=now)) for term in asked.terms]
        with answering():
            counts = await asyncio.gather(
                *(self._links.count_documents(query, limit=_PROBED) for query in alone)
            )
        places = sorted(range(len(counts)), key=lambda place: (asked.terms[place].absent, counts[place]))
        return msgspec.structs.replace(asked, terms=tuple(asked.terms[place] for place in places))
