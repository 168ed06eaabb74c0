"""Bulk jobs: starting, watching and cancelling them."""

import strawberry

from domain import bulk_creations, ids, jobs, link_imports
from domain.access import Scope
from resolvers.outcomes import outcome
from schema.bulk_inputs import BulkCreateLinksInput, ImportLinksInput
from schema.bulk_jobs import BulkJob, BulkJobPayload
from schema.context import Info

_READ = {"scope": Scope.LINKS_READ}
_WRITE = {"scope": Scope.LINKS_WRITE}
_START = {**_WRITE, "cost": 100}


@strawberry.type
class BulkJobQueries:
    """Watching jobs."""

    @strawberry.field(description="One job; null where there is none.", metadata=_READ)
    async def bulk_job(self, info: Info, id: strawberry.ID) -> BulkJob | None:  # noqa: A002 - the API's name
        """Another workspace's job is not found."""
        job = await info.context.loaders.jobs.load(id) if ids.prefix_of(id) == "job" else None
        return None if job is None else BulkJob.of(job)


@strawberry.type
class BulkJobMutations:
    """Starting and cancelling jobs."""

    @strawberry.mutation(
        description="Make links from a template and rows, or written out, as a job, which tells of each row.",
        metadata=_START,
    )
    async def bulk_create_links(self, info: Info, input: BulkCreateLinksInput) -> BulkJobPayload:  # noqa: A002
        """Answers as soon as the rows are kept."""
        context = info.context
        work = bulk_creations.start(input.to_domain(), await context.workbench(), context.bulk_desk())
        return BulkJobPayload.of(await outcome(work))

    @strawberry.mutation(
        description="Make links of another shortener's export, as a job, which tells of each row.",
        metadata=_START,
    )
    async def import_links(self, info: Info, input: ImportLinksInput) -> BulkJobPayload:  # noqa: A002
        """Slugs, titles, tags and dates stay as they are; slugs that are taken are the row's error."""
        context = info.context
        bench, domain = await context.workbench(), input.domain or None
        work = link_imports.start(input.file, input.format, domain, bench, context.bulk_desk())
        return BulkJobPayload.of(await outcome(work))

    @strawberry.mutation(
        description="Stop a job before its next chunk. What is done stays; a finished job stays as it is.",
        metadata=_WRITE,
    )
    async def cancel_bulk_job(self, info: Info, id: strawberry.ID) -> BulkJobPayload:  # noqa: A002 - the API's name
        """Nothing of it happens behind the answer."""
        context = info.context
        workspace_id, stores = context.viewer.workspace_id, context.stores
        work = jobs.cancel(id, workspace_id, stores.jobs, stores.job_news, context.clock())
        return BulkJobPayload.of(await outcome(work))
