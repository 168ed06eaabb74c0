"""Exports: clicks, or what was counted of them, as a file."""

import strawberry

from domain import exports
from domain.access import Scope
from domain.click_filters import EVERY_CLICK
from resolvers.outcomes import outcome
from schema.bulk_jobs import BulkJobPayload
from schema.clicks import ClickFilter
from schema.context import Info
from schema.exports import Exported, ExportFormat
from schema.periods import TimeRange


@strawberry.type
class ExportMutations:
    """Starting exports."""

    @strawberry.mutation(
        description="Write the clicks of a range into a file, oldest first, as a job; or, `of` ROLLUPS, what "
        "was counted of them in whole hours, where the filter names one link, campaign, template or tag, or "
        "nothing. The job's `resultsUrl` gives the file once it has SUCCEEDED.",
        metadata={"scope": Scope.ANALYTICS_READ, "cost": 100},
    )
    async def export_clicks(
        self,
        info: Info,
        range: TimeRange,  # noqa: A002 - the API's name
        filter: ClickFilter | None = None,  # noqa: A002 - the API's name
        format: ExportFormat | None = ExportFormat.JSONL,  # noqa: A002 - the API's name
        of: Exported | None = Exported.CLICKS,
    ) -> BulkJobPayload:
        """Answers as soon as the job waits."""
        context = info.context
        work = exports.start(
            of or Exported.CLICKS,
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
