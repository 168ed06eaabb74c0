"""Exports: clicks as a file."""

import strawberry

from domain import click_exports
from domain.access import Scope
from domain.click_filters import EVERY_CLICK
from resolvers.outcomes import outcome
from schema.bulk_jobs import BulkJobPayload
from schema.clicks import ClickFilter
from schema.context import Info
from schema.exports import ExportFormat
from schema.periods import TimeRange


@strawberry.type
class ExportMutations:
    """Starting exports."""

    @strawberry.mutation(
        description="Write the clicks of a range into a file, oldest first, as a job. Its `resultsUrl` "
        "gives the file once the job has SUCCEEDED.",
        metadata={"scope": Scope.ANALYTICS_READ, "cost": 100},
    )
    async def export_clicks(
        self,
        info: Info,
        range: TimeRange,  # noqa: A002 - the API's name
        filter: ClickFilter | None = None,  # noqa: A002 - the API's name
        format: ExportFormat | None = ExportFormat.JSONL,  # noqa: A002 - the API's name
    ) -> BulkJobPayload:
        """Answers as soon as the job waits."""
        context = info.context
        work = click_exports.start(
            EVERY_CLICK if filter is None else filter.to_domain(),
            range.to_domain(context.clock()),
            format or ExportFormat.JSONL,
            workspace_id=context.viewer.workspace_id,
            actor=context.viewer.key_id,
            store=context.stores.jobs,
            news=context.stores.job_news,
            clock=context.clock,
            make_ids=context.ids,
        )
        return BulkJobPayload.of(await outcome(work))
