"""Popularity in MongoDB: a figure in each link's document, and in `popularity` how far it counts the feeds.

The figure is no counter: it is written at most once a minute, by one process, and only for links that were
clicked, so no document becomes hot by it. Why it stands in `links`: docs/decisions/popularity.md.
"""

from collections.abc import Mapping
from typing import Final

from pymongo import UpdateOne
from pymongo.read_concern import ReadConcern

from domain.popularity import Ahead
from storage import listings, mongo

ROUND_SECONDS: Final = 40
"""A round is due so long after the last one began; processes look every 20 s."""
PIECE: Final = 50_000
"""Clicks that are looked through at once."""
PIECES: Final = 100
"""Pieces of a round; a longer backlog goes on in the next one."""
_ROUND: Final = "round"


class MongoPopularity:
    """See domain.popularity.Popularities for what each method promises."""

    def __init__(self, database: mongo.Database) -> None:
        majority = ReadConcern("majority")
        self._feeds = database.get_collection("feeds", read_concern=majority)
        self._clicks = database.get_collection("clicks", read_concern=majority)
        self._links = database.links
        self._counted = database.popularity

    async def begin(self) -> bool:
        """Take the round that is due, by MongoDB's own clock."""
        due = {"$expr": {"$lte": ["$at", {"$subtract": ["$$NOW", ROUND_SECONDS * 1000]}]}}
        with mongo.answering():
            taken = await self._counted.update_one({"_id": _ROUND, **due}, [{"$set": {"at": "$$NOW"}}])
            if taken.matched_count:
                return True
            first = await self._counted.update_one(
                {"_id": _ROUND}, [{"$set": {"at": {"$ifNull": ["$at", "$$NOW"]}}}], upsert=True
            )
        return first.upserted_id is not None

    async def ahead(self) -> list[Ahead]:
        """What the feeds have beyond what is counted."""
        with mongo.answering():
            counted = {each["_id"]: each.get("seq", 0) async for each in self._counted.find()}
            heads = await self._feeds.find({}, batch_size=10_000).to_list()
        pieces = [
            Ahead(head["workspace_id"], head["slot"], start, min(start + PIECE, head["seq"]))
            for head in heads
            for start in range(counted.get(head["_id"], 0), head["seq"], PIECE)
        ]
        return pieces[:PIECES]

    async def clicked(self, piece: Ahead) -> list[str]:
        """The links of a piece, told apart by MongoDB."""
        stretch = {"$gt": piece.after, "$lte": piece.upto}
        query = {"workspace_id": piece.workspace_id, "slot": piece.slot, "seq": stretch}
        with mongo.answering():
            cursor = await self._clicks.aggregate([{"$match": query}, {"$group": {"_id": "$link_id"}}])
            return [each["_id"] async for each in cursor if each["_id"] is not None]

    async def keep(self, workspace_id: str, clicks: Mapping[str, int]) -> None:
        """Raise the figures of links that are still there."""
        writes = [
            UpdateOne(
                {"_id": link_id, "workspace_id": workspace_id, listings.POPULARITY: {"$lt": count}},
                {"$set": {listings.POPULARITY: count}},
            )
            for link_id, count in clicks.items()
        ]
        if writes:
            with mongo.answering():
                await self._links.bulk_write(writes, ordered=False)

    async def settle(self, piece: Ahead) -> None:
        """Move the mark of a feed on, never back."""
        with mongo.answering():
            await self._counted.update_one(
                {"_id": f"{piece.workspace_id}/{piece.slot}"}, {"$max": {"seq": piece.upto}}, upsert=True
            )
