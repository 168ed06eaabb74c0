"""Bulk edits: one change, or deletion, of every link that a filter matches, as a job."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from domain import campaigns, drafts, edits, fields, jobs, link_walks
from domain.campaigns import Known
from domain.chunks import Chunk, Removal
from domain.drafts import Draft
from domain.errors import Rejected, UserErrorCode
from domain.jobs import BulkKind, Job
from domain.link_lists import LinkFilter
from domain.link_walks import LinkWalk, Step
from domain.links import Link
from domain.offices import Office
from domain.utm import Utm
from domain.workbenches import Workbench

UPDATE: Final = "update_links"
DELETE: Final = "delete_links"


class LinkChange(msgspec.Struct, frozen=True, kw_only=True):
    """What changes of each link.

    Args:
        add_tags, remove_tags: beside the tags that a link has; what is in both is added.
        archived: into or out of the archive.
        draft: the other fields, as in a change of one link.
    """

    add_tags: Sequence[str] = ()
    remove_tags: Sequence[str] = ()
    archived: bool | UnsetType = UNSET
    draft: Draft = Draft()

    @property
    def empty(self) -> bool:
        """Whether it asks for nothing."""
        return self == LinkChange()


class UpdateLinks(msgspec.Struct, frozen=True, kw_only=True):
    """What a job that changes links has to know."""

    asked: LinkFilter
    change: LinkChange


class DeleteLinks(msgspec.Struct, frozen=True, kw_only=True):
    """What a job that deletes links has to know."""

    asked: LinkFilter


async def update(
    asked: LinkFilter, change: LinkChange, expected: int, bench: Workbench, office: Office
) -> Job:
    """Start a job that changes every link of a filter.

    Args:
        expected: how many links the caller means to touch.

    Raises:
        Rejected: REQUIRED (nothing is filtered or changed), STALE (another number of links), or what no link
            could become; then no job was started.
    """
    if change.empty:
        message = "The change says nothing; give what shall be otherwise."
        raise fields.refused("change", message, UserErrorCode.REQUIRED)
    await _judge(change, bench)
    spec = UpdateLinks(asked=_standing(asked, bench), change=change)
    job = office.job(BulkKind.UPDATE, UPDATE, spec, total=expected, bench=bench)
    return await _start(job, spec.asked, office)


async def delete(asked: LinkFilter, expected: int, bench: Workbench, office: Office) -> Job:
    """Start a job that deletes every link of a filter; arguments and errors as in `update`."""
    spec = DeleteLinks(asked=_standing(asked, bench))
    job = office.job(BulkKind.DELETE, DELETE, spec, total=expected, bench=bench)
    return await _start(job, spec.asked, office)


class LinkUpdate:
    """The work of bulk changes; see domain.chunks.Work."""

    name = UPDATE

    def __init__(self, walk: LinkWalk) -> None:
        self._walk = walk

    async def chunk(self, job: Job, cursor: Any) -> Chunk:
        """Links changed as updateLink changes them, each with a revision."""
        spec = jobs.spec_of(job, UpdateLinks)

        async def begin(links: Sequence[Link], bench: Workbench) -> Step:
            named = [spec.change.draft.campaign_id, *(link.campaign_id for link in links)]
            known = await campaigns.known(named, bench.workspace_id, bench.campaigns)
            return lambda row, old: link_walks.replacing(row, old, changed(old, spec.change, bench, known))

        return await self._walk.chunk(job, spec.asked, cursor, begin)


class LinkDeletion:
    """The work of bulk deletions; see domain.chunks.Work."""

    name = DELETE

    def __init__(self, walk: LinkWalk) -> None:
        self._walk = walk

    async def chunk(self, job: Job, cursor: Any) -> Chunk:
        """Links replaced by tombstones, as deleteLink does it."""
        spec = jobs.spec_of(job, DeleteLinks)

        async def begin(_links: Sequence[Link], bench: Workbench) -> Step:
            return lambda row, old: Removal(row, old, bench.clock())

        return await self._walk.chunk(job, spec.asked, cursor, begin)


def changed(old: Link, change: LinkChange, bench: Workbench, known: Known) -> Link:
    """The next version of a link with a change, or `old` itself; raises Rejected: it cannot become that."""
    draft = change.draft
    if change.add_tags or change.remove_tags:
        kept = [tag for tag in old.tags if tag not in change.remove_tags]
        draft = msgspec.structs.replace(draft, tags=[*kept, *change.add_tags])
    values = edits.judged(old, draft, bench, known)
    if change.archived is not UNSET and change.archived != (old.archived_at is not None):
        values["archived_at"] = bench.clock() if change.archived else None
    return edits.next_version(old, values, bench)


async def _judge(change: LinkChange, bench: Workbench) -> None:
    """What is wrong with a change whatever the link is, now and not a million times later."""
    try:
        drafts.checked(change.draft, bench.hosts, Utm())
        if isinstance(change.draft.campaign_id, str):
            known = await campaigns.known([change.draft.campaign_id], bench.workspace_id, bench.campaigns)
            campaigns.found(change.draft.campaign_id, known)
        for name in ("add_tags", "remove_tags"):
            _judge_tags(name, getattr(change, name))
    except Rejected as rejected:
        raise Rejected(*(error.under("change") for error in rejected.errors)) from None


def _judge_tags(name: str, tags: Sequence[str]) -> None:
    try:
        fields.tags(tags, ())
    except Rejected as rejected:
        raise fields.refused(name, rejected.errors[0].message) from None


def _standing(asked: LinkFilter, bench: Workbench) -> LinkFilter:
    if asked == LinkFilter(now=asked.now):
        message = "The filter is empty and would match every link; say which ones are meant."
        raise fields.refused("filter", message, UserErrorCode.REQUIRED)
    return link_walks.standing(asked, bench.clock)


async def _start(job: Job, asked: LinkFilter, office: Office) -> Job:
    """Start a job if it meets as many links as it is meant to.

    A repeated call finds its job again, and is not told that this has changed the links meanwhile.
    """
    known = await office.jobs.by_ids(job.workspace_id, [job.id])
    if job.id in known:
        return known[job.id]
    total = await link_walks.size_of(asked, job.workspace_id, office.lists)
    if total != job.total:
        message = f"The filter matches {total:,} links, not {job.total:,}; look at them again."
        raise fields.refused("expected", message, UserErrorCode.STALE)
    return await office.start(job)
