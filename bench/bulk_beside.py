"""Redirects beside a bulk job: their latency at a steady 200 requests a second, idle and during 100,000 rows.

`python -m app serve` runs with embedded engines, all of it on core 0: redirect, ledger, MongoDB and the job
have to share it. A process of its own on core 1 sends requests at fixed times, whether earlier ones are
answered or not, over kept connections, to 50 links in turn; a latency counts from the time at which its
request was due. Idle and busy times alternate; the medians of their p99 are compared.

    python -m bench.bulk_beside [--rows 100000] [--per-second 200] [--rounds 2]
"""

import argparse
import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx

from bench import bulk, redirect
from tests.application import Application

ALLOWED: Final = 1.20
IDLE_SECONDS: Final = 20.0
LINKS: Final = 50
CONNECTIONS: Final = 16

Span = tuple[float, float]
Visit = tuple[float, float]
"""When it was due, and how long it took; seconds of the system's monotonic clock."""


async def main(rounds: int, rows: int, per_second: float) -> int:
    """Measure and print; 1 where the promise is not kept."""
    spans: list[Span] = []
    os.sched_setaffinity(0, {redirect.SERVER_CORE})
    with tempfile.TemporaryDirectory(prefix="lg") as folder:
        async with bulk.served(Path(folder)) as (application, _), httpx.AsyncClient(timeout=60) as client:
            os.sched_setaffinity(0, {redirect.LOAD_CORE})
            template_id = await bulk.template(application, client)
            links = [await application.create_link(client, "https://example.com/") for _ in range(LINKS)]
            visits = Path(folder) / "visits.json"
            slugs = [link["slug"] for link in links]
            async with _walking(application.redirect, slugs, per_second, visits):
                for number in range(rounds):
                    spans += await _round(application, client, template_id, number, rows)
            found: list[Visit] = json.loads(visits.read_text())
    p99s = [_shown(name, span, found) for name, span in zip(("idle", "busy") * rounds, spans, strict=True)]
    ratio = statistics.median(p99s[1::2]) / statistics.median(p99s[::2])
    print(f"p99 {ratio - 1:+.0%} (allowed {ALLOWED - 1:+.0%})")
    return 0 if ratio <= ALLOWED else 1


async def _round(
    application: Application, client: httpx.AsyncClient, template_id: str, number: int, rows: int
) -> list[Span]:
    """An idle and a busy time; the rows come before them, and nobody but the job works in the busy one."""
    upload = await bulk.uploaded(application, client, number, rows)
    await asyncio.sleep(2)
    idle = time.monotonic()
    await asyncio.sleep(IDLE_SECONDS)
    busy = time.monotonic()
    await bulk.done(application, client, rows, {"templateId": template_id, "file": upload}, poll_seconds=0.5)
    return [(idle, busy), (busy, time.monotonic())]


def _shown(name: str, span: Span, visits: list[Visit]) -> float:
    """The p99 of a span, milliseconds; printed with its neighbours."""
    latencies = [1000 * seconds for due, seconds in visits if span[0] <= due < span[1]]
    found = statistics.quantiles(latencies, n=1000)
    p50, p99, p999 = found[499], found[989], found[998]
    print(
        f"{name}  {span[1] - span[0]:5.1f} s  {len(latencies):6,} visits  "
        f"p50 {p50:.2f} ms  p99 {p99:.2f} ms  p99.9 {p999:.2f} ms"
    )
    return p99


@asynccontextmanager
async def _walking(base: str, slugs: list[str], per_second: float, visits: Path) -> AsyncIterator[None]:
    """Visitors in a process of their own for as long as the block lasts; then `visits` tells of them."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.bulk_beside"),
        *("--walk", base, "--per-second", str(per_second), "--visits", str(visits), "--slugs", *slugs),
    )
    try:
        await asyncio.sleep(2)  # every link is in the route table
        yield
    finally:
        process.send_signal(signal.SIGINT)
        await process.wait()


async def walk(base: str, slugs: list[str], per_second: float, visits: Path) -> None:
    """Send a visit whenever one is due, until SIGINT; then write what was seen."""
    address = base.removeprefix("http://")
    host, _, port = address.partition(":")
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stopping.set)
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection(host, int(port)))
    seen: list[Visit] = []

    async def visit(slug: str, due: float) -> None:
        reader, writer = await free.get()
        writer.write(f"GET /{slug} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 302"):
            raise SystemExit(f"the redirect answered {head.decode()}")
        seen.append((due, time.monotonic() - due))
        free.put_nowait((reader, writer))

    began, number = time.monotonic(), 0
    async with asyncio.TaskGroup() as group:
        while not stopping.is_set():
            due = began + number / per_second
            await asyncio.sleep(due - time.monotonic())
            group.create_task(visit(slugs[number % len(slugs)], due))
            number += 1
    await asyncio.to_thread(visits.write_text, json.dumps(seen))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Latency of redirects, idle and during a bulk job.")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--per-second", type=float, default=200)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--walk", help=argparse.SUPPRESS)
    parser.add_argument("--visits", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--slugs", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.walk is not None:
        asyncio.run(walk(options.walk, options.slugs, options.per_second, options.visits))
    else:
        sys.exit(asyncio.run(main(options.rounds, options.rows, options.per_second)))
