"""The jobs role as a process of its own: it does what waits, says how it is, and lets go on SIGTERM."""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from app import services
from app.services import Services
from app.settings import Settings
from domain import bulk_creations, jobs
from domain.bulk_creations import Asked, Desk
from domain.drafts import Draft
from domain.ids import prefix_of
from domain.jobs import JobState
from domain.workbenches import Workbench
from domain.workspaces import Workspace
from tests.application import ROOT, free_port, until_ready


@pytest.fixture
async def opened(settings: Settings, tmp_path: Path) -> AsyncIterator[Services]:
    """The services of an API process on a database of this test's own."""
    own = msgspec.structs.replace(
        settings,
        mongodb_database=f"test_{secrets.token_hex(6)}",
        data_dir=tmp_path,
        jobs_port=free_port(),
        short_url="https://s.example",
    )
    async with services.open(own, "api") as each:
        yield each
        await each.database.client.drop_database(own.mongodb_database)


@pytest.fixture
async def role(opened: Services, tmp_path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m app jobs`, ready."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LINKGRAPH_")}
    log = tmp_path / "jobs.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "jobs"),
            cwd=ROOT,
            env=clean | opened.settings.to_env(),
            stdout=output,
            stderr=output,
        )
    try:
        await until_ready(f"http://127.0.0.1:{opened.settings.jobs_port}/readyz", process, log)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def bench(opened: Services) -> Workbench:
    """A workspace and what edits in it work with."""
    workspace = Workspace(id=opened.ids.new("ws"), name="Test", created_at=opened.clock())
    await opened.workspaces.first(workspace.id, workspace)
    return Workbench(
        workspace_id=workspace.id,
        hosts=workspace.hosts("s.example"),
        actor="key",
        links=opened.links,
        revisions=opened.revisions,
        campaigns=opened.campaigns,
        changes=opened.changes,
        clock=opened.clock,
        ids=opened.ids,
    )


async def test_it_does_what_waits_and_ends_in_order(
    opened: Services, role: asyncio.subprocess.Process
) -> None:
    """A job is done within seconds of its call; SIGTERM ends the process with 0 and no lease is held."""
    desk = Desk(
        templates=opened.templates,
        uploads=opened.uploads,
        jobs=opened.jobs,
        news=opened.job_news,
        vault=opened.vault,
    )
    own = await bench(opened)
    asked = Asked(links=[Draft(destination="https://example.com/")] * 1_200)
    job = await bulk_creations.start(asked, own, desk)
    assert prefix_of(job.id) == "job"
    async with asyncio.timeout(30):
        while not (job := (await opened.jobs.by_ids(own.workspace_id, [job.id]))[job.id]).finished:
            await asyncio.sleep(0.05)  # another process does it
    assert (job.state, job.succeeded) == (JobState.SUCCEEDED, 1_200)
    async with httpx.AsyncClient(timeout=30) as client:
        metrics = (await client.get(f"http://127.0.0.1:{opened.settings.jobs_port}/metrics")).text
    assert 'linkgraph_processes{role="jobs"} 1.0' in metrics
    assert "linkgraph_jobs_rows_settled_total 1200.0" in metrics
    assert "linkgraph_retention_rounds_total 1.0" in metrics
    role.send_signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        assert await role.wait() == 0
    assert await opened.database["jobs"].count_documents({"lease": {"$exists": True}}) == 0
    assert await opened.jobs.count(own.workspace_id, limit=jobs.MAX_OPEN) == 0
