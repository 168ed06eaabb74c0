"""Jobs in MongoDB: collection `jobs`, as callers of the API use it; workers take turns (storage/turns.py)."""

from collections.abc import Sequence
from datetime import datetime

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from domain import events, jobs
from domain.jobs import Job, JobState, RowResult
from domain.paging import Page, Window
from storage import codec, outbox
from storage.job_results import MongoResults
from storage.mongo import Database, Document, answering, transaction


def document_of(job: Job) -> Document:
    """The document of a new job: it waits for its turn."""
    return {**codec.to_document(job), "open": True}


class MongoJobs:
    """The store of jobs; see domain.jobs.Jobs for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = database["jobs"]
        self._results = MongoResults(database)

    async def add(self, workspace_id: str, job: Job) -> Job:
        """Keep a new job; one that is kept already under this id stays as it is, and is the answer."""
        fields = {**document_of(job), "workspace_id": workspace_id}
        told = events.of_job(job, JobState.QUEUED, job.created_at)

        async def work(session: AsyncClientSession) -> Job:
            standing = await self._jobs.find_one({"_id": job.id}, session=session)
            if standing is not None:
                return codec.to_value(standing, Job)
            await self._jobs.insert_one(fields, session=session)
            await outbox.write(self._database, workspace_id, [told], session)
            return job

        try:
            return await transaction(self._database, work)
        except DuplicateKeyError:  # by a call at the same time
            return (await self.by_ids(workspace_id, [job.id]))[job.id]

    async def by_ids(self, workspace_id: str, job_ids: Sequence[str]) -> dict[str, Job]:
        """Those that exist, by id."""
        with answering():
            query = {"_id": {"$in": list(job_ids)}, "workspace_id": workspace_id}
            documents = await self._jobs.find(query).to_list()
        return {document["_id"]: codec.to_value(document, Job) for document in documents}

    async def count(self, workspace_id: str, *, limit: int) -> int:
        """How many wait or run; counts no further than `limit`."""
        with answering():
            query = {"workspace_id": workspace_id, "open": True}
            return await self._jobs.count_documents(query, limit=limit)

    async def cancel(self, workspace_id: str, job_id: str, at: datetime) -> None:
        """Let nothing more happen to a job; one that is finished stays as it is."""
        cancelled = {"state": JobState.CANCELLED.value, "finished_at": at, "expires_at": at + jobs.KEPT}

        async def work(session: AsyncClientSession) -> None:
            found = await self._jobs.find_one_and_update(
                {"_id": job_id, "workspace_id": workspace_id, "open": True},
                {"$set": cancelled, "$unset": {"open": "", "lease": ""}},
                session=session,
            )
            if found is not None:
                told = events.of_job(codec.to_value(found, Job), JobState.CANCELLED, at)
                await outbox.write(self._database, workspace_id, [told], session)

        await transaction(self._database, work)

    async def results(
        self, workspace_id: str, job_id: str, window: Window, *, only_failed: bool
    ) -> Page[RowResult]:
        """One stretch of the results so far, in the order of the rows, by row."""
        return await self._results.page(workspace_id, job_id, window, only_failed=only_failed)

    async def output(self, workspace_id: str, job_id: str, step: int) -> bytes | None:
        """What the chunk of a step wrote into the job's file; None: there is no such chunk (yet)."""
        return await self._results.output(workspace_id, job_id, step)
