"""Clicks as exports read them: oldest first, a bounded number of ledger rows looked at in each stretch."""

from typing import Final

from domain.click_filters import ClickFilter
from domain.clicks import Click
from storage import clicks, codec, mongo

LOOKED_AT: Final = 5_000
"""Ledger rows of one stretch, whatever the filter: so each takes about as long, and memory stays as it is."""


class MongoClickStretches:
    """See domain.exports.ClickStretches."""

    def __init__(self, database: mongo.Database, looked_at: int = LOOKED_AT) -> None:
        self._clicks = database["clicks"]
        self._looked_at = looked_at

    async def stretch(
        self, workspace_id: str, wanted: ClickFilter, *, start: str, before: str
    ) -> tuple[list[Click], str | None]:
        """Of the next few thousand clicks from `start` on those that are wanted, and where to go on."""
        every = {
            "workspace_id": workspace_id,
            "link_id": mongo.TEXT,
            "_id": {"$gte": start, "$lt": before},
        }
        with mongo.answering():
            edge = self._clicks.find(every, {"_id": 1}).sort("_id", 1).skip(self._looked_at).limit(1)
            behind = [document["_id"] async for document in edge]
            end = behind[0] if behind else before
            query = {**clicks.query(workspace_id, wanted), "_id": {"$gte": start, "$lt": end}}
            documents = await self._clicks.find(query).sort("_id", 1).to_list()
        found = [codec.to_value(document, Click) for document in documents]
        return found, behind[0] if behind else None
