"""Turns of jobs: which job a worker does next, under a lease, and each chunk committed exactly once.

Leases are judged by MongoDB's own clock, so that the workers' clocks do not matter. A worker has one session
and one transaction at a time; its lease names the session, so that the transaction which a killed worker
leaves open, and which would block its job for a minute, is ended by whoever takes over.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Self

import msgspec
import pymongo
from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError

from domain import events, jobs
from domain.chunks import Chunk, Conflicting, Moved
from domain.errors import UserError, UserErrorCode
from domain.instants import Clock
from domain.jobs import Job, JobState, RowResult
from domain.links import Conflict
from storage import codec, job_results, mongo, outbox
from storage.link_writes import LinkWrites, Stale, is_duplicate
from storage.mongo import Database, Document

LEASE_SECONDS: Final = 4
"""After so long a job whose worker was killed is taken over; too early would waste work, nothing else."""
MAX_ATTEMPTS: Final = 30
"""How often a job is taken without getting a step further; then it is given up: it may kill workers."""
_SECONDS: Final = 8
"""Budget of a transaction with its repetitions."""
_FREE: Final = {
    "open": True,
    "$expr": {"$lte": ["$lease.renewed_at", {"$subtract": ["$$NOW", LEASE_SECONDS * 1000]}]},
}


class MongoTurns:
    """What one worker asks of the store; see domain.chunks.Turns for what each method promises.

    Args:
        owner: names the worker; unique among all of them.
        works: names of the works that it can do; others' jobs wait for another worker.
    """

    def __init__(self, database: Database, owner: str, works: Sequence[str], clock: Clock) -> None:
        self._database = database
        self._jobs = database["jobs"]
        self._results = database["job_results"]
        self._served = database["job_turns"]
        self._writes = LinkWrites(database)
        self._owner = owner
        self._clock = clock
        self._free: Document = {**_FREE, "work": {"$in": list(works)}}
        self._session = database.client.start_session()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.end_session()

    async def take(self) -> Job | None:
        """The job whose turn it is, leased; None: nothing waits."""
        with mongo.answering():
            while (found := await self._next()) is not None:
                if found.get("lease") is not None:
                    await mongo.end_session(self._database, found["lease"]["session"])
                job = await self._lease(found["job_id"])
                if job is not None:
                    return job
        return None

    async def waiting(self) -> bool:
        """Whether a job waits that nobody works on."""
        with mongo.answering():
            return await self._jobs.find_one(self._free, {"_id": 1}) is not None

    async def renew(self, job: Job) -> None:
        """Lengthen the lease of a job."""
        with mongo.answering():
            await self._jobs.update_one(self._mine(job), {"$currentDate": {"lease.renewed_at": True}})

    async def give_back(self, job: Job) -> None:
        """End the lease of a job, so that the next one takes it at once."""
        with mongo.answering():
            await self._jobs.update_one(self._mine(job), {"$unset": {"lease": ""}})

    async def commit(self, job: Job, chunk: Chunk) -> Job:
        """Do what a chunk says in one transaction; the job as it stands then."""
        settled = job_results.of(chunk)
        after = _after(job, chunk, settled, self._clock())

        async def work(session: AsyncClientSession) -> None:
            await self._advance(job, after, session)
            await self._write(job.workspace_id, chunk, session)
            if after.finished_at is not None:
                told = events.of_job(job, after.state, after.finished_at)
                await outbox.write(self._database, job.workspace_id, [told], session)
            if settled or chunk.output:
                document = job_results.document(job, settled, chunk.output, self._clock())
                await self._results.insert_one(document, session=session)

        try:
            with mongo.answering(), pymongo.timeout(_SECONDS):
                await self._session.with_transaction(work)
        except Stale:
            raise Conflicting({}) from None
        except (BulkWriteError, DuplicateKeyError) as error:
            if not is_duplicate(error):
                raise
            raise Conflicting(await self._conflicts(job.workspace_id, chunk)) from None
        return after

    async def fail(self, job: Job, errors: Sequence[UserError]) -> None:
        """End a job as FAILED, if it is still at this step."""
        failed = {
            "state": JobState.FAILED.value,
            "errors": [codec.to_document(error) for error in errors],
            **_finish(self._clock()),
        }
        here = {"_id": job.id, "workspace_id": job.workspace_id, "step": job.step, "open": True}
        told = events.of_job(job, JobState.FAILED, failed["finished_at"])

        async def work(session: AsyncClientSession) -> None:
            end = {"$set": failed, "$unset": {"open": "", "lease": ""}}
            if (await self._jobs.update_one(here, end, session=session)).matched_count:
                await outbox.write(self._database, job.workspace_id, [told], session)

        await mongo.transaction(self._database, work)

    async def _next(self) -> Document | None:
        """Of all workspaces with a free job that which was served least recently, there the job that was."""
        stages: list[Document] = [
            {"$match": self._free},
            {"$sort": {"workspace_id": 1, "served_at": 1, "_id": 1}},
            {"$group": {"_id": "$workspace_id", "job_id": {"$first": "$_id"}, "lease": {"$first": "$lease"}}},
            {"$lookup": {"from": "job_turns", "localField": "_id", "foreignField": "_id", "as": "turn"}},
            {"$sort": {"turn.served_at": 1, "job_id": 1}},
            {"$limit": 1},
        ]
        found = await (await self._jobs.aggregate(stages)).to_list()
        return found[0] if found else None

    async def _lease(self, job_id: str) -> Job | None:
        """Take the job, unless another worker was quicker or it has been taken in vain too often."""
        lease = {"lease.owner": self._owner, "lease.session": mongo.session_name(self._session)}
        document = await self._jobs.find_one_and_update(
            {"_id": job_id, **self._free},
            {
                "$set": {"state": JobState.RUNNING.value, **lease},
                "$currentDate": {"served_at": True, "lease.renewed_at": True},
                "$inc": {"attempts": 1},
            },
            return_document=ReturnDocument.AFTER,
        )
        if document is None:
            return None
        job = codec.to_value(document, Job)
        await self._served.update_one(
            {"_id": job.workspace_id}, {"$currentDate": {"served_at": True}}, upsert=True
        )
        if document["attempts"] > MAX_ATTEMPTS:
            message = (
                f"The job was begun {MAX_ATTEMPTS} times at this place and never got on; it is given up."
            )
            await self.fail(job, [UserError(UserErrorCode.INVALID, message)])
            return None
        return job

    async def _advance(self, job: Job, after: Job, session: AsyncClientSession) -> None:
        """Take the step: of all workers that try, only one finds the job where it starts.

        Who has lost the lease may be that one: where processors are scarce, nobody would get on otherwise.
        """
        names = ("total", "done", "succeeded", "failed", "step", "cursor", "state")
        progress = {name: getattr(after, name) for name in names}
        finish = _finish(after.finished_at) if after.finished_at is not None else {}
        change: dict[str, Any] = {
            "$set": {**progress, "state": after.state.value, "attempts": 0, **finish},
            "$currentDate": {"lease.renewed_at": True},
        }
        if after.finished:
            del change["$currentDate"]
            change["$unset"] = {"open": "", "lease": ""}
        here = {"_id": job.id, "workspace_id": job.workspace_id, "step": job.step, "open": True}
        result = await self._jobs.update_one(here, change, session=session)
        if result.matched_count == 0:
            raise Moved(f"job {job.id} is not at step {job.step} any more")

    async def _write(self, workspace_id: str, chunk: Chunk, session: AsyncClientSession) -> None:
        if chunk.made:
            await self._writes.insert(workspace_id, [each.link for each in chunk.made], session)
        if chunk.changed:
            pairs = [(each.old, each.new) for each in chunk.changed]
            await self._writes.replace(workspace_id, pairs, session)
        if chunk.removed:
            gone = [(each.old, each.deleted_at) for each in chunk.removed]
            await self._writes.bury(workspace_id, gone, session)

    async def _conflicts(self, workspace_id: str, chunk: Chunk) -> dict[str, frozenset[Conflict]]:
        wanted = [each.link for each in chunk.made] + [each.new for each in chunk.changed]
        found, _ = await self._writes.conflicts(workspace_id, wanted)
        return found

    def _mine(self, job: Job) -> Document:
        return {"_id": job.id, "workspace_id": job.workspace_id, "lease.owner": self._owner}


def _after(job: Job, chunk: Chunk, settled: Sequence[RowResult], now: datetime) -> Job:
    failed = sum(1 for each in settled if each.errors)
    done = job.done + len(settled) + chunk.written
    return msgspec.structs.replace(
        job,
        step=job.step + 1,
        cursor=chunk.cursor,
        total=max(job.total, done),  # of a file nobody knows beforehand how many rows it gets
        done=done,
        succeeded=job.succeeded + len(settled) + chunk.written - failed,
        failed=job.failed + failed,
        state=JobState.SUCCEEDED if chunk.last else JobState.RUNNING,
        finished_at=now if chunk.last else None,
    )


def _finish(at: datetime) -> Document:
    return {"finished_at": at, "expires_at": at + jobs.KEPT}
