"""Chunks: what a job does in one transaction, what prepares them, and what a worker asks of the store.

A new kind of job is a `Work`: a small class that says what each chunk does, and its entry in `app/works.py`.
Turns, transactions, crashes, fairness, cancelling, results and progress are the engine's (delivery/jobs.py);
docs/decisions/bulk-jobs.md says what makes them right.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from domain import creations
from domain.errors import Rejected, UserError
from domain.jobs import Job, RowResult
from domain.links import Conflict, Link, LinkChanged

ROWS: Final = 500
"""Rows of one chunk: its transaction takes well under 100 ms, so nobody waits long for what it writes."""


class New(msgspec.Struct, frozen=True, gc=False):
    """A link that a row makes.

    Args:
        slug: what to do where its slug is taken: None refuses the row (TAKEN), an empty text draws another
            slug, any other text gets a short suffix.
    """

    row: int
    link: Link
    slug: str | None = None


class Change(msgspec.Struct, frozen=True, gc=False):
    """A link that a row replaces. Where `old` is not what is kept any more the chunk is prepared again."""

    row: int
    old: Link
    new: Link


class Removal(msgspec.Struct, frozen=True, gc=False):
    """A link that a row deletes, as in `Change`."""

    row: int
    old: Link
    deleted_at: datetime


class Chunk(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one transaction does: all of it happens, with the job's progress, or nothing.

    Args:
        made, changed, removed: what is written; each is a row that succeeds unless the store refuses it.
        results: of all other rows: those that fail, and those where there is nothing to do.
        output: what is appended to the file that the job writes.
        written: rows of that file, which have no results; each is one that succeeds.
        cursor: where the next chunk starts, as plain data that BSON and JSON know.
        last: nothing is left behind this chunk.
    """

    made: Sequence[New] = ()
    changed: Sequence[Change] = ()
    removed: Sequence[Removal] = ()
    results: Sequence[RowResult] = ()
    output: bytes = b""
    written: int = 0
    cursor: Any = None
    last: bool = False

    @property
    def rows(self) -> int:
        """How many rows it settles."""
        return len(self.made) + len(self.changed) + len(self.removed) + len(self.results) + self.written

    @property
    def end(self) -> tuple[Any, bool]:
        """Where it ends."""
        return self.cursor, self.last


class Work(Protocol):
    """One kind of work; the engine asks it for chunk after chunk."""

    @property
    def name(self) -> str:
        """What jobs of this kind carry in `work`."""
        ...

    async def chunk(self, job: Job, cursor: Any) -> Chunk:
        """What the chunk at `cursor` does, about ROWS rows; writes nothing.

        It may be asked again for the same cursor (a link was edited meanwhile, a worker died), and for the
        next one before this one is committed. Rows are numbered from 0 over the whole job; each of them is in
        exactly one chunk, and chunks come in the order of their rows.

        Args:
            cursor: None for the first chunk, otherwise what the chunk before gave.

        Raises:
            Rejected: the job cannot go on; it ends as FAILED with these errors, what is done stays.
            Unavailable: a store does not answer; it is tried again.
        """
        ...


class Turns(Protocol):
    """What a worker asks of the store; see Jobs for errors."""

    async def take(self) -> Job | None:
        """The job whose turn it is, leased; None: nothing waits.

        The turn is the workspace's that was served least recently, there the job's that was.
        """
        ...

    async def waiting(self) -> bool:
        """Whether a job waits that nobody works on."""
        ...

    async def renew(self, job: Job) -> None:
        """Lengthen the lease of a job."""
        ...

    async def give_back(self, job: Job) -> None:
        """End the lease of a job, so that the next one takes it at once."""
        ...

    async def commit(self, job: Job, chunk: Chunk) -> Job:
        """Do what a chunk says in one transaction; the job as it stands then.

        Raises:
            Moved: the job is not at this step any more, or finished: nothing happened.
            Conflicting: what is written is in conflict with what is kept: nothing happened.
        """
        ...

    async def fail(self, job: Job, errors: Sequence[UserError]) -> None:
        """End a job as FAILED, if it is still at this step."""
        ...


class Moved(Exception):
    """The job is not where the worker believed it: cancelled, or taken over by another one."""


class Conflicting(Exception):
    """Why a chunk could not be committed, by the id of the link."""

    def __init__(self, conflicts: Mapping[str, frozenset[Conflict]]) -> None:
        super().__init__(f"{len(conflicts)} links are in conflict")
        self.conflicts = conflicts


def settled(chunk: Chunk, conflict: Conflicting, random_bytes: Callable[[int], bytes]) -> Chunk:
    """The chunk without what could not be committed: links with other slugs, rows that are refused.

    Args:
        random_bytes: a cryptographic source, for slugs that are drawn again.
    """
    results, made, changed = list(chunk.results), [], []
    for new in chunk.made:
        reasons = conflict.conflicts.get(new.link.id)
        again = creations.settled(new.link, new.slug, reasons, random_bytes) if reasons else new.link
        if isinstance(again, Rejected):
            results.append(RowResult(new.row, errors=again.errors))
        else:
            made.append(New(new.row, again, new.slug))
    for change in chunk.changed:
        reasons = conflict.conflicts.get(change.new.id)
        if reasons:
            errors = tuple(creations.taken(reason, change.new) for reason in sorted(reasons))
            results.append(RowResult(change.row, errors=errors))
        else:
            changed.append(change)
    return msgspec.structs.replace(chunk, made=made, changed=changed, results=results)


def told(chunk: Chunk) -> list[LinkChanged]:
    """What redirects have to hear of: links that they may know.

    Nobody knows a link that has just been made: redirects never remember a slug that does not exist.
    """
    versions = {
        (link.domain, link.slug_key): each.new.version
        for each in chunk.changed
        for link in (each.old, each.new)
    } | {(each.old.domain, each.old.slug_key): each.old.version + 1 for each in chunk.removed}
    return [LinkChanged(*place, version) for place, version in versions.items()]
