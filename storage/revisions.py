"""Revisions of links in MongoDB, written in the transaction of the change that they tell of."""

from collections.abc import Sequence

from pymongo.asynchronous.client_session import AsyncClientSession

from domain import revisions
from domain.links import Link
from domain.paging import Page, Window
from domain.revisions import Revision
from storage import codec
from storage.mongo import Database, Document, answering


class MongoRevisions:
    """The store of revisions; see domain.revisions.Revisions for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._revisions = database["revisions"]

    async def page(self, workspace_id: str, link_id: str, window: Window) -> Page[Revision]:
        """One stretch of the kept revisions of a link, newest first, by version."""
        query: Document = {"workspace_id": workspace_id, "link_id": link_id}
        if window.after is not None:
            query["version"] = {"$lt": window.after[0]}
        with answering():
            cursor = self._revisions.find(query).sort("version", -1)
            documents = await cursor.limit(window.size + 1).to_list()
        return Page(window, [codec.to_value(document, Revision) for document in documents])

    async def count(self, workspace_id: str, link_id: str, *, limit: int) -> int:
        """How many are kept; counts no further than `limit`."""
        with answering():
            query = {"workspace_id": workspace_id, "link_id": link_id}
            return await self._revisions.count_documents(query, limit=limit)

    async def by_ids(self, workspace_id: str, revision_ids: Sequence[str]) -> dict[str, Revision]:
        """Those that are kept, by id."""
        query = {"_id": {"$in": list(revision_ids)}, "workspace_id": workspace_id}
        with answering():
            documents = await self._revisions.find(query).to_list()
        return {document["_id"]: codec.to_value(document, Revision) for document in documents}

    async def since(self, workspace_id: str, link_id: str, version: int) -> list[Revision]:
        """Those behind a version, newest first."""
        query = {"workspace_id": workspace_id, "link_id": link_id, "version": {"$gt": version}}
        with answering():
            documents = await self._revisions.find(query).sort("version", -1).to_list()
        return [codec.to_value(document, Revision) for document in documents]

    async def record(
        self, workspace_id: str, changes: Sequence[tuple[Link, Link]], session: AsyncClientSession
    ) -> None:
        """Keep what replacing old links by new ones changes."""
        kept = [
            codec.to_document(revision) for old, new in changes for revision in revisions.left_by(old, new)
        ]
        if any(document["workspace_id"] != workspace_id for document in kept):
            raise ValueError("a link of another workspace")
        await self._revisions.insert_many(kept, session=session)

    async def forget(self, workspace_id: str, link_ids: Sequence[str], session: AsyncClientSession) -> None:
        """Drop every revision of links that are being deleted."""
        query = {"workspace_id": workspace_id, "link_id": {"$in": list(link_ids)}}
        await self._revisions.delete_many(query, session=session)
