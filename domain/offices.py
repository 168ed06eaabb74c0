"""Offices: where calls that concern many links count them, and hand in jobs."""

from dataclasses import dataclass

import msgspec

from domain import jobs
from domain.jobs import BulkKind, Job, JobNews, JobProgressed, Jobs
from domain.link_lists import LinkLists
from domain.templates import Templates
from domain.workbenches import Workbench


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What such calls work with beside a workbench."""

    lists: LinkLists
    templates: Templates
    jobs: Jobs
    news: JobNews

    async def start(self, job: Job) -> Job:
        """Hand in a job; raises Rejected: LIMIT_EXCEEDED, too many wait."""
        return await jobs.start(job, self.jobs, self.news)

    async def told(self, job: Job) -> None:
        """Wake a worker for a job that was kept together with what made it necessary."""
        await self.news.publish(JobProgressed(job.workspace_id, job.id))

    @staticmethod
    def job(
        kind: BulkKind,
        work: str,
        spec: msgspec.Struct,
        *,
        total: int,
        bench: Workbench,
        undoes: str | None = None,
    ) -> Job:
        """A job for a workbench's workspace and actor; see domain.jobs.new for the other arguments."""
        return jobs.new(
            kind,
            work,
            spec,
            workspace_id=bench.workspace_id,
            actor=bench.actor,
            total=total,
            clock=bench.clock,
            ids=bench.ids,
            undoes=undoes,
        )
