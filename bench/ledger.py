"""Clicks a second from journals into the ledger with all roll-ups, by one worker process; and what they take.

The worker of production has core 0, MongoDB core 1. Realistic clicks (domain/seeding) of one hour on links of
campaigns, templates and tags are put into a journal by the redirect's own writer, then the worker is started:
the time is from its first commit to the moment at which every click is committed and in the roll-ups.

Then the redirect is driven at full speed for a while with no worker running, and it is seen how long the
worker needs for what that left behind.

    python -m bench.ledger [--clicks 300000] [--links 5000] [--burst 5]
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import psutil

from app import embedded, preparing, services
from app.services import Services
from app.settings import Settings
from bench import redirect
from domain import demos, hostnames, instants, seeding
from domain.agents import Agents
from domain.facts import Known
from domain.installations import WORKSPACE_ID
from domain.links import Link
from domain.workbenches import Workbench
from redirect.counts import Counts
from redirect.journal import Journal

WORKER_CORE: Final = 0
MONGODB_CORE: Final = 1
NEEDED: Final = 15_000
BURST_SECONDS: Final = 60
_LOOK_SECONDS: Final = 0.05
_STORED: Final = ("clicks", "rollups", "visitors", "stats")


class Drained(NamedTuple):
    """How a worker got through what was waiting."""

    clicks: int
    seconds: float
    worker_seconds: float
    mongodb_seconds: float

    def shown(self) -> str:
        """One line about it."""
        rate, worker, mongodb = (
            self.clicks / self.seconds,
            1_000_000 * self.worker_seconds / self.clicks,
            1_000_000 * self.mongodb_seconds / self.clicks,
        )
        return (
            f"{rate:,.0f} clicks/s; a click takes {worker:.0f} µs of the worker, {mongodb:.0f} µs of mongod"
        )


def main() -> None:
    """Measure and print; exit code 1 where the figure is not reached or a click is missing."""
    parser = argparse.ArgumentParser(description="clicks a second into the ledger")
    parser.add_argument("--clicks", type=int, default=300_000)
    parser.add_argument("--links", type=int, default=5_000)
    parser.add_argument("--burst", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lg") as folder:
        good = asyncio.run(_measure(Path(folder), options.clicks, options.links))
    with tempfile.TemporaryDirectory(prefix="lg") as folder:
        if options.burst and redirect.found("wrk") is not None:
            asyncio.run(_measure_burst(Path(folder), options.burst))
    sys.exit(0 if good else 1)


async def _measure(folder: Path, clicks: int, links: int) -> bool:
    async with _engines(folder) as (settings, mongod), services.open(settings, "worker") as opened:
        written = await _write_journal(opened, clicks, links)
        drained = await _drain(opened, mongod, written)
        rate = drained.clicks / drained.seconds
        print(f"{written:,} clicks on {links:,} links: {drained.shown()} (needed {NEEDED:,})")
        print(await _disk(opened, written))
        exact = await opened.database.clicks.count_documents({}) == written
        print("none lost, none twice" if exact else "NOT THE SAME NUMBER OF CLICKS")
    return exact and rate >= NEEDED


async def _measure_burst(folder: Path, seconds: int) -> None:
    """The redirect at full speed, then the worker: one after the other, each on its core."""
    async with redirect.our_server(folder) as base:
        seen = redirect.load(folder, f"{base}/landing", seconds, 64)
        urls = embedded.urls(folder)
        settings = Settings(data_dir=folder).on(*urls)
        async with services.open(settings, "worker") as opened:
            drained = await _drain(opened, _children(), redirect.recorded(folder))
    rate = drained.clicks / drained.seconds
    left = BURST_SECONDS * (seen.per_second - rate) / rate
    print(f"a burst of {seconds} s: {seen.per_second:,.0f} redirects/s, then {drained.shown()}")
    print(f"{BURST_SECONDS} s of it are in the ledger {left:,.0f} s after they end")


@asynccontextmanager
async def _engines(folder: Path) -> AsyncIterator[tuple[Settings, list[int]]]:
    """Embedded engines on their core; settings on them, and the processes."""
    with _pinned_to(MONGODB_CORE):
        async with embedded.running(folder, cache_gb=1) as engines:
            settings = Settings(data_dir=folder).on(engines.mongodb_url, engines.redis_url)
            await preparing.until_done(settings)
            yield settings, _children()


@contextmanager
def _pinned_to(core: int) -> Iterator[None]:
    """This process, and what it starts meanwhile, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _children() -> list[int]:
    """The processes of mongod that we started."""
    return [each.pid for each in psutil.Process().children(recursive=True) if each.name() == "mongod"]


async def _write_journal(opened: Services, clicks: int, links: int) -> int:
    """An hour's visits, as the redirect's own writer writes them; how many there are."""
    dice = random.Random(4)  # noqa: S311 - the same clicks every time
    until = opened.clock()
    since = until - timedelta(hours=1)
    made = await _links(opened, links, since, dice)
    span = {"start_ms": instants.milliseconds(since), "end_ms": instants.milliseconds(until)}
    counts = Counts()
    journal = Journal(opened.settings.journals_dir, instants.milliseconds(until), counts)
    for visit in seeding.records(made, clicks, **span, dice=dice, known=Known(Agents().read)):
        journal.append(visit)
    journal.close()
    return counts.clicks_recorded


async def _links(opened: Services, count: int, at: datetime, dice: random.Random) -> list[Link]:
    workspace = await opened.workspaces.by_id(WORKSPACE_ID)
    if workspace is None:
        raise SystemExit("the first workspace was not made")
    bench = Workbench(
        workspace_id=workspace.id,
        hosts=workspace.hosts(hostnames.of(opened.settings.short_base)),
        actor="bench",
        links=opened.links,
        revisions=opened.revisions,
        campaigns=opened.campaigns,
        changes=opened.changes,
        clock=lambda: at,
        ids=opened.ids,
    )
    return await demos.links(count, bench, opened.templates, dice)


async def _drain(opened: Services, mongod: list[int], clicks: int) -> Drained:
    """Start a worker and wait until everything is committed and folded."""
    environment = {
        **os.environ,
        "LINKGRAPH_MONGODB_URL": opened.settings.mongodb_url or "",
        "LINKGRAPH_REDIS_URL": opened.settings.redis_url or "",
        "LINKGRAPH_DATA_DIR": str(opened.settings.data_dir),
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "app", "worker", env=environment)
    os.sched_setaffinity(process.pid, {WORKER_CORE})
    try:
        had = await _until(opened, "feeds", 1)
        started, before = time.perf_counter(), _cpu([process.pid, *mongod])
        await _until(opened, "folded", clicks)
        seconds = time.perf_counter() - started
        worker, *engines = (
            now - then for now, then in zip(_cpu([process.pid, *mongod]), before, strict=True)
        )
        return Drained(clicks - had, seconds, worker, sum(engines))
    finally:
        process.terminate()
        await process.wait()


async def _until(opened: Services, collection: str, clicks: int) -> int:
    """Wait until the feeds of a collection have so many clicks; how many they have then."""
    while (found := await _sum(opened, collection)) < clicks:  # noqa: ASYNC110 - another process commits
        await asyncio.sleep(_LOOK_SECONDS)
    return found


async def _sum(opened: Services, collection: str) -> int:
    """Where the feeds of all slots end, together."""
    return sum([each["seq"] async for each in opened.database[collection].find({})])


def _cpu(pids: list[int]) -> list[float]:
    return [sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids]


async def _disk(opened: Services, clicks: int) -> str:
    """What the clicks take on the disk, for a million of them."""
    await opened.database.client.admin.command("fsync")
    sizes = {}
    for name in _STORED:
        stats: dict[str, Any] = await opened.database.command("collStats", name)
        sizes[name] = (stats["storageSize"] + stats["totalIndexSize"]) / clicks
    told = ", ".join(f"{name} {size:,.0f} MB" for name, size in sizes.items())
    return f"on the disk, a million clicks: {sum(sizes.values()):,.0f} MB ({told})"


if __name__ == "__main__":
    main()
