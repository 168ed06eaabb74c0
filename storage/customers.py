"""Customers in MongoDB: found in `conversions` and `touches`, the clicks that they are known to have made."""

from collections.abc import Sequence
from typing import Final

from domain.conversions import Conversion
from storage import codec
from storage.mongo import Database, Document, answering

_AT_A_TIME: Final = 100


class MongoCustomers:
    """The store of customers; see domain.customers.Customers for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._conversions = database["conversions"]
        self._touches = database["touches"]

    async def ids(self, workspace_id: str, email_key: bytes) -> list[bytes]:
        """Keys of the caller's ids that were told beside an address, and beside no other address."""
        theirs = {"workspace_id": workspace_id, "customer_keys": email_key}
        with answering():
            beside = set(await self._conversions.distinct("customer_keys", theirs)) - {email_key}
            elsewhere = {
                "workspace_id": workspace_id,
                "customer_keys": {"$in": list(beside)},
                "customer_keys.0": {"$nin": [*beside, email_key]},
            }
            shared = await self._conversions.distinct("customer_keys", elsewhere) if beside else []
        return sorted(beside.difference(shared))

    async def conversions(
        self, workspace_id: str, keys: Sequence[bytes], after: str = ""
    ) -> list[Conversion]:
        """Some conversions whose first key is one of these, in the order of their ids; none: no more."""
        query = {"workspace_id": workspace_id, **told_with(keys), "_id": {"$gt": after}}
        with answering():
            documents = await self._conversions.find(query).sort("_id", 1).limit(_AT_A_TIME).to_list()
        return [codec.to_value(document, Conversion) for document in documents]

    async def forget(self, workspace_id: str, keys: Sequence[bytes]) -> int:
        """Forget which clicks customers made; how many they were."""
        theirs = {"workspace_id": workspace_id, "customer_key": {"$in": list(keys)}}
        with answering():
            return (await self._touches.delete_many(theirs)).deleted_count


def told_with(keys: Sequence[bytes]) -> Document:
    """What finds conversions whose first key is one of these; by the index, which knows no first one."""
    among = {"$in": list(keys)}
    return {"customer_keys": among, "customer_keys.0": among}
