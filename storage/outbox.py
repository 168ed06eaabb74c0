"""The outbox of events: written in the transaction of what they tell, numbered afterwards (sequences.py).

Collection `outbox` has one document for each commit, `event_heads` where the sequence of each workspace is.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from bson import ObjectId
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.read_concern import ReadConcern

from domain import events
from domain.cursors import Secret
from domain.events import Event, Told
from domain.feeds import Heads
from storage import codec, mongo
from storage.feeds import Feeds
from storage.mongo import Database, Document, answering, transaction

SLOT: Final = 0
_TOGETHER: Final = 250
"""Events of one document: a commit of many large ones has several."""
_AT_A_TIME: Final = 20
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[Told]).decode


async def write(
    database: Database, workspace_id: str, told: Sequence[Told], session: AsyncClientSession
) -> None:
    """Write events down within the transaction of what they tell: both happen, or neither."""
    pieces = [told[start : start + _TOGETHER] for start in range(0, len(told), _TOGETHER)]
    if pieces:
        await mongo.insert(database, "outbox", [_document(workspace_id, piece) for piece in pieces], session)


def _document(workspace_id: str, told: Sequence[Told]) -> Document:
    last = max(told, key=lambda each: (each.at, each.version))
    return {
        "_id": ObjectId(),
        "workspace_id": workspace_id,
        "at": last.at,
        "version": last.version,
        "count": len(told),
        "events": _encode(list(told)),
        "pending": True,
    }


async def insert(
    collection: AsyncCollection[Document], workspace_id: str, value: msgspec.Struct, told: Told, **more: Any
) -> None:
    """Keep a new value and tell of it.

    Args:
        more: fields of the document besides.

    Raises:
        DuplicateKeyError: one of its keys is there already; then nothing is told.
    """
    document = {**codec.to_document(value), "workspace_id": workspace_id, **more}

    async def work(session: AsyncClientSession) -> None:
        await collection.insert_one(document, session=session)
        await write(collection.database, workspace_id, [told], session)

    await transaction(collection.database, work)


def read(document: Document) -> list[Event]:
    """The events of a commit that is numbered."""
    return events.numbered(
        document["workspace_id"], document["_id"].binary, document["first"], _decode(document["events"])
    )


class EventFeeds:
    """Numbered events as live feeds read them, with majority concern; see domain.feeds.Feeds."""

    def __init__(self, database: Database, clicks: Feeds) -> None:
        majority = ReadConcern("majority")
        self._heads = database.get_collection("event_heads", read_concern=majority)
        self._outbox = database.get_collection("outbox", read_concern=majority)
        self._clicks = clicks

    async def secret(self) -> Secret:
        """What signs cursors: the one of clicks."""
        return await self._clicks.secret()

    async def heads(self, workspace_id: str) -> Heads:
        """Where the workspace's sequence is."""
        return dict((await self.heads_of_all([workspace_id])).get(workspace_id, {}))

    async def heads_of_all(self, workspace_ids: Collection[str]) -> Mapping[str, Heads]:
        """Where the sequences of several workspaces are; those without events are absent."""
        with answering():
            found = await self._heads.find({"_id": {"$in": list(workspace_ids)}}).to_list()
        return {head["_id"]: {SLOT: head["seq"]} for head in found}

    async def oldest(self, workspace_id: str, slot: int, after: int) -> int | None:
        """The first seq behind `after` that is still kept."""
        query = {"workspace_id": workspace_id, "last": {"$gt": after}}
        with answering():
            document = await self._outbox.find_one(query, {"first": 1}, sort=[("last", 1)])
        return None if document is None or slot != SLOT else max(after + 1, int(document["first"]))

    async def stretch(
        self, workspace_id: str, slot: int, *, after: int, upto: int, limit: int
    ) -> list[Event]:
        """At most `limit` events behind `after` and up to `upto`, in seq order."""
        if slot != SLOT:
            return []
        query = {"workspace_id": workspace_id, "last": {"$gt": after}}
        with answering():
            found: list[Event] = []
            async with self._outbox.find(query, batch_size=_AT_A_TIME).sort("last", 1) as documents:
                async for document in documents:
                    found += [event for event in read(document) if after < event.seq <= upto]
                    if len(found) >= limit or document["last"] >= upto:
                        break
        return found[:limit]
