"""The connection to MongoDB, and every index of every collection in one table."""

from collections.abc import Mapping
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING, AsyncMongoClient, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

Document = dict[str, Any]
Database = AsyncDatabase[Document]

INDEXES: Final[Mapping[str, tuple[IndexModel, ...]]] = {
    "links": (
        IndexModel([("domain", ASCENDING), ("slug_key", ASCENDING)], unique=True, name="by_slug"),
        IndexModel([("workspace_id", ASCENDING), ("_id", DESCENDING)], name="by_workspace"),
    ),
}


def connect(url: str, *, timeout_ms: int, application: str) -> AsyncMongoClient[Document]:
    """A client that gives up an operation after `timeout_ms`, times in UTC, writes acknowledged by the majority.

    Args:
        url: a MongoDB connection string.
        timeout_ms: budget of one operation with its retries, milliseconds.
        application: the process's role, shown in the server's logs.
    """
    return AsyncMongoClient(
        url,
        appname=f"linkgraph-{application}",
        tz_aware=True,
        timeoutMS=timeout_ms,
        serverSelectionTimeoutMS=timeout_ms,
        w="majority",
    )


async def ensure_indexes(database: Database) -> None:
    """Create what is missing of INDEXES; what exists already costs one round trip a collection."""
    for collection, indexes in INDEXES.items():
        await database[collection].create_indexes(list(indexes))
