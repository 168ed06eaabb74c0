"""Versions of campaigns, templates, promotions: replaced under an optimistic lock, with what follows."""

from datetime import datetime
from typing import Any, Protocol

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

from domain import events
from domain.events import Named, Told
from domain.jobs import Job, JobState
from storage import codec, mongo, outbox
from storage.jobs import document_of
from storage.mongo import Document


class Versioned(Named, Protocol):
    """What has versions."""

    @property
    def updated_at(self) -> datetime:
        """When this version was made."""


async def replace(
    collection: AsyncCollection[Document],
    workspace_id: str,
    old: Versioned,
    new: Any,
    job: Job | None,
    *,
    kind: str,
    **more: Any,
) -> bool:
    """Replace `old` by `new`, tell of it, and keep `job`: all of it or nothing.

    Args:
        kind: what events call it.
        more: fields of the document besides.

    Returns:
        False: `old` is not what is kept any more; then nothing was done. True also where `new` is `old`.
    """
    seen = {"_id": old.id, "workspace_id": workspace_id, "version": old.version}
    fields = {**codec.to_document(new), "workspace_id": workspace_id, **more}
    if job is None and new == old:
        return True
    database = collection.database

    async def work(session: AsyncClientSession) -> bool:
        found = await collection.replace_one(seen, fields, session=session)
        if found.matched_count:
            told = [events.of_named("updated", kind, new, new.updated_at)] if new != old else []
            told += [] if job is None else await _kept(job, session)
            await outbox.write(database, workspace_id, told, session)
        return found.matched_count == 1

    async def _kept(job: Job, session: AsyncClientSession) -> list[Told]:
        """A repeated call meets the job that it has started already, and leaves it."""
        document = document_of(job)
        kept = await database["jobs"].update_one(
            {"_id": document["_id"]}, {"$setOnInsert": document}, upsert=True, session=session
        )
        return [events.of_job(job, JobState.QUEUED, job.created_at)] if kept.upserted_id else []

    return await mongo.transaction(database, work)
