"""The ledger as live feeds read it: heads, and stretches by (workspace, slot, seq)."""

from collections.abc import Callable, Collection, Mapping

from pymongo import ReturnDocument
from pymongo.read_concern import ReadConcern

from domain.clicks import Click
from domain.cursors import Secret
from domain.feeds import Heads
from storage import codec, mongo


class Feeds:
    """Reads with majority concern: what a reader has been shown is never rolled back.

    A head and the clicks up to it were committed together, so once a head is seen, so are they.
    """

    def __init__(self, database: mongo.Database, random_bytes: Callable[[int], bytes]) -> None:
        majority = ReadConcern("majority")
        self._feeds = database.get_collection("feeds", read_concern=majority)
        self._clicks = database.get_collection("clicks", read_concern=majority)
        self._secrets = database.secrets
        self._random_bytes = random_bytes

    async def secret(self) -> Secret:
        """What signs cursors: whoever asks first makes it."""
        proposed = {"key": self._random_bytes(32), "epoch": self._random_bytes(6).hex()}
        with mongo.answering():
            document = await self._secrets.find_one_and_update(
                {"_id": "feeds"},
                {"$setOnInsert": proposed},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        return codec.to_value(document or {}, Secret)

    async def heads(self, workspace_id: str) -> Heads:
        """Where the workspace's feeds are."""
        return dict((await self.heads_of_all([workspace_id])).get(workspace_id, {}))

    async def heads_of_all(self, workspace_ids: Collection[str]) -> Mapping[str, Heads]:
        """Where the feeds of several workspaces are; those without clicks are absent."""
        found: dict[str, Heads] = {}
        with mongo.answering():
            query = {"workspace_id": {"$in": list(workspace_ids)}}
            async for head in self._feeds.find(query, batch_size=10_000):
                found.setdefault(head["workspace_id"], {})[head["slot"]] = head["seq"]
        return found

    async def oldest(self, workspace_id: str, slot: int, after: int) -> int | None:
        """The first seq behind `after` that is still kept."""
        query = {"workspace_id": workspace_id, "slot": slot, "seq": {"$gt": after}}
        with mongo.answering():
            document = await self._clicks.find_one(query, {"_id": 0, "seq": 1}, sort=[("seq", 1)])
        return None if document is None else int(document["seq"])

    async def stretch(
        self, workspace_id: str, slot: int, *, after: int, upto: int, limit: int
    ) -> list[Click]:
        """At most `limit` clicks of one slot behind `after` and up to `upto`, in seq order."""
        query = {"workspace_id": workspace_id, "slot": slot, "seq": {"$gt": after, "$lte": upto}}
        with mongo.answering():
            documents = await self._clicks.find(query).sort("seq", 1).limit(limit).to_list()
        return [codec.to_value(document, Click) for document in documents]
