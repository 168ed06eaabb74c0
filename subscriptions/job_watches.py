"""From one listener to many watchers: the progress of each job that somebody watches, read once for all."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from typing import Final

from domain.errors import Unavailable
from domain.job_feeds import JobListener
from domain.jobs import Job, JobProgressed, Jobs, JobState

SILENCE_SECONDS: Final = 1.0
"""How often every watched job is looked at: that shows what Redis did not tell."""
PACE_SECONDS: Final = 0.1
"""Between two looks; a job that commits faster is told of less often."""

_log = logging.getLogger(__name__)
_Key = tuple[str, str]


class _Watched:
    """One job that is watched: as it was seen last, and who waits for more."""

    def __init__(self) -> None:
        self.job: Job | None = None
        self.gone = False
        self.watchers: set[asyncio.Event] = set()

    def see(self, job: Job | None) -> None:
        """Tell the watchers if the job has got on, or is not kept any more."""
        self.gone = job is None
        if job is not None and self.job is not None and not _ahead(job, self.job):
            return
        self.job = job
        for watcher in self.watchers:
            watcher.set()


class JobWatches:
    """The watched jobs of this process.

    Args:
        jobs: where they are kept.
        news: what Redis tells.
    """

    def __init__(self, jobs: Jobs, news: JobListener) -> None:
        self._jobs = jobs
        self._news = news
        self._watched: dict[_Key, _Watched] = {}
        self._stale: set[_Key] = set()
        self._woken = asyncio.Event()
        self._all_at = 0.0

    async def listen(self) -> None:
        """Hear what Redis tells, for ever."""
        await self._news.keep(self._hear, self._look_everywhere)

    async def look_after(self) -> None:
        """Look at the jobs that are told of, and every second at all that are watched, for ever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(SILENCE_SECONDS):
                    await self._woken.wait()
            self._woken.clear()
            try:
                await self._look()
            except Unavailable as error:
                _log.warning("watched jobs cannot be read: %s", error)
            await asyncio.sleep(PACE_SECONDS)  # the pace is what is promised

    async def follow(self, workspace_id: str, job_id: str) -> AsyncGenerator[Job, None]:
        """See domain.job_feeds.JobFeed.

        The watcher is registered before the job is read: what happens behind the read wakes it.
        """
        key, news = (workspace_id, job_id), asyncio.Event()
        watched = self._watched.setdefault(key, _Watched())
        watched.watchers.add(news)
        try:
            job = (await self._jobs.by_ids(workspace_id, [job_id])).get(job_id)
            while job is not None:
                yield job
                if job.finished:
                    return
                job = await self._next(watched, news, job)
        finally:
            watched.watchers.discard(news)
            if not watched.watchers and self._watched.get(key) is watched:
                del self._watched[key]

    async def _next(self, watched: _Watched, news: asyncio.Event, seen: Job) -> Job | None:
        """The job once it is further than it was seen; None when it is not kept any more."""
        while True:
            await news.wait()
            news.clear()
            if watched.gone:
                return None
            if watched.job is not None and _ahead(watched.job, seen):
                return watched.job

    def _hear(self, news: JobProgressed) -> None:
        key = (news.workspace_id, news.job_id)
        if key in self._watched:
            self._stale.add(key)
            self._woken.set()

    def _look_everywhere(self) -> None:
        self._all_at = 0.0
        self._woken.set()

    async def _look(self) -> None:
        now = time.monotonic()
        if now >= self._all_at:
            self._all_at = now + SILENCE_SECONDS
            self._stale.update(self._watched)
        stale, self._stale = self._stale, set()
        for workspace_id, job_ids in _by_workspace(stale).items():
            found = await self._jobs.by_ids(workspace_id, job_ids)
            for job_id in job_ids:
                watched = self._watched.get((workspace_id, job_id))
                if watched is not None:
                    watched.see(found.get(job_id))


def _by_workspace(keys: Iterable[_Key]) -> dict[str, list[str]]:
    grouped: defaultdict[str, list[str]] = defaultdict(list)
    for workspace_id, job_id in keys:
        grouped[workspace_id].append(job_id)
    return grouped


def _ahead(job: Job, other: Job) -> bool:
    """Whether a job is further than it was, whatever order the two were read in."""
    return _progress(job) > _progress(other)


def _progress(job: Job) -> tuple[bool, int, bool]:
    return job.finished, job.step, job.state is not JobState.QUEUED
