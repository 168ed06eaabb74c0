"""API keys in MongoDB: collection `keys`; secrets only as their hash."""

from pymongo.errors import DuplicateKeyError

from domain.keys import ApiKey
from storage import codec
from storage.mongo import Database, answering


class MongoKeys:
    """The store of API keys; see domain.keys.Keys for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._keys = database["keys"]

    async def by_id(self, workspace_id: str, key_id: str) -> ApiKey | None:
        """The key, or None."""
        with answering():
            document = await self._keys.find_one({"_id": key_id, "workspace_id": workspace_id})
        return codec.to_value(document, ApiKey) if document else None

    async def by_hash(self, secret_hash: bytes) -> ApiKey | None:
        """The key of a secret, in whichever workspace."""
        with answering():
            document = await self._keys.find_one({"secret_hash": secret_hash})
        return codec.to_value(document, ApiKey) if document else None

    async def add(self, workspace_id: str, key: ApiKey) -> bool:
        """Keep a new key; False where its id or its secret is there already."""
        try:
            with answering():
                await self._keys.insert_one({**codec.to_document(key), "workspace_id": workspace_id})
        except DuplicateKeyError:
            return False
        return True

    async def any(self, workspace_id: str) -> bool:
        """Whether the workspace has had a key."""
        with answering():
            return await self._keys.find_one({"workspace_id": workspace_id}, {"_id": 1}) is not None
