"""Live deliveries a second on one core: ours, a stock Strawberry subscription, and bare WebSocket sends.

The servers are pinned to core 0 and idle while they are not measured; subscribers, engines and the publisher
are on core 1. Each message of 50 clicks goes through Redis to all subscribers, and the next one is published
when the one before the last has arrived everywhere. A delivery is one click on one socket; a second is one of
the server's own processor time, so that a slow reader beside it makes no server look slow. Afterwards idle
subscribers are counted in memory and processor time.

    python -m bench.feeds [--subscribers 500] [--rounds 5] [--seconds 3] [--idle 2000]
"""

import argparse
import asyncio
import os
import resource
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psutil

from app import embedded, serving
from bench import audiences, redirect
from domain import ids, keys
from domain.access import Scope
from domain.clicks import Click, ClickKind, ClicksCommitted, Device
from domain.keys import ApiKey
from domain.visits import Outcome
from storage import announcements, mongo, redis
from storage.announcements import Announcements
from storage.keys import MongoKeys

CLICKS: Final = 50
IN_FLIGHT: Final = 2
SOCKETS_PER_KEY: Final = 100
WAVE: Final = 50
DATABASE: Final = "linkgraph"
NEEDED_STOCK: Final = 8.0
NEEDED_BARE: Final = 0.85
NEEDED_KIB: Final = 50
NEEDED_IDLE_SHARE: Final = 0.05
IDLE_SECONDS: Final = 35


@dataclass
class Crowd:
    """What has arrived at all subscribers together."""

    frames: int = 0
    longest: bytes = b""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def got(self, frame: bytes) -> None:
        """Count one frame."""
        self.frames += 1
        if len(frame) > len(self.longest):
            self.longest = frame
        self.news.set()

    async def until(self, frames: int) -> None:
        """Wait until so many have come."""
        try:
            async with asyncio.timeout(20):
                while self.frames < frames:
                    self.news.clear()
                    await self.news.wait()
        except TimeoutError:
            raise SystemExit(f"{self.frames:,} frames came, not {frames:,}") from None


class Bench:
    """The engines, the API under test and the servers beside it.

    Args:
        engines: where MongoDB and Redis are.
        folder: for what is written.
        port: the API's.
    """

    def __init__(self, engines: embedded.Engines, folder: Path, port: int) -> None:
        self.frame = folder / "frame.json"
        self.workspace_id = ids.of("ws", 0, secrets.token_bytes(10))
        self.keys: list[str] = []
        self.port = port
        self.plain_port = _free_port()
        self._engines = engines
        self._seq = 0

    async def add_keys(self, subscribers: int) -> None:
        """As many keys of one workspace as so many sockets need."""
        client = mongo.connect(self._engines.mongodb_url, timeout_ms=5_000, application="bench")
        for number in range(-(-subscribers // SOCKETS_PER_KEY)):
            secret = keys.secret(secrets.token_bytes)
            key = ApiKey(
                id=ids.of("key", number, secrets.token_bytes(10)),
                workspace_id=self.workspace_id,
                name="bench",
                prefix=keys.shown(secret),
                secret_hash=keys.digest(secret),
                scopes=frozenset({Scope.ANALYTICS_READ}),
                created_at=datetime.now(UTC),
            )
            await MongoKeys(client[DATABASE]).add(self.workspace_id, key)
            self.keys.append(secret)
        await client.close()

    @asynccontextmanager
    async def audience(self, path: str, subscribers: int) -> AsyncIterator[Crowd]:
        """So many subscribers that have got their first frames."""
        crowd = Crowd()
        port = self.port if path == "/graphql" else self.plain_port
        wanted = [(self.keys[each // SOCKETS_PER_KEY], audiences.FEED) for each in range(subscribers)]
        async with AsyncExitStack() as stack:
            for start in range(0, subscribers, WAVE):  # a socket has five seconds for its first message
                wave = wanted[start : start + WAVE]
                await stack.enter_async_context(audiences.subscribed(port, path, wave, crowd.got))
                await crowd.until(start + len(wave))
            yield crowd

    async def rate(self, path: str, server: psutil.Process, subscribers: int, seconds: float) -> float:
        """Deliveries a second of the server's processor time, over `seconds`."""
        news = redis.connect(self._engines.redis_url, timeout_ms=2_000)
        told = Announcements(news, DATABASE)
        async with self.audience(path, subscribers) as crowd:
            before, used = crowd.frames, _used(server)
            began, sent = time.perf_counter(), 0
            while time.perf_counter() < began + seconds:
                await told.publish(self.workspace_id, self._message())
                sent += 1
                await crowd.until(before + (sent - IN_FLIGHT + 1) * subscribers)
            await crowd.until(before + sent * subscribers)
            used = _used(server) - used
            if path == "/graphql":
                self.frame.write_bytes(crowd.longest)
        await news.aclose()
        return sent * CLICKS * subscribers / used

    def _message(self) -> ClicksCommitted:
        first, self._seq = self._seq + 1, self._seq + CLICKS
        clicks = tuple(
            Click(
                id=ids.of("clk", time.time_ns() // 1_000_000, secrets.token_bytes(10)),
                workspace_id=self.workspace_id,
                slot=0,
                seq=first + number,
                at=datetime.now(UTC),
                link_id="lnk_00000000000000000000000001",
                link_version=1,
                outcome=Outcome.REDIRECT,
                kind=ClickKind.HUMAN,
                unique=True,
                final_destination="https://example.com/landing/page",
                country="GB",
                device=Device.MOBILE,
            )
            for number in range(CLICKS)
        )
        return ClicksCommitted(0, first, self._seq, clicks)

    def plain(self) -> list[str]:
        """The command of the other servers."""
        channel = announcements.prefix(DATABASE) + self.workspace_id
        return [sys.executable, "-m", "bench.plain_feeds", str(self.plain_port), channel, str(self.frame)]


async def main(subscribers: int, rounds: int, seconds: float, idle: int) -> int:
    """Measure and print; 1 where a promise is not kept."""
    os.sched_setaffinity(0, {redirect.LOAD_CORE})
    with tempfile.TemporaryDirectory(prefix="lg") as name:
        folder, port = Path(name), _free_port()
        async with embedded.running(folder) as engines:
            environment = {
                **os.environ,
                "LINKGRAPH_MONGODB_URL": engines.mongodb_url,
                "LINKGRAPH_REDIS_URL": engines.redis_url,
                "LINKGRAPH_DATA_DIR": str(folder),
                "LINKGRAPH_API_PORT": str(port),
                "LINKGRAPH_HOST": "127.0.0.1",
                # Hundreds subscribe within a second, again and again: more than a key may usually spend.
                "LINKGRAPH_COST_BUDGET": "1000000",
                "LINKGRAPH_COST_RESTORE_PER_SECOND": "1000000",
            }
            bench = Bench(engines, folder, port)
            ready = f"http://127.0.0.1:{port}/readyz"
            with redirect.pinned([sys.executable, "-m", "app", "api"], ready, environment) as server:
                await bench.add_keys(max(subscribers, idle))
                process = psutil.Process(server.pid)
                kept = not rounds or await _deliveries(
                    bench, process, environment, subscribers=subscribers, rounds=rounds, seconds=seconds
                )
                kept = (not idle or await _idle(bench, process, idle)) and kept
    return 0 if kept else 1


async def _deliveries(
    bench: Bench,
    server: psutil.Process,
    environment: dict[str, str],
    *,
    subscribers: int,
    rounds: int,
    seconds: float,
) -> bool:
    await bench.rate("/graphql", server, subscribers, 1)
    ready = f"http://127.0.0.1:{bench.plain_port}/stock?query=%7Bready%7D"
    with redirect.pinned(bench.plain(), ready, environment) as started:
        plain = psutil.Process(started.pid)
        print(f"{subscribers} subscribers on one feed, deliveries a second")
        print(f"{'':8}{'linkgraph':>14}{'stock':>14}{'bare':>14}{'× stock':>10}{'× bare':>10}")
        ratios = []
        for number in range(1, rounds + 1):
            ours, stock, bare = [
                await bench.rate(path, process, subscribers, seconds)
                for path, process in (("/graphql", server), ("/stock", plain), ("/bare", plain))
            ]
            ratios.append((ours / stock, ours / bare))
            shown = f"{ours:>14,.0f}{stock:>14,.0f}{bare:>14,.0f}"
            print(f"round {number:<2}{shown}{ours / stock:>10.1f}{ours / bare:>10.2f}", flush=True)
    to_stock, to_bare = (float(statistics.median(each)) for each in zip(*ratios, strict=True))
    kept: bool = to_stock >= NEEDED_STOCK and to_bare >= NEEDED_BARE
    print(f"median: {to_stock:.1f} × stock (needed {NEEDED_STOCK:g}), {to_bare:.2f} × bare", end=" ")
    print(f"(needed {NEEDED_BARE})")
    return kept


async def _idle(bench: Bench, server: psutil.Process, subscribers: int) -> bool:
    before = server.memory_info().rss
    async with bench.audience("/graphql", subscribers):
        each = (server.memory_info().rss - before) / subscribers / 1024
        used = _used(server)
        await asyncio.sleep(IDLE_SECONDS)  # one sign of life of each feed falls into it
        share = (_used(server) - used) / IDLE_SECONDS
    print(f"{subscribers:,} idle subscribers: {each:.1f} KiB each (needed {NEEDED_KIB}),", end=" ")
    print(f"{share:.1%} of a core (needed {NEEDED_IDLE_SHARE:.0%})")
    return each <= NEEDED_KIB and share < NEEDED_IDLE_SHARE


def _used(process: psutil.Process) -> float:
    """Seconds of processor time so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def _free_port() -> int:
    with serving.listen("127.0.0.1", 0) as probe:
        port: int = probe.getsockname()[1]
    return port


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="live deliveries a second")
    parser.add_argument("--subscribers", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--idle", type=int, default=2_000)
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sys.exit(asyncio.run(main(options.subscribers, options.rounds, options.seconds, options.idle)))
