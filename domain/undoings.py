"""Undoings: what a job changed is taken back, as far as nothing has happened to a link since."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from domain import edits, fields, ids, jobs, link_walks, revisions
from domain.chunks import Chunk
from domain.errors import Rejected, UserError, UserErrorCode
from domain.jobs import BulkKind, Job, Jobs, RowResult
from domain.link_walks import Outcome
from domain.links import Link
from domain.offices import Office
from domain.paging import Window
from domain.revisions import Revision
from domain.workbenches import Workbench, Workshop

WORK: Final = "undo_job"
_UNDOABLE: Final = (BulkKind.UPDATE, BulkKind.RERENDER)


class UndoJob(msgspec.Struct, frozen=True, kw_only=True):
    """What the job has to know."""

    job_id: str


async def start(job_id: str, bench: Workbench, office: Office) -> Job:
    """Start a job that takes another one back.

    Raises:
        Rejected: NOT_FOUND; NOT_ALLOWED: it is of a kind that cannot be taken back, or still at work.
    """
    wanted = [job_id] if ids.prefix_of(job_id) == "job" else []
    found = await office.jobs.by_ids(bench.workspace_id, wanted) if wanted else {}
    if job_id not in found:
        raise fields.refused("id", "There is no job with this id.", UserErrorCode.NOT_FOUND)
    undone = found[job_id]
    if undone.kind not in _UNDOABLE:
        message = f"A job of the kind {undone.kind.value} cannot be undone; updates and re-renderings can."
        raise fields.refused("id", message, UserErrorCode.NOT_ALLOWED)
    if not undone.finished:
        message = "The job is still at work; cancel it, or wait for its end."
        raise fields.refused("id", message, UserErrorCode.NOT_ALLOWED)
    spec = UndoJob(job_id=job_id)
    job = office.job(BulkKind.UNDO, WORK, spec, total=undone.succeeded, bench=bench, undoes=job_id)
    return await office.start(job)


class _Past(NamedTuple):
    """Links as they are now, and what the job changed of them."""

    job_id: str
    links: Mapping[str, Link]
    changes: Mapping[str, Revision]


class Undoing:
    """The work of undoings; see domain.chunks.Work."""

    name = WORK

    def __init__(self, workshop: Workshop, store: Jobs) -> None:
        self._workshop = workshop
        self._jobs = store

    async def chunk(self, job: Job, cursor: Any) -> Chunk:
        """The next rows of the job that is undone, behind the last one in the cursor, numbered anew."""
        spec, bench = jobs.spec_of(job, UndoJob), await self._workshop.bench(job)
        seen, row = cursor or (None, 0)
        window = Window(size=link_walks.CHUNK, after=None if seen is None else (seen,))
        page = await self._jobs.results(job.workspace_id, spec.job_id, window, only_failed=False)
        done = [result for result in page.items if not result.errors]
        past = await _past(spec.job_id, done, bench)
        outcomes = [_outcome(row + place, result, past, bench) for place, result in enumerate(done)]
        last_row = page.items[-1].row if page.items else seen
        return link_walks.chunk_of(outcomes, cursor=[last_row, row + len(done)], last=not page.has_next)


async def _past(job_id: str, done: Sequence[RowResult], bench: Workbench) -> _Past:
    links = await bench.links.by_ids(bench.workspace_id, [str(result.link_id) for result in done])
    changes = await bench.revisions.by_ids(bench.workspace_id, [_name(result) for result in done])
    return _Past(job_id, links, changes)


def _name(result: RowResult) -> str:
    return revisions.id_of(str(result.link_id), result.version)


def _outcome(row: int, result: RowResult, past: _Past, bench: Workbench) -> Outcome:
    old, change = past.links.get(str(result.link_id)), past.changes.get(_name(result))
    if old is None:
        return _refused(row, result, UserErrorCode.NOT_FOUND, "The link has been deleted since.")
    if change is None or change.actor != past.job_id:
        return RowResult(row, old.id, old.version)  # the job left it as it was
    if old.version != result.version:
        message = f"The link has been changed since: it is at version {old.version}, not {result.version}."
        return _refused(row, result, UserErrorCode.STALE, message)
    try:
        values = revisions.undone(old, [change])
        return link_walks.replacing(row, old, edits.next_version(old, values, bench, by_hand=False))
    except Rejected as rejected:
        return RowResult(row, old.id, old.version, rejected.errors)


def _refused(row: int, result: RowResult, code: UserErrorCode, message: str) -> RowResult:
    return RowResult(row, result.link_id, result.version, (UserError(code, message, ("version",)),))
