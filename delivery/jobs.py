"""Jobs, chunk by chunk: turns, the next chunk prepared while this one is written, and what goes wrong."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from domain import chunks
from domain.chunks import Chunk, Conflicting, Moved, Turns, Work
from domain.errors import Rejected, Unavailable, UserError, UserErrorCode
from domain.ids import Ids
from domain.jobs import Job, JobNews, JobProgressed
from domain.links import LinkChanges

TURN_CHUNKS: Final = 4
"""After so many chunks of one job it is somebody else's turn, if somebody waits."""
POLL_SECONDS: Final = 1.0
"""How often a worker that nobody wakes looks for jobs."""
RENEWAL_SECONDS: Final = 1.0
"""A lease lasts 4 s and each chunk renews it: this is for chunks that take long."""
FIRST_BACKOFF_SECONDS: Final = 0.05
LAST_BACKOFF_SECONDS: Final = 2.0
_ATTEMPTS: Final = 20
"""How often a chunk in conflict is settled or prepared again before its job goes to the back of the queue."""
_FAULTS: Final = 3
"""How often a job may meet a fault of ours at one place before it is given up."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """Totals since the process started.

    Args:
        chunks_committed: transactions that did a piece of a job.
        rows_settled: rows in them.
        chunks_settled: times that a chunk was in conflict with what others wrote, and was put right.
        chunks_moved: chunks given up because the job was cancelled or taken over.
        jobs_finished: jobs whose last chunk was committed here.
        jobs_failed: jobs that could not go on.
        faults: errors of ours that a job met.
    """

    chunks_committed: int = 0
    rows_settled: int = 0
    chunks_settled: int = 0
    chunks_moved: int = 0
    jobs_finished: int = 0
    jobs_failed: int = 0
    faults: int = 0


class Jobs:
    """Does jobs, one turn at a time, until it is told to stop.

    Args:
        turns: whose turn it is, and where chunks are committed.
        works: what there is to do, by name.
        news: who is told of progress.
        changes: who is told of changed links.
        ids: randomness for slugs that must be drawn again.
        counts: what happened so far.
    """

    def __init__(
        self,
        turns: Turns,
        works: Sequence[Work],
        *,
        news: JobNews,
        changes: LinkChanges,
        ids: Ids,
        counts: Counts,
    ) -> None:
        self._turns = turns
        self._works: Mapping[str, Work] = {work.name: work for work in works}
        self._news = news
        self._changes = changes
        self._ids = ids
        self._counts = counts
        self._woken = asyncio.Event()
        self._backoff = 0.0
        self._faults: dict[tuple[str, int], int] = {}

    def wake(self) -> None:
        """Look for jobs now."""
        self._woken.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set; the chunk at hand is finished and its job given back."""
        while not stopping.is_set():
            self._woken.clear()
            try:
                job = await self._turns.take()
                if job is not None:
                    await self._turn(job, stopping)
                self._backoff = 0.0
            except Unavailable as error:
                job = None
                self._back_off("MongoDB is away, jobs wait: %s", error)
            except Exception as error:  # noqa: BLE001 - the rim: whatever is wrong, the jobs keep their place
                job = None
                self._back_off("jobs could not be taken, it is tried again: %s", error)
            if job is None:
                await self._rest(stopping)

    async def until_idle(self) -> None:
        """Work until nothing waits, then return; raises errors.Unavailable."""
        never = asyncio.Event()
        while (job := await self._turns.take()) is not None:
            await self._turn(job, never)

    async def _turn(self, job: Job, stopping: asyncio.Event) -> None:
        """A few chunks of one job; more for as long as nobody else waits."""
        at = [job]
        over = asyncio.Event()
        keeping = asyncio.create_task(self._keep(job, over))
        try:
            await self._work(at, stopping)
        except Moved:
            self._counts.chunks_moved += 1
        except Rejected as rejected:
            await self._fail(at[0], rejected.errors)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - the rim: a fault in one kind of job must not stop the others
            await self._blame(at[0], error)
        finally:
            over.set()  # PyMongo's wait_for drops a cancellation that comes just when its work is done (3.11)
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        if not at[0].finished:
            await self._turns.give_back(at[0])

    async def _work(self, at: list[Job], stopping: asyncio.Event) -> None:
        """Commit chunk after chunk; `at` holds the job as it stands."""
        work, served = self._works[at[0].work], 0
        ahead = asyncio.create_task(work.chunk(at[0], at[0].cursor))
        try:
            while True:
                chunk = await ahead
                if not chunk.last:
                    ahead = asyncio.create_task(work.chunk(at[0], chunk.cursor))
                committed = await self._commit(at[0], chunk, work)
                at[0] = committed.job
                await self._tell(committed)
                served += 1
                if at[0].finished or stopping.is_set():
                    return
                if committed.chunk.end != chunk.end:  # it was prepared again and ends elsewhere
                    await _dropped(ahead)
                    ahead = asyncio.create_task(work.chunk(at[0], at[0].cursor))
                if served % TURN_CHUNKS == 0 and await self._turns.waiting():
                    return
        finally:
            await _dropped(ahead)

    async def _commit(self, job: Job, chunk: Chunk, work: Work) -> "_Committed":
        """Commit a chunk, put right as often as others are in the way."""
        for _ in range(_ATTEMPTS):
            try:
                return _Committed(await self._turns.commit(job, chunk), chunk)
            except Conflicting as conflict:
                self._counts.chunks_settled += 1
                if conflict.conflicts:
                    chunk = chunks.settled(chunk, conflict, self._ids.random_bytes)
                else:  # somebody changed what it changes
                    chunk = await work.chunk(job, job.cursor)
        raise Unavailable(f"others keep writing what job {job.id} writes")

    async def _tell(self, committed: "_Committed") -> None:
        """Tell of the chunk: redirects of links that they may know, and whoever watches the job."""
        job, chunk = committed.job, committed.chunk
        self._counts.chunks_committed += 1
        self._counts.rows_settled += chunk.rows
        self._counts.jobs_finished += job.finished
        await self._changes.publish(chunks.told(chunk))
        await self._news.publish(JobProgressed(job.workspace_id, job.id))

    async def _fail(self, job: Job, errors: Sequence[UserError]) -> None:
        self._counts.jobs_failed += 1
        await self._turns.fail(job, errors)
        await self._news.publish(JobProgressed(job.workspace_id, job.id))

    async def _blame(self, job: Job, error: Exception) -> None:
        """A fault of ours: the job is tried again a few times and then given up; waiting mends nothing."""
        self._counts.faults += 1
        place = (job.id, job.step)
        self._faults[place] = self._faults.get(place, 0) + 1
        _log.error("job %s met a fault at step %d", job.id, job.step, exc_info=error)
        if self._faults[place] < _FAULTS:
            return
        del self._faults[place]
        message = f"The job met a fault of this service after {job.done:,} rows; what is done stays."
        await self._fail(job, [UserError(UserErrorCode.INVALID, message)])

    async def _keep(self, job: Job, over: asyncio.Event) -> None:
        """Renew the lease until the turn is over; correctness never depends on it."""
        while not over.is_set():
            await asyncio.sleep(RENEWAL_SECONDS)  # the interval itself is the point
            with suppress(Unavailable):
                await self._turns.renew(job)

    def _back_off(self, message: str, error: Exception) -> None:
        self._backoff = min(max(self._backoff * 2, FIRST_BACKOFF_SECONDS), LAST_BACKOFF_SECONDS)
        _log.warning(message, str(error)[:500])

    async def _rest(self, stopping: asyncio.Event) -> None:
        """Wait until there may be something to do."""
        wanted = [stopping.wait()] if self._backoff else [stopping.wait(), self._woken.wait()]
        tasks = [asyncio.create_task(each) for each in wanted]
        try:
            await asyncio.wait(
                tasks, timeout=self._backoff or POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Committed:
    """The job after a chunk, and the chunk as it was committed."""

    job: Job
    chunk: Chunk


async def _dropped(task: "asyncio.Task[Any]") -> None:
    """Let go of a chunk that is not needed."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
