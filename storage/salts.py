"""The salts of visitor hashes, one a UTC day; gone for good two days later."""

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from domain.visitors import Salt
from storage import codec
from storage.mongo import Database, Document, answering


class MongoSalts:
    """The collection `salts`. It belongs to no workspace: the workspace's id goes into each hash."""

    def __init__(self, database: Database) -> None:
        self._salts = database["salts"]

    async def agreed(self, proposed: Salt) -> Salt:
        """The salt of a day: the one that was there first, `proposed` where there was none.

        Raises:
            errors.Unavailable: the database does not answer.
        """
        document: Document | None
        with answering():
            try:
                document = await self._salts.find_one_and_update(
                    {"_id": proposed.id},
                    {"$setOnInsert": {"secret": proposed.secret}},
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
            except DuplicateKeyError:  # another process was first, in the very same moment
                document = await self._salts.find_one({"_id": proposed.id})
        return proposed if document is None else codec.to_value(document, Salt)

    async def forget(self, before: str) -> None:
        """Forget the salts of the days before `before` ("2026-11-20"): their hashes can never be made again.

        Raises:
            errors.Unavailable: the database does not answer.
        """
        with answering():
            await self._salts.delete_many({"_id": {"$lt": before}})
