"""The redirect role as a process of its own: killed, drained, started without engines, out of disk."""

import asyncio
import os
import re
import resource
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.settings import Settings
from tests.application import ROOT, free_port
from tests.redirect.sites import DOMAIN, Site, recorded


@dataclass(frozen=True)
class Role:
    """A running `python -m app redirect`."""

    process: asyncio.subprocess.Process
    port: int
    data_dir: Path

    async def ask(self, path: str, host: str = DOMAIN) -> bytes:
        """One request on a connection of its own; the whole answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read(-1)
        writer.close()
        return answer


@asynccontextmanager
async def role(settings: Settings, folder: Path, **given: str) -> AsyncIterator[Role]:
    """Start the role and wait until it listens; kill what is left of it at the end."""
    port = free_port()
    environment = {
        **os.environ,
        "LINKGRAPH_MONGODB_URL": str(settings.mongodb_url),
        "LINKGRAPH_MONGODB_DATABASE": settings.mongodb_database,
        "LINKGRAPH_REDIS_URL": str(settings.redis_url),
        "LINKGRAPH_DATA_DIR": str(folder),
        "LINKGRAPH_REDIRECT_PORT": str(port),
        **given,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "redirect", cwd=ROOT, env=environment
    )
    started = Role(process, port, folder)
    try:
        async with asyncio.timeout(30):
            while b" 200 " not in await _livez(started):
                await asyncio.sleep(0.05)  # a process that starts offers nothing to wait on but its port
        yield started
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_killed_process_has_recorded_what_it_answered(
    site: Site, settings: Settings, tmp_path: Path
) -> None:
    """No answer without its click: SIGKILL in the middle of a crowd, then count."""
    link = await site.add()
    async with role(settings, tmp_path) as running:
        crowd = [asyncio.create_task(_visit_until_killed(running, link.slug)) for _ in range(8)]
        await asyncio.sleep(1.0)  # let them come and go for a while: the moment of death is to be arbitrary
        running.process.send_signal(signal.SIGKILL)
        answered = sum(await asyncio.gather(*crowd))
    kept = len(list(recorded(tmp_path / "journals")))
    assert answered > 100
    assert answered <= kept <= answered + len(crowd)


async def test_sigterm_drains(site: Site, settings: Settings, tmp_path: Path) -> None:
    """CL-03: requests in flight are answered, the exit code is 0, every answer is in the journal."""
    link = await site.add()
    async with role(settings, tmp_path) as running:
        crowd = [asyncio.create_task(_visit_until_killed(running, link.slug)) for _ in range(8)]
        await asyncio.sleep(0.5)  # the same
        running.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await running.process.wait() == 0
        answered = sum(await asyncio.gather(*crowd))
    kept = len(list(recorded(tmp_path / "journals")))
    assert answered > 50
    assert answered <= kept <= answered + len(crowd)


async def test_starts_without_any_engine(settings: Settings, tmp_path: Path) -> None:
    """OP-02, OP-07: ready, 503 for what it cannot know, and no crash loop."""
    nowhere = {
        "LINKGRAPH_MONGODB_URL": f"mongodb://127.0.0.1:{free_port()}/?directConnection=true",
        "LINKGRAPH_REDIS_URL": f"redis://127.0.0.1:{free_port()}",
    }
    async with role(settings, tmp_path, **nowhere) as running:
        assert b" 200 " in (await running.ask("/readyz")).split(b"\r\n")[0]
        answer = await running.ask("/anything")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: " in answer
        running.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await running.process.wait() == 0


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process's files")
async def test_a_full_disk_under_a_running_process(site: Site, settings: Settings, tmp_path: Path) -> None:
    """CL-15: redirects go on, losses are a metric, clicks are kept again when there is room."""
    link = await site.add()
    async with role(settings, tmp_path) as running:
        pid = running.process.pid
        long = "x" * 7_000
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1024 * 1024, resource.RLIM_INFINITY))
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        head = f"GET /{link.slug} HTTP/1.1\r\nHost: {DOMAIN}\r\nUser-Agent: {long}\r\n\r\n".encode()
        lost = 0.0
        for _ in range(200):
            writer.write(head * 500)
            for _ in range(500):
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 302 ")
            lost = await _metric(running, "linkgraph_redirect_clicks_lost_total")
            if lost:
                break
        assert lost > 0
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        before = await _metric(running, "linkgraph_redirect_clicks_recorded_total")
        async with asyncio.timeout(30):
            while await _metric(running, "linkgraph_redirect_clicks_recorded_total") <= before:
                writer.write(head)
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 302 ")
        writer.close()


async def _livez(running: Role) -> bytes:
    if running.process.returncode is not None:
        raise AssertionError(f"the redirect process ended with {running.process.returncode}")
    try:
        return await running.ask("/livez")
    except OSError:
        return b""


async def _metric(running: Role, name: str) -> float:
    found = re.search(rf"^{name} (\S+)".encode(), await running.ask("/metrics"), re.MULTILINE)
    return float(found[1]) if found else 0.0


async def _visit_until_killed(running: Role, slug: str) -> int:
    """Follow the link on one connection for as long as it holds; returns how many redirects came back."""
    head = f"GET /{slug} HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n".encode()
    answered = 0
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    try:
        while True:
            writer.write(head)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 302 ")
            answered += 1
    except (asyncio.IncompleteReadError, ConnectionError):
        return answered
    finally:
        writer.close()
