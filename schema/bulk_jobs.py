"""Bulk jobs as the API shows them: progress, and what became of each row."""

from collections.abc import Sequence

import strawberry

from domain import instants, jobs, paging
from domain.access import Scope
from domain.errors import Rejected
from domain.jobs import RowResult
from schema.context import Context, Info
from schema.links import Link
from schema.nodes import Node
from schema.paging import Connection, connection
from schema.payloads import UserError
from schema.scalars import DateTime, Url

_READ = {"scope": Scope.LINKS_READ}

BulkKind = jobs.BulkKind
strawberry.enum(BulkKind, name="BulkKind", description="What a job does.")
JobState = jobs.JobState
strawberry.enum(JobState, name="JobState", description="Where a job stands; the last three are final.")


@strawberry.type(description="What became of one row of a job.")
class BulkResult:
    """The link of a row, or why there is none."""

    row: int = strawberry.field(description="Its number in the input, from 0.")
    link: Link | None = strawberry.field(
        description="The link as it is now; null where none was made, and where it has been deleted."
    )
    user_errors: list[UserError] = strawberry.field(
        description="Why the row failed; paths start with the number of the row."
    )

    @classmethod
    def of(cls, result: RowResult, link: Link | None) -> "BulkResult":
        """The same result."""
        errors = [UserError.of(error.under(str(result.row))) for error in result.errors]
        return cls(row=result.row, link=link, user_errors=errors)


@strawberry.type(
    description="Work on many rows that goes on behind the call which asked for it. Jobs of all workspaces "
    "take turns. A job and its results are kept for 30 days after its end."
)
class BulkJob(Node):
    """The API's view of domain.jobs.Job."""

    kind: BulkKind = strawberry.field(description="What it does.")
    state: JobState = strawberry.field(description="Where it stands.")
    total: int = strawberry.field(description="Rows that it has; of an export, as many as were found so far.")
    done: int = strawberry.field(description="Rows that are settled.")
    succeeded: int = strawberry.field(description="Rows that were done.")
    failed: int = strawberry.field(description="Rows that were not, each with its errors in `results`.")
    user_errors: list[UserError] = strawberry.field(
        description="Why the job as a whole FAILED; what it had done by then stays."
    )
    created_at: DateTime = strawberry.field(description="When it was asked for.")
    finished_at: DateTime | None = strawberry.field(description="When it reached its final state.")
    source: strawberry.Private[jobs.Job]

    @strawberry.field(
        description="What to GET with a key of the workspace. All results as JSON Lines, a line {row, "
        "linkId, shortUrl, userErrors} for each row so far; they grow until the job is finished. Of an "
        "export its file, once it has SUCCEEDED; null before."
    )
    def results_url(self, info: Info) -> Url | None:
        """Given by the API beside the graph."""
        if self.kind is not BulkKind.EXPORT:
            return Url(f"{info.context.api_base}/jobs/{self.id}/results")
        whole = self.state is JobState.SUCCEEDED
        return Url(f"{info.context.api_base}/exports/{self.id}") if whole else None

    @strawberry.field(description="What became of the rows so far, in their order.", metadata=_READ)
    async def results(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        only_failed: bool | None = None,
    ) -> Connection[BulkResult]:
        """Reads one page behind a cursor."""
        name = f"{self.id}/results"
        window = paging.window(name, first=first, after=after, last=None, before=None, shape=tuple[int])
        return await _listed(self.source, window, name, info.context, only_failed=bool(only_failed))

    @classmethod
    def of(cls, job: jobs.Job) -> "BulkJob":
        """The job as far as it has come."""
        finished = job.finished_at
        return cls(
            id=strawberry.ID(job.id),
            kind=job.kind,
            state=job.state,
            total=job.total,
            done=job.done,
            succeeded=job.succeeded,
            failed=job.failed,
            user_errors=[UserError.of(error) for error in job.errors],
            created_at=DateTime(instants.written(job.created_at)),
            finished_at=None if finished is None else DateTime(instants.written(finished)),
            source=job,
        )


@strawberry.type(description="The answer of a call that starts or changes a job.")
class BulkJobPayload:
    """The job, or why there is none."""

    bulk_job: BulkJob | None = strawberry.field(description="The job; null on failure.")
    user_errors: list[UserError] = strawberry.field(
        description="What stands against the call as a whole; errors of single rows are in the job's results."
    )

    @classmethod
    def of(cls, outcome: jobs.Job | Rejected) -> "BulkJobPayload":
        """The payload of a call."""
        if isinstance(outcome, Rejected):
            return cls(bulk_job=None, user_errors=[UserError.of(error) for error in outcome.errors])
        return cls(bulk_job=BulkJob.of(outcome), user_errors=[])


async def _listed(
    job: jobs.Job, window: paging.Window, name: str, context: Context, *, only_failed: bool
) -> Connection[BulkResult]:
    """The connection of one stretch of results, their links in one round trip."""
    page = await context.stores.jobs.results(job.workspace_id, job.id, window, only_failed=only_failed)
    links = await _links(page.items, context)

    async def counted(limit: int) -> int:
        return min(job.failed if only_failed else job.done, limit)

    return connection(
        page,
        list_name=name,
        node=lambda result: BulkResult.of(result, links.get(result.link_id or "")),
        key=lambda result: (result.row,),
        counted=counted,
    )


async def _links(results: Sequence[RowResult], context: Context) -> dict[str, Link]:
    wanted = [result.link_id for result in results if result.link_id is not None]
    found = await context.loaders.links.load_many(wanted)
    return {link.id: Link.of(link, context) for link in found if link is not None}
