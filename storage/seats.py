"""Seats of links with a clickLimit: a document a link, apart from `links`, which visitors read."""

from collections.abc import Sequence
from typing import Final

import pymongo
from pymongo.errors import DuplicateKeyError

from storage.mongo import Database, answering

SECONDS: Final = 1.0
"""Budget of one operation: longer than a redirect's usual one, for nobody else can answer."""


class MongoSeats:
    """The collection `seats`; see domain.seats.Seats for what each method promises.

    A document is made with the first seat, and outlives its link as the link's tombstone does.
    """

    def __init__(self, database: Database) -> None:
        self._seats = database["seats"]

    async def take(self, workspace_id: str, link_id: str, limit: int) -> bool:
        """Take one of `limit` seats; False where all are taken."""
        free = {"_id": link_id, "workspace_id": workspace_id, "used": {"$lt": limit}}
        with answering(), pymongo.timeout(SECONDS):
            # An upsert that finds no free seat tries to make the document, and meets the one that is there:
            # all are taken, or somebody else made it in the very same moment, which a second look tells.
            for upsert in (True, False):
                try:
                    done = await self._seats.update_one(free, {"$inc": {"used": 1}}, upsert=upsert)
                except DuplicateKeyError:
                    continue
                return bool(done.matched_count or done.upserted_id)
        return False

    async def taken(self, workspace_id: str, link_ids: Sequence[str]) -> dict[str, int]:
        """How many seats of each link are taken."""
        query = {"_id": {"$in": list(link_ids)}, "workspace_id": workspace_id}
        with answering(), pymongo.timeout(SECONDS):
            documents = await self._seats.find(query).to_list()
        return dict.fromkeys(link_ids, 0) | {each["_id"]: each["used"] for each in documents}
