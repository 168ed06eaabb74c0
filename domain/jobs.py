"""Jobs: work on many rows behind an API call, how far it has come, and what became of each row."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol, TypeVar

import msgspec

from domain import instants
from domain.errors import Rejected, UserError, UserErrorCode
from domain.ids import Ids, prefix_of
from domain.instants import Clock
from domain.paging import Page, Window

KEPT: Final = timedelta(days=30)
"""How long a finished job, its results and its output are kept."""
MAX_OPEN: Final = 100
"""Jobs of a workspace that may wait or run at the same time."""

Spec = TypeVar("Spec", bound=msgspec.Struct)


class BulkKind(StrEnum):
    """What a job does, as the API tells it."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    IMPORT = "IMPORT"
    EXPORT = "EXPORT"
    RERENDER = "RERENDER"
    UNDO = "UNDO"


class JobState(StrEnum):
    """Where a job stands; the last three are final."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One job, as far as it has come.

    Args:
        kind: what the API calls it.
        work: name of the Work that does it.
        spec: what that work has to know, a struct of its own as plain data; see `new` and `spec_of`.
        actor: id of the key that asked for it; links that it writes are changed by the job's own id.
        total: rows that it has.
        done: rows that are settled, of which so many succeeded and failed.
        step: chunks committed so far; a chunk is committed only on the step that it was prepared for.
        cursor: where the next chunk starts, in the work's own terms; None: at the beginning.
        errors: why it FAILED as a whole.
        undoes: the job that this one takes back.
    """

    id: str
    workspace_id: str
    kind: BulkKind
    work: str
    spec: Mapping[str, Any]
    actor: str
    state: JobState = JobState.QUEUED
    total: int
    done: int = 0
    succeeded: int = 0
    failed: int = 0
    step: int = 0
    cursor: Any = None
    errors: tuple[UserError, ...] = ()
    undoes: str | None = None
    created_at: datetime
    finished_at: datetime | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.state not in (JobState.QUEUED, JobState.RUNNING)


class RowResult(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What became of one row.

    Args:
        row: its number in the input, from 0.
        link_id: the link that it made, changed or deleted, or could not change; None where it made none.
        version: the link's version then.
        errors: why it failed; paths as createLink has them, without the row.
    """

    row: int
    link_id: str | None = None
    version: int = 0
    errors: tuple[UserError, ...] = ()


class Jobs(Protocol):
    """Where jobs are kept and read. Each method raises errors.Unavailable while the database is away."""

    async def add(self, workspace_id: str, job: Job) -> Job:
        """Keep a new job; one that is kept already under this id stays as it is, and is the answer."""
        ...

    async def by_ids(self, workspace_id: str, job_ids: Sequence[str]) -> dict[str, Job]:
        """Those that exist, by id."""
        ...

    async def count(self, workspace_id: str, *, limit: int) -> int:
        """How many wait or run; counts no further than `limit`."""
        ...

    async def cancel(self, workspace_id: str, job_id: str, at: datetime) -> None:
        """Let nothing more happen to a job; one that is finished stays as it is."""
        ...

    async def results(
        self, workspace_id: str, job_id: str, window: Window, *, only_failed: bool
    ) -> Page[RowResult]:
        """One stretch of the results so far, in the order of the rows, by row."""
        ...

    async def output(self, workspace_id: str, job_id: str, step: int) -> bytes | None:
        """What the chunk of a step wrote into the job's file; None: there is no such chunk (yet)."""
        ...


class JobProgressed(msgspec.Struct, array_like=True, frozen=True):
    """Told after each chunk and at each change of state (channel `jobs`); the news are in the database."""

    workspace_id: str
    job_id: str


class JobNews(Protocol):
    """Who is told of jobs: workers that sleep, and whoever watches a job."""

    async def publish(self, news: JobProgressed) -> None:
        """Tell; takes at most 100 ms, and failing is logged, never raised: everybody looks by himself too."""
        ...


def new(
    kind: BulkKind,
    work: str,
    spec: msgspec.Struct,
    *,
    workspace_id: str,
    actor: str,
    total: int,
    clock: Clock,
    ids: Ids,
    undoes: str | None = None,
) -> Job:
    """A job that waits for its turn; see Job for the arguments."""
    now = clock()
    return Job(
        id=ids.at("job", instants.milliseconds(now)),
        workspace_id=workspace_id,
        kind=kind,
        work=work,
        spec=msgspec.to_builtins(spec, builtin_types=(datetime,)),
        actor=actor,
        total=total,
        undoes=undoes,
        created_at=now,
    )


async def start(job: Job, store: Jobs, news: JobNews) -> Job:
    """Keep a new job and wake a worker; one that a repeated call started already is only found again.

    Raises:
        Rejected: LIMIT_EXCEEDED, too many jobs of the workspace wait or run.
    """
    standing = (await store.by_ids(job.workspace_id, [job.id])).get(job.id)
    if standing is not None:
        return standing
    await expect_room(job.workspace_id, store)
    kept = await store.add(job.workspace_id, job)
    await news.publish(JobProgressed(job.workspace_id, job.id))
    return kept


async def cancel(job_id: str, workspace_id: str, store: Jobs, news: JobNews, at: datetime) -> Job:
    """Stop a job before its next chunk; a finished one stays as it is.

    Raises:
        Rejected: NOT_FOUND.
    """
    if prefix_of(job_id) == "job":
        await store.cancel(workspace_id, job_id, at)
        job = (await store.by_ids(workspace_id, [job_id])).get(job_id)
        if job is not None:
            await news.publish(JobProgressed(workspace_id, job_id))
            return job
    raise Rejected(UserError(UserErrorCode.NOT_FOUND, "There is no job with this id.", ("id",)))


async def expect_room(workspace_id: str, store: Jobs) -> None:
    """Raise Rejected, LIMIT_EXCEEDED, where too many jobs of a workspace wait or run."""
    if await store.count(workspace_id, limit=MAX_OPEN) >= MAX_OPEN:
        message = f"{MAX_OPEN} jobs of this workspace wait or run; try again when some of them are finished."
        raise Rejected(UserError(UserErrorCode.LIMIT_EXCEEDED, message))


def spec_of(job: Job, kind: type[Spec]) -> Spec:
    """What a job's work has to know, as its own struct."""
    return msgspec.convert(job.spec, kind, builtin_types=(datetime,))
