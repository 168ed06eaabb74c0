"""From the answered click to the subscriber: how long it takes over the real processes.

`python -m app serve` runs with embedded engines. One WebSocket subscriber listens while a link is followed
at a steady rate. A click's latency is from the moment its redirect was answered to the moment its frame was
read, both on this machine's clock.

    python -m bench.latency [--clicks 500] [--per-second 50]
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.application import Application, running

NEEDED_P95_MS: Final = 250
NEEDED_P99_MS: Final = 1_000
FEED: Final = "subscription { clicks { clicks { referrer } gap { reason } } }"
BROWSER: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)


async def main(clicks: int, per_second: float) -> int:
    """Measure and print; 1 where the promise is not kept."""
    with tempfile.TemporaryDirectory() as folder:
        async with running(Path(folder)) as application:
            latencies = await measured(application, clicks, per_second)
    ordered = sorted(1000 * latency for latency in latencies)
    p50, p95, p99 = (statistics.quantiles(ordered, n=100)[each] for each in (49, 94, 98))
    print(f"click → subscriber, {clicks} clicks at {per_second:g}/s, milliseconds")
    print(f"  p50 {p50:.0f}   p95 {p95:.0f}   p99 {p99:.0f}   max {ordered[-1]:.0f}")
    kept = p95 <= NEEDED_P95_MS and p99 <= NEEDED_P99_MS
    print(f"  promised: p95 ≤ {NEEDED_P95_MS}, p99 ≤ {NEEDED_P99_MS}: {'kept' if kept else 'NOT KEPT'}")
    return 0 if kept else 1


async def measured(application: Application, clicks: int, per_second: float) -> list[float]:
    """The latency of each click, seconds."""
    answered: dict[str, float] = {}
    url = application.api.replace("http://", "ws://") + "/graphql"
    async with (
        httpx.AsyncClient() as client,
        connect(url, subprotocols=["graphql-transport-ws"]) as socket,  # type: ignore[list-item]
    ):
        link = await application.create_link(client, "https://example.com/")
        await subscribe(socket, application)
        reading = asyncio.create_task(read(socket, clicks))
        for number in range(clicks):
            await follow(client, link["shortUrl"], f"c{number}.example", answered)
            await asyncio.sleep(1 / per_second)
        async with asyncio.timeout(30):
            seen = await reading
    return [seen[name] - at for name, at in answered.items()]


async def subscribe(socket: ClientConnection, application: Application) -> None:
    """Open the feed and wait for its first frame."""
    await socket.send(json.dumps({"type": "connection_init", "payload": application.headers}))
    await socket.recv()
    await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": FEED}}))
    await socket.recv()


async def follow(client: httpx.AsyncClient, url: str, name: str, answered: dict[str, float]) -> None:
    """Follow the link as a browser that comes from the page `name`, which tells the click apart."""
    response = await client.get(url, headers={"user-agent": BROWSER, "referer": f"https://{name}/"})
    answered[name] = time.perf_counter()
    if response.status_code != 302:
        raise SystemExit(f"the redirect answered {response.status_code}")


async def read(socket: ClientConnection, clicks: int) -> dict[str, float]:
    """When each click's frame was read, until all are seen."""
    seen: dict[str, float] = {}
    while len(seen) < clicks:
        message: dict[str, Any] = json.loads(await socket.recv())
        if message["type"] == "next":
            batch = message["payload"]["data"]["clicks"]
            now = time.perf_counter()
            seen.update({click["referrer"]: now for click in batch["clicks"]})
    return seen


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Latency from click to subscriber.")
    parser.add_argument("--clicks", type=int, default=500)
    parser.add_argument("--per-second", type=float, default=50)
    options = parser.parse_args()
    sys.exit(asyncio.run(main(options.clicks, options.per_second)))
