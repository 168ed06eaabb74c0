"""Bulk edits: changing and deleting many links at once, and taking a job back."""

import strawberry

from domain import bulk_edits, undoings
from domain.access import Scope
from resolvers.outcomes import outcome
from schema.bulk_jobs import BulkJobPayload
from schema.context import Info
from schema.link_changes import LinkChangeInput
from schema.link_lists import LinkFilter

_START = {"scope": Scope.LINKS_WRITE, "cost": 100}


@strawberry.type
class BulkEditMutations:
    """Changing what filters match."""

    @strawberry.mutation(
        description="Change every link of a filter, as a job. `expected`: how many links you mean to touch; "
        "where it is another number, nothing happens (STALE).",
        metadata=_START,
    )
    async def bulk_update_links(
        self,
        info: Info,
        filter: LinkFilter,  # noqa: A002 - the API's name
        change: LinkChangeInput,
        expected: int,
    ) -> BulkJobPayload:
        """Each link is judged as updateLink does it, and can be taken back with undoBulkJob."""
        bench, office = await info.context.workbench(), info.context.office()
        asked = filter.to_domain(info.context.clock())
        job = bulk_edits.update(asked, change.to_domain(), expected, bench, office)
        return BulkJobPayload.of(await outcome(job))

    @strawberry.mutation(
        description="Delete every link of a filter for good, as a job. `expected`: as in bulkUpdateLinks.",
        metadata=_START,
    )
    async def bulk_delete_links(
        self,
        info: Info,
        filter: LinkFilter,  # noqa: A002 - the API's name
        expected: int,
    ) -> BulkJobPayload:
        """Their slugs stay taken."""
        bench, office = await info.context.workbench(), info.context.office()
        job = bulk_edits.delete(filter.to_domain(info.context.clock()), expected, bench, office)
        return BulkJobPayload.of(await outcome(job))

    @strawberry.mutation(
        description="Take back what an update or a re-rendering changed, as a job. Links that were changed "
        "since stay as they are, and are STALE in its results.",
        metadata=_START,
    )
    async def undo_bulk_job(self, info: Info, id: strawberry.ID) -> BulkJobPayload:  # noqa: A002 - the API's name
        """The way back is a version, too."""
        work = undoings.start(id, await info.context.workbench(), info.context.office())
        return BulkJobPayload.of(await outcome(work))
