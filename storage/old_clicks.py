"""Clicks that retention removes, found by their ids on the indexes that lists of clicks have anyway."""

from domain import ids, instants
from storage import mongo


class MongoOldClicks:
    """See domain.retention.OldClicks."""

    def __init__(self, database: mongo.Database) -> None:
        self._clicks = database["clicks"]
        self._folded = database["folded"]
        self._workspaces = database["workspaces"]

    async def remove(self, workspace_id: str, before: str, limit: int) -> int:
        """Remove at most `limit` clicks whose id is below `before`, the oldest first; how many there were.

        Those that roll-ups do not have yet stay until they do.
        """
        with mongo.answering():
            counted = await self._counted(workspace_id)
            # Of links by the index `of_links`, visits to slugs that do not exist by `by_link`.
            for link_id in (mongo.TEXT, None):
                query = {"workspace_id": workspace_id, "link_id": link_id, "_id": {"$lt": before}}
                fields = {"slot": 1, "seq": 1}
                found = await self._clicks.find(query, fields).sort("_id", 1).limit(limit).to_list()
                old = [each["_id"] for each in found if each["seq"] <= counted.get(each["slot"], 0)]
                if old:
                    # Ahead of the removal: who dies between the two has only promised too little.
                    await self._mark(workspace_id, old[-1])
                    await self._clicks.delete_many({"workspace_id": workspace_id, "_id": {"$in": old}})
                    return len(old)
        return 0

    async def _mark(self, workspace_id: str, latest: str) -> None:
        """Note on the workspace, which `partial` reads anyway, how far its clicks are removed."""
        behind = instants.of_milliseconds(ids.instant_of(latest) + 1)
        await self._workspaces.update_one({"_id": workspace_id}, {"$max": {"clicks_removed_before": behind}})

    async def _counted(self, workspace_id: str) -> dict[int, int]:
        """Up to which seq of each slot the roll-ups have the clicks."""
        ends = {"_id": {"$gte": f"{workspace_id}/", "$lt": f"{workspace_id}0"}}
        return {
            int(each["_id"].rpartition("/")[2]): each["seq"]
            for each in await self._folded.find(ends).to_list()
        }
