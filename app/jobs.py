"""The jobs role: does bulk work behind everybody's back until it is told to stop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

from app import connections, garbage, priorities, services, serving, settling, tasks
from app.health import Check, Operations, Readiness
from app.metrics import Metrics
from app.services import Services
from app.settings import Settings
from app.works import works
from delivery import retention, settlements
from delivery.jobs import Counts, Jobs
from delivery.retention import Retention
from storage import job_news, news
from storage.old_clicks import MongoOldClicks
from storage.turns import MongoTurns


async def run(
    settings: Settings, sockets: list[socket.socket], *, needs: Mapping[str, Check] = MappingProxyType({})
) -> None:
    """Work until SIGTERM: the chunk at hand is finished and its job given back.

    Args:
        settings: engines.
        sockets: listening sockets for `/livez`, `/readyz` and `/metrics`; may be empty.
        needs: what `/readyz` asks besides MongoDB.
    """
    priorities.step_back()
    counts, metrics = Counts(), Metrics("jobs")
    metrics.watch("jobs", counts)
    old = retention.Counts()
    metrics.watch("retention", old)
    settled = settlements.Counts()
    metrics.watch("settlements", settled)
    async with services.open(settings, "jobs") as opened, working(opened, counts) as jobs:
        readiness = Readiness({"mongodb": lambda: opened.database.command("ping"), **needs})
        keeping = Retention(opened.workspaces, MongoOldClicks(opened.database), opened.clock, old)
        async with tasks.background(
            metrics.flushing, keeping.keep, settling.settlements(opened, settled).keep
        ):
            garbage.settle()
            if not sockets:
                await jobs.run(serving.stopping())
            else:
                await _serve(jobs, sockets, Operations(None, readiness, metrics))
    metrics.flush()


@asynccontextmanager
async def working(opened: Services, counts: Counts) -> AsyncIterator[Jobs]:
    """A worker over real engines, woken by news of jobs; ready to run."""
    kinds = works(opened)
    names = [work.name for work in kinds]
    async with MongoTurns(opened.database, connections.process_name(), names, opened.clock) as turns:
        jobs = Jobs(turns, kinds, news=opened.job_news, changes=opened.changes, ids=opened.ids, counts=counts)

        async def hear() -> None:
            await news.listen(
                opened.redis,
                job_news.channel(opened.settings.mongodb_database),
                heard=lambda _message: jobs.wake(),
                connected=jobs.wake,
                lost=lambda: None,  # it looks by itself every second
            )

        async with tasks.background(hear):
            yield jobs


async def _serve(jobs: Jobs, sockets: list[socket.socket], operations: Operations) -> None:
    """Work until the signal comes, which the server of the operational port hears."""
    stopping = asyncio.Event()
    running = asyncio.create_task(jobs.run(stopping))
    await serving.serve(operations, sockets, on_drain=stopping.set)
    stopping.set()
    await running
