"""Feeds of jobs: who watches a job sees how far it has come, until it ends."""

from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from domain.jobs import Job, JobProgressed


class JobListener(Protocol):
    """Brings news of jobs; best effort."""

    async def keep(self, hear: Callable[[JobProgressed], None], missed: Callable[[], None]) -> None:
        """Listen for ever.

        Args:
            hear: called with the news; must not wait.
            missed: called where news may have been missed.
        """
        ...


class JobFeed(Protocol):
    """Progress of a workspace's jobs."""

    def follow(self, workspace_id: str, job_id: str) -> AsyncGenerator[Job, None]:
        """The job as it is now, then whenever it has got on, the last time when it is finished.

        Close it after use. The feed of a job that does not exist is empty.

        Raises:
            errors.Unavailable: the database did not answer at the beginning.
        """
        ...
