"""Five hundred clicks a second with a thousand viewers: how soon they see them, and whether redirects notice.

`python -m app serve` runs over embedded engines. Visitors follow 100 links at a steady rate, first with
nobody watching, then with ten subscribers on each link. A click's latency is from the moment its redirect was
answered to the moment its frame was read, of every subscriber; all share this machine's cores.

    python -m bench.viewers [--viewers 1000] [--per-second 500] [--seconds 10]
"""

import argparse
import asyncio
import re
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from app import embedded
from bench import audiences, feeds
from tests.application import Application, running
from tests.faults.visitors import Visitors

LINKS: Final = 100
NEEDED_P95_MS: Final = 250
NEEDED_P99_MS: Final = 1_000
NEEDED_REDIRECT: Final = 1.2
_MARKS: Final = re.compile(rb'"referrer":"(v\d+\.example)"')


@dataclass
class Timed(Visitors):
    """Visitors who remember when each of their visits was answered."""

    at: dict[str, float] = field(default_factory=dict)

    async def _visit(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mark: str, slug: str
    ) -> None:
        await super()._visit(reader, writer, mark, slug)
        self.at[mark] = time.perf_counter()


@dataclass
class Seen(feeds.Crowd):
    """When which click was read, once for each subscriber that read it."""

    reads: list[tuple[str, float]] = field(default_factory=list)

    def got(self, frame: bytes) -> None:
        """Take one frame."""
        super().got(frame)
        now = time.perf_counter()
        self.reads.extend((mark.decode(), now) for mark in _MARKS.findall(frame))


async def main(viewers: int, per_second: int, seconds: float) -> int:
    """Measure and print; 1 where a promise is not kept."""
    with tempfile.TemporaryDirectory(prefix="lg") as name:
        folder = Path(name)
        async with embedded.running(folder) as engines:
            environment = {
                "LINKGRAPH_MONGODB_URL": engines.mongodb_url,
                "LINKGRAPH_REDIS_URL": engines.redis_url,
                "LINKGRAPH_COST_BUDGET": "1000000",
                "LINKGRAPH_COST_RESTORE_PER_SECOND": "1000000",
            }
            async with running(folder, environment=environment) as application:
                bench = feeds.Bench(engines, folder, urlsplit(application.api).port or 0)
                return await _measured(application, bench, viewers, per_second, seconds)


async def _measured(
    application: Application, bench: feeds.Bench, viewers: int, per_second: int, seconds: float
) -> int:
    async with httpx.AsyncClient(timeout=30) as client:
        links = [
            await application.create_link(client, f"https://example.com/{each}") for each in range(LINKS)
        ]
        own = await application.graphql(client, "{ viewer { workspace { id } } }")
    slugs = [link["slug"] for link in links]
    alone = await _walk(application, slugs, per_second, seconds)
    bench.workspace_id = own["viewer"]["workspace"]["id"]
    await bench.add_keys(viewers)
    async with _viewing(bench, [link["id"] for link in links], viewers) as seen:
        watched = await _walk(application, slugs, per_second, seconds)
        await asyncio.sleep(1)  # what the promise allows the last click
    latencies = [1000 * (at - watched.at[mark]) for mark, at in seen.reads]
    wanted = len(watched.answered) * viewers // LINKS
    p50, p95, p99 = _quantiles(latencies)
    redirects = [_quantiles([1000 * each for each in walked.seconds])[2] for walked in (alone, watched)]
    print(f"{viewers:,} viewers of {LINKS} links, {per_second} clicks a second, milliseconds")
    print(f"  click → subscriber: p50 {p50:.0f}  p95 {p95:.0f}  p99 {p99:.0f}", end="  ")
    print(
        f"(promised p95 ≤ {NEEDED_P95_MS}, p99 ≤ {NEEDED_P99_MS}); {len(latencies):,} of {wanted:,} arrived"
    )
    print(
        f"  redirect p99: {redirects[0]:.1f} alone, {redirects[1]:.1f} with viewers (≤ {NEEDED_REDIRECT} ×)"
    )
    kept = p95 <= NEEDED_P95_MS and p99 <= NEEDED_P99_MS and len(latencies) == wanted
    return 0 if kept and redirects[1] <= NEEDED_REDIRECT * redirects[0] else 1


async def _walk(application: Application, slugs: list[str], per_second: int, seconds: float) -> Timed:
    visitors = Timed(application.redirect, slugs, per_second=per_second)
    async with visitors.walking():
        await asyncio.sleep(seconds)
    return visitors


@asynccontextmanager
async def _viewing(bench: feeds.Bench, link_ids: list[str], viewers: int) -> AsyncIterator[Seen]:
    """So many subscribers, each of one link, that have got their first frames."""
    seen = Seen()
    documents = [
        f'subscription {{ clicks(filter: {{linkIds: ["{each}"]}}) {{ clicks {{ referrer }} cursor }} }}'
        for each in link_ids
    ]
    wanted = [
        (bench.keys[each // feeds.SOCKETS_PER_KEY], documents[each % len(documents)])
        for each in range(viewers)
    ]
    async with AsyncExitStack() as stack:
        for start in range(0, viewers, feeds.WAVE):
            wave = wanted[start : start + feeds.WAVE]
            await stack.enter_async_context(audiences.subscribed(bench.port, "/graphql", wave, seen.got))
            await seen.until(start + len(wave))
        yield seen


def _quantiles(values: list[float]) -> tuple[float, float, float]:
    cuts = statistics.quantiles(values, n=100)
    return cuts[49], cuts[94], cuts[98]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="latency with many viewers")
    parser.add_argument("--viewers", type=int, default=1_000)
    parser.add_argument("--per-second", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sys.exit(asyncio.run(main(options.viewers, options.per_second, options.seconds)))
