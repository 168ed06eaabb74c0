"""Clicks that retention removes, found by their ids on the indexes that lists of clicks have anyway."""

from storage import mongo


class MongoOldClicks:
    """See domain.retention.OldClicks."""

    def __init__(self, database: mongo.Database) -> None:
        self._clicks = database["clicks"]

    async def remove(self, workspace_id: str, before: str, limit: int) -> int:
        """Remove at most `limit` clicks whose id is below `before`, the oldest first; how many there were."""
        with mongo.answering():
            # Of links by the index `of_links`, visits to slugs that do not exist by `by_link`.
            for link_id in (mongo.TEXT, None):
                query = {"workspace_id": workspace_id, "link_id": link_id, "_id": {"$lt": before}}
                found = await self._clicks.find(query, {"_id": 1}).sort("_id", 1).limit(limit).to_list()
                if found:
                    old = {"workspace_id": workspace_id, "_id": {"$in": [each["_id"] for each in found]}}
                    await self._clicks.delete_many(old)
                    return len(found)
        return 0
