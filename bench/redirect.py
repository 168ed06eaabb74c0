"""Redirects a second on one core, every click recorded, against nginx's `return 302` with its access log.

Both servers run at the same time, each pinned to core 0, and are measured in turn by wrk on core 1 with the
headers of a browser; a server that is not measured is idle. Ours is the redirect process of production over a
real MongoDB.
Afterwards the journal is counted: every answer that wrk got must be in it.

    python -m bench.redirect [--rounds 10] [--seconds 2] [--connections 64]
"""

import argparse
import asyncio
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from app import embedded, serving
from domain import journals
from domain.links import Link, Rule
from storage import codec, mongo

SERVER_CORE: Final = 0
LOAD_CORE: Final = 1
DESTINATION: Final = "https://example.com/landing/page"
NEEDED: Final = 0.45
_WRK_SCRIPT: Final = """
wrk.headers["Host"] = "{host}"
wrk.headers["User-Agent"] = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 " ..
  "(KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
wrk.headers["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9," ..
  "image/avif,image/webp,*/*;q=0.8"
wrk.headers["Accept-Language"] = "en-GB,en;q=0.9,de;q=0.8"
wrk.headers["Accept-Encoding"] = "gzip, deflate, br, zstd"
wrk.headers["Referer"] = "https://news.example.org/articles/42"
"""
_NGINX: Final = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log {folder}/access.log combined;
  keepalive_requests 100000000;
  server {{ listen 127.0.0.1:{port}; location / {{ return 302 {destination}; }} }}
}}
"""


class Round(NamedTuple):
    """What wrk saw of one server in one round."""

    completed: int
    per_second: float
    p99: str


def main() -> None:
    """Measure and print; exit code 1 where the figure is not reached or a click is missing."""
    parser = argparse.ArgumentParser(description="redirects a second, against nginx")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    missing = [name for name in ("nginx", "wrk") if found(name) is None]
    if missing:
        print(f"The redirect benchmark needs {' and '.join(missing)}: apt-get install nginx wrk")
        return
    with tempfile.TemporaryDirectory(prefix="lg") as folder:
        good = asyncio.run(_measure(Path(folder), options.rounds, options.seconds, options.connections))
    sys.exit(0 if good else 1)


async def _measure(folder: Path, rounds: int, seconds: int, connections: int) -> bool:
    async with our_server(folder) as base, _running_nginx(folder) as theirs:
        ours = f"{base}/landing"
        for url in (ours, theirs):
            load(folder, url, 1, connections)
        warm = recorded(folder)
        seen: dict[str, list[Round]] = {"linkgraph": [], "nginx": []}
        print(f"{'':8}{'linkgraph':>24}{'nginx':>24}{'ratio':>8}")
        for number in range(1, rounds + 1):
            mine = load(folder, ours, seconds, connections)
            its = load(folder, theirs, seconds, connections)
            seen["linkgraph"].append(mine)
            seen["nginx"].append(its)
            shown = [f"{each.per_second:,.0f}/s, p99 {each.p99}" for each in (mine, its)]
            ratio = mine.per_second / its.per_second
            print(f"round {number:<2}{shown[0]:>24}{shown[1]:>24}{ratio:>8.2f}")
    completed = sum(each.completed for each in seen["linkgraph"])
    ratio = statistics.median(
        mine.per_second / its.per_second for mine, its in zip(*seen.values(), strict=True)
    )
    kept = recorded(folder) - warm
    # What was on its way when wrk stopped was answered, and recorded, but wrk does not count it.
    whole = completed <= kept <= completed + connections * rounds
    print(f"ratio {ratio:.2f} (median; needed {NEEDED})")
    print(
        f"{completed:,} answers, {kept:,} clicks in the journal: {'none lost' if whole else 'NOT THE SAME'}"
    )
    return whole and ratio >= NEEDED


@asynccontextmanager
async def our_server(folder: Path, **more: tuple[Rule, ...]) -> AsyncIterator[str]:
    """The production redirect process over embedded engines; gives its base URL.

    Args:
        folder: where engines and journals live.
        more: links beside the plain `landing`, by slug, with their rules.
    """
    with serving.listen("127.0.0.1", 0) as probe:
        port = probe.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    async with embedded.running(folder) as engines:
        await _add_links(engines.mongodb_url, f"127.0.0.1:{port}", {"landing": (), **more})
        environment = {
            **os.environ,
            "LINKGRAPH_MONGODB_URL": engines.mongodb_url,
            "LINKGRAPH_REDIS_URL": engines.redis_url,
            "LINKGRAPH_DATA_DIR": str(folder),
            "LINKGRAPH_REDIRECT_PORT": str(port),
            "LINKGRAPH_SHORT_URL": base,
            "LINKGRAPH_REDIRECT_LOOKUP_MS": "5000",  # a database on a core that is full is not away
        }
        with pinned([sys.executable, "-m", "app", "redirect"], f"{base}/livez", environment):
            yield base


@asynccontextmanager
async def _running_nginx(folder: Path) -> AsyncIterator[str]:
    with serving.listen("127.0.0.1", 0) as probe:
        port = probe.getsockname()[1]
    configuration = folder / "nginx.conf"
    configuration.write_text(_NGINX.format(folder=folder, port=port, destination=DESTINATION))
    command = [found("nginx") or "nginx", "-p", str(folder), "-c", str(configuration)]
    with pinned(command, f"http://127.0.0.1:{port}/landing", dict(os.environ)):
        yield f"http://127.0.0.1:{port}/landing"


@contextmanager
def pinned(command: list[str], url: str, environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A server on core 0 until the block ends; waits until it answers `url`."""
    server = subprocess.Popen(command, env=environment)
    os.sched_setaffinity(server.pid, {SERVER_CORE})
    try:
        _await_answer(url, server)
        yield server
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)


def _await_answer(url: str, server: "subprocess.Popen[bytes]") -> None:
    opener = urllib.request.build_opener(_Unfollowed)
    for _ in range(300):
        if server.poll() is not None:
            raise SystemExit(f"the server for {url} ended with {server.returncode}")
        try:
            opener.open(url, timeout=1).close()
        except OSError as error:
            if isinstance(error, urllib.error.HTTPError) and error.code == 302:
                return
            time.sleep(0.1)  # a process that starts offers nothing to wait on but its port
        else:
            return
    raise SystemExit(f"{url} does not answer")


class _Unfollowed(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow nothing: the redirect is what is measured."""


def load(folder: Path, url: str, seconds: int, connections: int, more: str = "") -> Round:
    """What wrk sees of one link in one round; `more` is added to its script."""
    script = folder / "browser.lua"
    script.write_text(_WRK_SCRIPT.format(host=url.split("/")[2]) + more)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), url]
    told = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), *command], check=True, capture_output=True, text=True
    ).stdout
    completed = re.search(r"(\d+) requests in", told)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)
    p99 = re.search(r"^\s+99%\s+(\S+)", told, re.MULTILINE)
    if completed is None or rate is None or p99 is None or "Non-2xx" in told or "Socket errors" in told:
        raise SystemExit(f"wrk did not get redirects from {url}:\n{told}")
    return Round(int(completed[1]), float(rate[1]), p99[1])


async def _add_links(mongodb_url: str, domain: str, rules: Mapping[str, tuple[Rule, ...]]) -> None:
    now = datetime.now(UTC)
    links = [
        Link(
            id=f"lnk_{number:026}",
            workspace_id="ws_00000000000000000000000001",
            domain=domain,
            slug=slug,
            slug_key=slug,
            destination=DESTINATION,
            rules=each,
            created_at=now,
            updated_at=now,
        )
        for number, (slug, each) in enumerate(rules.items())
    ]
    client = mongo.connect(mongodb_url, timeout_ms=5_000, application="bench")
    database = client["linkgraph"]
    await mongo.ensure_indexes(database)
    await database["links"].insert_many([codec.to_document(link) for link in links])
    await client.close()


def recorded(folder: Path) -> int:
    """Clicks in all journals under `folder`."""
    segments = (folder / "journals").glob("*/*.seg")
    return sum(1 for each in segments for _ in journals.frames(memoryview(each.read_bytes()), 0))


def found(program: str) -> str | None:
    """A program on PATH, or where Debian keeps servers."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


if __name__ == "__main__":
    main()
