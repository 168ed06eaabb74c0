"""Secrets of an installation in MongoDB: collection `secrets`, a document for each name."""

from collections.abc import Callable

from pymongo import ReturnDocument

from storage.mongo import Database, answering


class MongoSecrets:
    """The store of secrets; see domain.secrets.Secrets. It belongs to no workspace."""

    def __init__(self, database: Database, random_bytes: Callable[[int], bytes]) -> None:
        self._secrets = database["secrets"]
        self._random_bytes = random_bytes
        self._known: dict[str, bytes] = {}

    async def agreed(self, name: str) -> bytes:
        """The key of a name, 32 bytes, asked for once in the life of this store."""
        if name not in self._known:
            with answering():
                document = await self._secrets.find_one_and_update(
                    {"_id": name},
                    {"$setOnInsert": {"key": self._random_bytes(32)}},
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
            self._known[name] = (document or {})["key"]
        return self._known[name]
