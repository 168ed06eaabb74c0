"""Workspaces in MongoDB: collection `workspaces`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession

from domain.events import Told
from domain.workspaces import Workspace
from storage import codec, outbox
from storage.mongo import Database, Document, answering, transaction


class MongoWorkspaces:
    """The store of workspaces; see domain.workspaces.Workspaces for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._workspaces = database["workspaces"]

    async def by_id(self, workspace_id: str) -> Workspace | None:
        """The workspace, or None."""
        with answering():
            document = await self._workspaces.find_one({"_id": workspace_id})
        return codec.to_value(document, Workspace) if document else None

    async def owner_of(self, host: str, *, shared: bool = False) -> str | None:
        """The workspace that alone has links on a host; None: nobody, or several.

        Args:
            host: as links have it.
            shared: it is the installation's own, on which every workspace may have links.
        """
        with answering():
            asked = self._workspaces.find({} if shared else {"domains": host}, {"_id": 1})
            owners = await asked.limit(2).to_list()
        return owners[0]["_id"] if len(owners) == 1 else None

    async def first(self, workspace_id: str, workspace: Workspace) -> Workspace:
        """What stands under the id; `workspace` where nobody was quicker."""
        fields = codec.to_document(workspace)
        fields.pop("_id")
        with answering():
            await self._workspaces.update_one({"_id": workspace_id}, {"$setOnInsert": fields}, upsert=True)
        return await self.by_id(workspace_id) or workspace

    async def update(self, workspace_id: str, values: Mapping[str, Any], at: datetime) -> Workspace | None:
        """Set fields of a workspace and leave the others as they are; None: it is gone."""
        told = Told("workspace.updated", workspace_id, 0, at, {"fields": sorted(values)})

        async def work(session: AsyncClientSession) -> Document | None:
            document = await self._workspaces.find_one_and_update(
                {"_id": workspace_id},
                {"$set": dict(values)},
                return_document=ReturnDocument.AFTER,
                session=session,
            )
            if document is not None:
                await outbox.write(self._database, workspace_id, [told], session)
            return document

        document = await transaction(self._database, work)
        return codec.to_value(document, Workspace) if document else None

    async def limited(self, after: str, limit: int) -> list[Workspace]:
        """At most `limit` workspaces that keep clicks for a limited time, whose id is behind `after`."""
        query = {"_id": {"$gt": after}, "click_retention_days": {"$gt": 0}}
        with answering():
            documents = await self._workspaces.find(query).sort("_id", 1).limit(limit).to_list()
        return [codec.to_value(document, Workspace) for document in documents]
