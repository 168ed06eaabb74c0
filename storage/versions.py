"""Versions of campaigns and templates: replaced under an optimistic lock, with the job that follows."""

from typing import Any, Protocol

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

from domain.jobs import Job
from storage import codec, mongo
from storage.jobs import document_of
from storage.mongo import Document


class Versioned(Protocol):
    """What has versions."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def version(self) -> int:
        """Counts its changes."""


async def replace(
    collection: AsyncCollection[Document], workspace_id: str, old: Versioned, new: Any, job: Job | None
) -> bool:
    """Replace `old` by `new` and keep `job`, both or neither.

    Returns:
        False: `old` is not what is kept any more; then nothing was done. True also where `new` is `old`.
    """
    seen = {"_id": old.id, "workspace_id": workspace_id, "version": old.version}
    fields = {**codec.to_document(new), "workspace_id": workspace_id}
    if job is None:
        if new == old:
            return True
        with mongo.answering():
            return (await collection.replace_one(seen, fields)).matched_count == 1
    kept = document_of(job)

    async def work(session: AsyncClientSession) -> bool:
        found = await collection.replace_one(seen, fields, session=session)
        if found.matched_count:
            # A repeated call meets the job that it has started already, and leaves it.
            await collection.database["jobs"].update_one(
                {"_id": kept["_id"]}, {"$setOnInsert": kept}, upsert=True, session=session
            )
        return found.matched_count == 1

    return await mongo.transaction(collection.database, work)
