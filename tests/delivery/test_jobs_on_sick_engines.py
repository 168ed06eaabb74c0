"""Engines that die while a job runs: commits whose answer is lost neither double nor skip a chunk."""

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from pymongo.errors import PyMongoError

from app import embedded, jobs, services
from app.embedded import Engines
from app.services import Services
from app.settings import Settings
from delivery.jobs import Counts
from domain import bulk_creations
from domain.bulk_creations import Asked, Desk
from domain.drafts import Draft
from domain.errors import Unavailable
from domain.jobs import Job, JobState
from domain.paging import Window
from domain.workbenches import Workbench
from domain.workspaces import Workspace
from storage import mongo

ROWS = 8_000


@pytest.fixture
async def engines(tmp_path: Path) -> AsyncIterator[Engines]:
    """A MongoDB and a Redis of this test's own, started again when they die."""
    async with embedded.running(tmp_path) as each:
        yield each


@pytest.fixture
async def own(engines: Engines, tmp_path: Path) -> AsyncIterator[Services]:
    """The services of a jobs process on them."""
    settings = Settings(
        data_dir=tmp_path,
        mongodb_url=engines.mongodb_url,
        redis_url=engines.redis_url,
        mongodb_database=f"test_{secrets.token_hex(4)}",
        short_url="https://s.example",
    )
    async with services.open(settings, "jobs") as opened:
        await mongo.ensure_indexes(opened.database)
        yield opened


async def started(own: Services) -> Job:
    """A job that makes ROWS links with external ids."""
    workspace = Workspace(id=own.ids.new("ws"), name="Test", created_at=own.clock())
    await own.workspaces.first(workspace.id, workspace)
    bench = Workbench(
        workspace_id=workspace.id,
        hosts=workspace.hosts("s.example"),
        actor="key",
        links=own.links,
        revisions=own.revisions,
        campaigns=own.campaigns,
        changes=own.changes,
        clock=own.clock,
        ids=own.ids,
    )
    desk = Desk(
        templates=own.templates, uploads=own.uploads, jobs=own.jobs, news=own.job_news, vault=own.vault
    )
    links = [Draft(destination="https://example.com/", external_id=f"e{row}") for row in range(ROWS)]
    return await bulk_creations.start(Asked(links=links), bench, desk)


async def until(own: Services, job: Job, rows: int) -> Job:
    """The job once so many rows are settled, asked again where MongoDB is away."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(Unavailable):
                found = (await own.jobs.by_ids(job.workspace_id, [job.id]))[job.id]
                if found.done >= rows or found.finished:
                    return found
            await asyncio.sleep(0.02)  # workers tell Redis, which is among those that die here


async def test_a_job_survives_its_engines(engines: Engines, own: Services) -> None:
    """BK-02: MongoDB is killed and steps down, Redis is killed, in the middle of chunks of two workers."""
    job = await started(own)
    stopping = asyncio.Event()
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(jobs.working(own, Counts())) for _ in range(2)]
        running = [asyncio.create_task(worker.run(stopping)) for worker in workers]
        await until(own, job, 1)
        os.kill(engines.mongodb.process_id or 0, signal.SIGKILL)
        await until(own, job, ROWS // 4)
        os.kill(engines.redis.process_id or 0, signal.SIGKILL)
        with contextlib.suppress(PyMongoError):  # the connection may end with the answer
            await own.database.client.admin.command("replSetStepDown", 2, force=True)
        await until(own, job, ROWS // 2)
        os.kill(engines.mongodb.process_id or 0, signal.SIGKILL)
        finished = await until(own, job, ROWS + 1)
        stopping.set()
        await asyncio.gather(*running)
    assert (finished.state, finished.succeeded, finished.failed) == (JobState.SUCCEEDED, ROWS, 0)
    links = await own.database["links"].distinct("external_id")
    assert len(links) == await own.database["links"].count_documents({}) == ROWS
    page = await own.jobs.results(job.workspace_id, job.id, Window(size=ROWS), only_failed=False)
    assert [result.row for result in page.items] == list(range(ROWS))
