"""Workspaces in MongoDB: collection `workspaces`."""

from domain.workspaces import Workspace
from storage import codec
from storage.mongo import Database, answering


class MongoWorkspaces:
    """The store of workspaces; see domain.workspaces.Workspaces for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._workspaces = database["workspaces"]

    async def by_id(self, workspace_id: str) -> Workspace | None:
        """The workspace, or None."""
        with answering():
            document = await self._workspaces.find_one({"_id": workspace_id})
        return codec.to_value(document, Workspace) if document else None

    async def first(self, workspace_id: str, workspace: Workspace) -> Workspace:
        """What stands under the id; `workspace` where nobody was quicker."""
        fields = codec.to_document(workspace)
        fields.pop("_id")
        with answering():
            await self._workspaces.update_one({"_id": workspace_id}, {"$setOnInsert": fields}, upsert=True)
        return await self.by_id(workspace_id) or workspace
