"""Sequences of events: each commit of the outbox gets its numbers, in the order in which it happened."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from pymongo import UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError
from pymongo.read_concern import ReadConcern

from domain.events import KEPT_DAYS, EventsCommitted, Numbered
from domain.instants import Clock
from storage import outbox
from storage.link_writes import Stale, is_duplicate
from storage.mongo import Database, Document, answering, transaction

_AT_ONCE: Final = 50
"""Commits that are numbered in one transaction; the process that does it ships clicks, too."""
_TOLD: Final = 100
"""Events of a commit of which feeds are told; what a bulk job tells they read from the database."""
_LEASE_MS: Final = 10_000
_NAME: Final = "sequencer"


class Sequences:
    """Numbers events, one process at a time.

    Nothing depends on the lease: two processes that number at once meet at the heads, and one gives up.

    Args:
        owner: names this process.
        clock: the time.
    """

    def __init__(self, database: Database, owner: str, clock: Clock) -> None:
        self._database = database
        self._outbox = database.get_collection("outbox", read_concern=ReadConcern("majority"))
        self._leases = database["leases"]
        self._owner = owner
        self._clock = clock

    async def lease(self) -> bool:
        """Take or lengthen the right to number, by MongoDB's clock; False: another process has it."""
        free = {"_id": _NAME, "$expr": {"$lte": ["$expires_at", "$$NOW"]}}
        held = [{"$set": {"owner": self._owner, "expires_at": {"$add": ["$$NOW", _LEASE_MS]}}}]
        with answering():
            if (await self._leases.update_one(free, held)).matched_count:
                return True
            try:
                await self._leases.update_one({"_id": _NAME, "owner": self._owner}, held, upsert=True)
            except DuplicateKeyError:
                return False
        return True

    async def number(self) -> Numbered:
        """Number some commits."""
        with answering():
            cursor = self._outbox.find({"pending": True}).sort([("at", 1), ("version", 1), ("_id", 1)])
            waiting = await cursor.limit(_AT_ONCE).to_list()
        if not waiting:
            return Numbered()
        try:

            async def work(session: AsyncClientSession) -> list[Document]:
                return await self._write(waiting, session)

            numbered = await transaction(self._database, work)
        except (Stale, BulkWriteError, DuplicateKeyError) as error:
            if not isinstance(error, Stale) and not is_duplicate(error):
                raise
            return Numbered()  # another process has numbered them
        news = [(each["workspace_id"], _news(each)) for each in numbered if each["count"] <= _TOLD]
        return Numbered(sum(each["count"] for each in numbered), news)

    async def _write(self, waiting: Sequence[Document], session: AsyncClientSession) -> list[Document]:
        heads = await self._heads({each["workspace_id"] for each in waiting}, session)
        ends, numbered, writes = dict(heads), [], []
        expires_at = self._clock() + timedelta(days=KEPT_DAYS)
        for document in waiting:
            first = ends.get(document["workspace_id"], 0) + 1
            last = ends[document["workspace_id"]] = first + document["count"] - 1
            numbers = {"first": first, "last": last, "expires_at": expires_at}
            numbered.append({**document, **numbers})
            writes.append(
                UpdateOne(
                    {"_id": document["_id"], "pending": True}, {"$set": numbers, "$unset": {"pending": ""}}
                )
            )
        moves = [
            UpdateOne(
                {"_id": workspace_id, "seq": heads.get(workspace_id, 0)}, {"$set": {"seq": end}}, upsert=True
            )
            for workspace_id, end in ends.items()
        ]
        await self._database["event_heads"].bulk_write(moves, session=session)
        settled = await self._database["outbox"].bulk_write(writes, session=session)
        if settled.matched_count != len(writes):
            raise Stale
        return numbered

    async def _heads(self, workspace_ids: set[str], session: AsyncClientSession) -> dict[str, int]:
        query = {"_id": {"$in": sorted(workspace_ids)}}
        found = await self._database["event_heads"].find(query, session=session).to_list()
        return {head["_id"]: int(head["seq"]) for head in found}


def _news(document: Document) -> EventsCommitted:
    items = tuple(outbox.read(document))
    return EventsCommitted(outbox.SLOT, items[0].seq, items[-1].seq, items)
