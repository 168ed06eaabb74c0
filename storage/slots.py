"""Leases of ledger slots, judged by MongoDB's own clock so that the workers' clocks do not matter."""

from typing import Final

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage import mongo

LEASE_SECONDS: Final = 10
_EXPIRY: Final = {"$add": ["$$NOW", LEASE_SECONDS * 1000]}


class Slots:
    """One document a slot: who has it, and until when; as many as workers ever ran at the same time."""

    def __init__(self, database: mongo.Database) -> None:
        self._slots = database.slots

    async def acquire(self, owner: str) -> int:
        """Lease the lowest slot that is free or whose lease ran out; a new one when all are taken.

        Args:
            owner: names the worker; unique among all of them.
        """
        with mongo.answering():
            while True:
                freed = await self._slots.find_one_and_update(
                    {"$expr": {"$lte": ["$expires_at", "$$NOW"]}},
                    [{"$set": {"owner": owner, "expires_at": _EXPIRY}}],
                    sort=[("_id", 1)],
                    return_document=ReturnDocument.AFTER,
                )
                if freed is not None:
                    return int(freed["_id"])
                try:
                    return await self._add(owner)
                except DuplicateKeyError:
                    continue  # another worker made the same one: look again

    async def renew(self, slot: int, owner: str) -> bool:
        """Lengthen the lease; false when somebody else took the slot after it had run out."""
        with mongo.answering():
            result = await self._slots.update_one(
                {"_id": slot, "owner": owner}, [{"$set": {"expires_at": _EXPIRY}}]
            )
        return result.matched_count == 1

    async def release(self, slot: int, owner: str) -> None:
        """Give the slot back for the next worker."""
        with mongo.answering():
            await self._slots.update_one({"_id": slot, "owner": owner}, [{"$set": {"expires_at": "$$NOW"}}])

    async def _add(self, owner: str) -> int:
        highest = await self._slots.find_one({}, sort=[("_id", -1)])
        slot = 0 if highest is None else int(highest["_id"]) + 1
        # An update, because only that can take the server's time; it inserts or fails with a duplicate key.
        await self._slots.update_one(
            {"_id": slot, "owner": owner},
            [{"$set": {"owner": owner, "expires_at": _EXPIRY}}],
            upsert=True,
        )
        return slot
