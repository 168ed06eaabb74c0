"""The live progress of jobs."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import strawberry

from domain.access import Scope
from domain.errors import NotFound
from schema.bulk_jobs import BulkJob
from schema.context import Info


@strawberry.type
class BulkJobSubscriptions:
    """What streams about jobs."""

    @strawberry.subscription(
        description=(
            "Progress of a job: at once as it is now, then whenever it has got on, at most ten times a "
            "second, until it is finished."
        ),
        metadata={"scope": Scope.LINKS_READ},
    )
    async def bulk_job(self, info: Info, id: strawberry.ID) -> AsyncGenerator[BulkJob, None]:  # noqa: A002 - the API's name
        """A frame for each change; the last one has the final state."""
        found = False
        feed = info.context.stores.job_feed.follow(info.context.viewer.workspace_id, id)
        async with aclosing(feed) as jobs:
            async for job in jobs:
                found = True
                yield BulkJob.of(job)
        if not found:
            raise NotFound(f"There is no job {id}.")
