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
