"""`seed`: fills a workspace with links, campaigns and clicks that look real, for demos and benchmarks."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Final

from app import connections, embedded, garbage, preparing, services, working
from app.services import Services
from app.settings import Settings
from delivery import counts
from domain import demos, hostnames, installations, instants, seeding
from domain.agents import Agents
from domain.facts import Known
from domain.ids import Ids
from domain.visits import VisitRecord
from domain.workbenches import Workbench
from redirect.counts import Counts
from redirect.journal import Journal

SEGMENTS_AHEAD: Final = 6
"""How much of the journal may wait, of 16 MiB each: the disk need not hold all clicks twice."""
_AT_ONCE: Final = 1_000
_LOOK_SECONDS: Final = 0.02
"""How often it is looked how far the journal is shipped: folders raise no events."""


class Impossible(Exception):
    """Nothing can be seeded; the message says why."""


async def run(
    settings: Settings, *, clicks: int, links: int, days: int, workspace_id: str | None, seed: int
) -> None:
    """Make links and visits of the last days, ship the visits into the ledger and print how long it took.

    Visits are written into a journal as a redirect writes them, and shipped from here or by whichever worker
    of this data directory is quicker.

    Args:
        settings: engines and data directory; engines are started where none are named and none run.
        clicks: how many visits.
        links: how many links.
        days: over how many days, until now, the visits are spread.
        workspace_id: whose links; None: the first workspace's.
        seed: decides everything that looks like chance.

    Raises:
        Impossible: there is no such workspace, or no room for the journal.
    """
    dice = Random(seed)  # noqa: S311 - dice, not secrets
    async with _opened(settings) as opened:
        until = opened.clock()
        since = until - timedelta(days=days)
        started = time.perf_counter()
        bench = await _bench(opened, since, workspace_id)
        made = await demos.links(links, bench, opened.templates, dice)
        _say(f"{len(made):,} links in {bench.workspace_id}: {_rate(len(made), started)}")
        started = time.perf_counter()
        known = Known(Agents().read)
        span = {"start_ms": instants.milliseconds(since), "end_ms": instants.milliseconds(until)}
        garbage.settle()  # the links above all
        visits = seeding.records(made, clicks, **span, dice=dice, known=known)
        written = await _ship(opened, visits)
        _say(f"{written:,} clicks of {days} days in the ledger: {_rate(written, started)}")


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Services]:
    """The stores on the engines that are named, or run on the data directory, or are started now."""
    async with AsyncExitStack() as stack:
        if settings.mongodb_url is None or settings.redis_url is None:
            try:
                stack.enter_context(embedded.locked(settings.data_dir))
            except embedded.DataDirInUse:  # by `serve`: its engines are ours too
                settings = settings.on(*embedded.urls(settings.data_dir))
            else:
                cache_gb = settings.mongodb_cache_gb
                engines = await stack.enter_async_context(
                    embedded.running(settings.data_dir, cache_gb=cache_gb)
                )
                settings = settings.on(engines.mongodb_url, engines.redis_url)
        _say(f"admin key: {await preparing.until_done(settings)}")
        yield await stack.enter_async_context(services.open(settings, "worker"))


async def _bench(opened: Services, at: datetime, workspace_id: str | None) -> Workbench:
    """What makes the links, all of them at the instant `at`."""
    workspace = await opened.workspaces.by_id(workspace_id or installations.WORKSPACE_ID)
    if workspace is None:
        raise Impossible(f"There is no workspace {workspace_id}.")
    return Workbench(
        workspace_id=workspace.id,
        hosts=workspace.hosts(hostnames.of(opened.settings.short_base)),
        actor="seed",
        links=opened.links,
        revisions=opened.revisions,
        campaigns=opened.campaigns,
        changes=opened.changes,
        clock=lambda: at,
        ids=Ids(lambda: instants.milliseconds(at), opened.ids.random_bytes),
    )


async def _ship(opened: Services, visits: Iterable[VisitRecord]) -> int:
    """Write visits and ship them, until all are in the ledger; how many there were."""
    stopping = asyncio.Event()
    async with working.shipping(opened, counts.Counts()) as clicks:
        shipping = asyncio.create_task(clicks.run(stopping))
        try:
            return await _written(opened.settings, visits)
        finally:
            stopping.set()
            await shipping


async def _written(settings: Settings, visits: Iterable[VisitRecord]) -> int:
    recorded = Counts()
    journal = Journal(settings.journals_dir, connections.now_ms(), recorded)
    folder = settings.journals_dir / journal.id
    try:
        for visit in visits:
            journal.append(visit)
            if recorded.clicks_lost:
                raise Impossible(f"There is no room for the journal in {settings.journals_dir}.")
            if recorded.clicks_recorded % _AT_ONCE == 0:
                await asyncio.sleep(0)  # the shipper's turn
                await _until(lambda: len(list(folder.glob("*.seg"))) <= SEGMENTS_AHEAD)
    finally:
        journal.close()
    await _until(lambda: not folder.exists())  # whoever ships a journal to its end removes it
    return recorded.clicks_recorded


async def _until(done: Callable[[], bool]) -> None:
    while not done():  # noqa: ASYNC110 - another process may be the one who does it
        await asyncio.sleep(_LOOK_SECONDS)


def _rate(count: int, started: float) -> str:
    seconds = time.perf_counter() - started
    return f"{seconds:,.1f} s, {count / seconds:,.0f}/s"


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - what somebody at a terminal waits for
