"""The connection to MongoDB, and every index of every collection in one table."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar
from uuid import UUID

import pymongo
from bson import Binary
from pymongo import ASCENDING, DESCENDING, AsyncMongoClient, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, CollectionInvalid, ConnectionFailure, PyMongoError

from domain.errors import Unavailable
from storage import listings

Result = TypeVar("Result")
Document = dict[str, Any]
Database = AsyncDatabase[Document]

TEXT: Final = {"$type": "string"}
"""Holds for a field that is there and not null, in a form that partial indexes know."""

INDEXES: Final[Mapping[str, tuple[IndexModel, ...]]] = {
    "links": (
        IndexModel([("domain", ASCENDING), ("slug_key", ASCENDING)], unique=True, name="by_slug"),
        *listings.INDEXES,
    ),
    "external_ids": (
        IndexModel(
            [("workspace_id", ASCENDING), ("external_id", ASCENDING), ("source", ASCENDING)],
            unique=True,
            name="by_external_id",
        ),
    ),
    "campaigns": (
        IndexModel([("workspace_id", ASCENDING), ("key_folded", ASCENDING)], unique=True, name="by_key"),
        IndexModel([("workspace_id", ASCENDING), ("_id", DESCENDING)], name="by_workspace"),
    ),
    "templates": (IndexModel([("workspace_id", ASCENDING), ("_id", DESCENDING)], name="by_workspace"),),
    "keys": (
        IndexModel([("secret_hash", ASCENDING)], unique=True, name="by_hash"),
        IndexModel([("workspace_id", ASCENDING)], name="by_workspace"),
    ),
    "clicks": (
        IndexModel(
            [("workspace_id", ASCENDING), ("_id", DESCENDING)],
            partialFilterExpression={"link_id": TEXT},  # a flood of orphan visits slows no list of clicks
            name="of_links",
        ),
        IndexModel(
            [("workspace_id", ASCENDING), ("link_id", ASCENDING), ("_id", DESCENDING)], name="by_link"
        ),
        *(
            IndexModel(
                [("workspace_id", ASCENDING), (owner, ASCENDING), ("_id", DESCENDING)],
                partialFilterExpression={owner: {"$exists": True}},
                name=f"by_{owner.removesuffix('_id')}",
            )
            for owner in ("campaign_id", "template_id")
        ),
        IndexModel(
            [("workspace_id", ASCENDING), ("slot", ASCENDING), ("seq", ASCENDING)],
            unique=True,
            name="by_feed",
        ),
    ),
    "journals": (IndexModel([("closed_at", ASCENDING)], name="by_closing"),),
    "feeds": (IndexModel([("workspace_id", ASCENDING)], name="by_workspace"),),
    "folded": (IndexModel([("workspace_id", ASCENDING)], name="by_workspace"),),
    "rollups": (),  # all that is asked of them is in their ids
    "stats": (IndexModel([("workspace_id", ASCENDING), ("link_id", ASCENDING)], name="by_link"),),
    "revisions": (
        IndexModel(
            [("workspace_id", ASCENDING), ("link_id", ASCENDING), ("version", DESCENDING)],
            unique=True,
            name="by_link",
        ),
    ),
    "workspaces": (IndexModel([("domains", ASCENDING)], name="by_domain"),),
    "idempotency": (IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0, name="by_expiry"),),
    "uploads": (
        IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0, name="by_expiry"),
        IndexModel([("workspace_id", ASCENDING), ("claimed", ASCENDING)], name="by_workspace"),
    ),
    "upload_chunks": (
        IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0, name="by_expiry"),
        IndexModel([("workspace_id", ASCENDING), ("upload_id", ASCENDING)], name="by_upload"),
    ),
    "jobs": (
        IndexModel(
            [(name, ASCENDING) for name in ("open", "workspace_id", "served_at", "_id")],
            partialFilterExpression={"open": True},  # only what waits or runs: turns are found at once
            name="open",
        ),
        IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0, name="by_expiry"),
    ),
    "job_results": (
        IndexModel(
            [("workspace_id", ASCENDING), ("job_id", ASCENDING), ("last_row", ASCENDING)], name="by_job"
        ),
        IndexModel(
            [("workspace_id", ASCENDING), ("job_id", ASCENDING), ("last_row", ASCENDING)],
            partialFilterExpression={"failed": {"$gt": 0}},
            name="failures",
        ),
        IndexModel(
            [
                ("workspace_id", ASCENDING),
                ("job_id", ASCENDING),
                ("step", ASCENDING),
                ("bytes", ASCENDING),
            ],
            partialFilterExpression={"bytes": {"$gt": 0}},
            name="pieces",
        ),
        IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0, name="by_expiry"),
    ),
    "promotions": (
        IndexModel([("workspace_id", ASCENDING), ("uid_folded", ASCENDING)], unique=True, name="by_uid"),
        IndexModel([("workspace_id", ASCENDING), ("_id", DESCENDING)], name="by_workspace"),
    ),
    "participants": (
        IndexModel([("workspace_id", ASCENDING), ("email_key", ASCENDING)], unique=True, name="by_email"),
        IndexModel([("workspace_id", ASCENDING), ("person_key", ASCENDING)], name="by_person"),
    ),
    "referrals": (
        IndexModel(
            [("workspace_id", ASCENDING), ("promotion_id", ASCENDING), ("participant_id", ASCENDING)],
            name="by_promotion",
        ),
        IndexModel([("workspace_id", ASCENDING), ("identity", ASCENDING)], unique=True, name="by_identity"),
        IndexModel([("workspace_id", ASCENDING), ("code", ASCENDING)], unique=True, name="by_code"),
        IndexModel([("workspace_id", ASCENDING), ("link_id", ASCENDING)], unique=True, name="by_link"),
        IndexModel(
            [("workspace_id", ASCENDING), ("participant_id", ASCENDING), ("_id", DESCENDING)],
            name="by_participant",
        ),
    ),
    "conversions": (
        IndexModel(
            [("workspace_id", ASCENDING), ("promotion_id", ASCENDING), ("referrer_id", ASCENDING)],
            partialFilterExpression={"referrer_id": TEXT},
            name="by_promotion",
        ),
        IndexModel([("workspace_id", ASCENDING), ("identities", ASCENDING)], unique=True, name="by_identity"),
        IndexModel(
            [("workspace_id", ASCENDING), ("customer_keys", ASCENDING), ("at", ASCENDING)], name="by_customer"
        ),
        IndexModel(
            [("workspace_id", ASCENDING), ("referrer_id", ASCENDING), ("received_at", DESCENDING)],
            partialFilterExpression={"referrer_id": TEXT},
            name="by_referrer",
        ),
        IndexModel(
            [("recount_at", ASCENDING)], partialFilterExpression={"recount_at": {"$type": "date"}}, name="due"
        ),
    ),
    "credits": (
        IndexModel([("workspace_id", ASCENDING), ("at", ASCENDING)], name="by_workspace"),
        IndexModel([("workspace_id", ASCENDING), ("link_id", ASCENDING), ("at", ASCENDING)], name="by_link"),
        IndexModel(
            [("workspace_id", ASCENDING), ("campaign_id", ASCENDING), ("at", ASCENDING)],
            partialFilterExpression={"campaign_id": TEXT},
            name="by_campaign",
        ),
        IndexModel([("workspace_id", ASCENDING), ("conversion_id", ASCENDING)], name="by_conversion"),
    ),
    "touches": (
        IndexModel(
            [("workspace_id", ASCENDING), ("customer_key", ASCENDING), ("at", DESCENDING)], name="by_customer"
        ),
    ),
    "rewards": (
        IndexModel(
            [(name, ASCENDING) for name in ("workspace_id", "conversion_id", "role", "entry")],
            unique=True,
            name="by_conversion",
        ),
        IndexModel([("workspace_id", ASCENDING), ("_id", DESCENDING)], name="by_workspace"),
        IndexModel([("workspace_id", ASCENDING), ("state", ASCENDING), ("_id", DESCENDING)], name="by_state"),
        IndexModel(
            [("workspace_id", ASCENDING), ("participant_id", ASCENDING), ("_id", DESCENDING)],
            name="by_participant",
        ),
        IndexModel(
            [("workspace_id", ASCENDING), ("promotion_id", ASCENDING), ("state", ASCENDING)],
            name="by_promotion",
        ),
        IndexModel([("due_at", ASCENDING)], partialFilterExpression={"state": "PENDING"}, name="due"),
    ),
    "outbox": (
        IndexModel(
            [("at", ASCENDING), ("version", ASCENDING), ("_id", ASCENDING)],
            partialFilterExpression={"pending": True},
            name="pending",
        ),
        IndexModel([("workspace_id", ASCENDING), ("last", ASCENDING)], name="by_workspace"),
        IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0, name="by_expiry"),
    ),
    "event_heads": (),
    "leases": (),
    "reward_seats": (IndexModel([("workspace_id", ASCENDING)], name="by_workspace"),),
    "mails": (
        IndexModel([("due_at", ASCENDING)], partialFilterExpression={"state": "PENDING"}, name="due"),
        IndexModel([("workspace_id", ASCENDING), ("participant_id", ASCENDING)], name="by_participant"),
        IndexModel([("settled_at", ASCENDING)], expireAfterSeconds=90 * 86_400, name="by_settling"),
    ),
    "suppressions": (),
    "visitors": (IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0, name="by_expiry"),),
}


def connect(url: str, *, timeout_ms: int, application: str, **options: Any) -> AsyncMongoClient[Document]:
    """A client that gives up an operation after `timeout_ms`, with UTC times and majority writes.

    Args:
        url: a MongoDB connection string.
        timeout_ms: budget of one operation with its retries, milliseconds.
        application: the process's role, shown in the server's logs.
        options: more of AsyncMongoClient's own.
    """
    return AsyncMongoClient(
        url,
        appname=f"linkgraph-{application}",
        tz_aware=True,
        timeoutMS=timeout_ms,
        serverSelectionTimeoutMS=timeout_ms,
        w="majority",
        **options,
    )


async def ensure_indexes(database: Database) -> None:
    """Create what is missing of INDEXES; what exists already costs one round trip a collection."""
    there = await database.list_collection_names()
    for collection, indexes in INDEXES.items():
        if indexes:
            await database[collection].create_indexes(list(indexes))
        elif collection not in there:
            with suppress(CollectionInvalid):  # another process was quicker
                await database.create_collection(collection)


@contextmanager
def answering() -> Iterator[None]:
    """Around every call of a store: a server that is away, too slow or without primary becomes Unavailable.

    Whatever else MongoDB refuses is a fault of ours and passes through.
    """
    try:
        yield
    except PyMongoError as error:
        # ConnectionFailure: no server, no primary, no network; `timeout`: the budget of the call is used up.
        if isinstance(error, ConnectionFailure) or error.timeout or _passing(error):
            raise Unavailable("The database does not answer right now; try again.") from error
        raise


async def transaction(
    database: Database, work: Callable[[AsyncClientSession], Awaitable[Result]], *, seconds: float = 5
) -> Result:
    """Run `work` in one transaction, repeated on conflicts, its commit repeated until its result is known.

    Args:
        database: where it happens.
        work: what to do with the session; it may run several times.
        seconds: budget of everything together; without it PyMongo retries for two minutes.

    Raises:
        Unavailable: it could not be done in time.
    """
    with answering(), pymongo.timeout(seconds):
        async with database.client.start_session() as session:
            return await session.with_transaction(work)


def session_name(session: AsyncClientSession) -> str:
    """A name by which any process can end this session."""
    return session.session_id["id"].as_uuid().hex  # type: ignore[no-any-return]


async def end_session(database: Database, name: str) -> None:
    """End the session of a process that is gone, and the transaction that it may have left open."""
    with answering():
        await database.client.admin.command("killSessions", [{"id": Binary.from_uuid(UUID(hex=name))}])


async def insert(
    database: Database,
    collection: str,
    documents: Sequence[Mapping[str, Any]],
    session: AsyncClientSession,
) -> None:
    """Insert many small documents that have their ids, in one command of at most 16 MB, within a transaction.

    It is what insert_many does, without the driver's work on each document (1.0 µs instead of 1.9).

    Raises:
        BulkWriteError: one of them cannot be inserted.
    """
    await write(database, {"insert": collection, "documents": documents}, session)


async def write(database: Database, command: Document, session: AsyncClientSession) -> None:
    """Write many documents by one command, within a transaction: a bulk_write takes twice as long for it.

    Raises:
        BulkWriteError: one of them cannot be written.
    """
    answer: dict[str, Any] = await database.command(command, session=session)
    if "writeErrors" in answer:
        raise BulkWriteError(answer)


def _passing(error: PyMongoError) -> bool:
    return error.has_error_label("RetryableWriteError") or error.has_error_label("TransientTransactionError")
