"""The API role as a process of its own: it drains on SIGTERM and leaves nobody without a word."""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest
from websockets.asyncio.client import connect

from app.settings import Settings
from domain import keys
from tests.application import ROOT, free_port, until_ready
from tests.protocols.conftest import closing, hear, say


@pytest.fixture
async def role(
    settings: Settings, tmp_path: Path
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str, str]]:
    """`python -m app api` on a free port, with its host and an admin key."""
    port, key = free_port(), keys.secret(secrets.token_bytes)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LINKGRAPH_")} | {
        "LINKGRAPH_MONGODB_URL": str(settings.mongodb_url),
        "LINKGRAPH_REDIS_URL": str(settings.redis_url),
        "LINKGRAPH_MONGODB_DATABASE": settings.mongodb_database,
        "LINKGRAPH_ADMIN_KEY": key,
        "LINKGRAPH_DATA_DIR": str(tmp_path),
        "LINKGRAPH_API_PORT": str(port),
    }
    log = tmp_path / "api.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "api"), cwd=ROOT, env=environment, stdout=output, stderr=output
        )
        try:
            await until_ready(f"http://127.0.0.1:{port}/readyz", process, log)
            assert "admin key:" in log.read_text()  # ready means that the database is prepared
            yield process, f"127.0.0.1:{port}", key
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def test_sigterm_drains(role: tuple[asyncio.subprocess.Process, str, str]) -> None:
    """RT-15: WebSockets are told 1012, streams complete, the process ends with 0 within 20 s."""
    process, host, key = role
    headers = {"authorization": f"Bearer {key}"}
    document = "subscription { clicks { cursor } }"
    async with (
        connect(f"ws://{host}/graphql", subprotocols=["graphql-transport-ws"]) as socket,  # type: ignore[list-item]  # a plain string is a Subprotocol
        httpx.AsyncClient(headers=headers | {"accept": "text/event-stream"}, timeout=20) as client,
        client.stream("POST", f"http://{host}/graphql", json={"query": document}) as stream,
    ):
        await say(socket, {"type": "connection_init", "payload": headers})
        await hear(socket)
        await say(socket, {"id": "1", "type": "subscribe", "payload": {"query": document}})
        assert (await hear(socket))["type"] == "next"
        lines = stream.aiter_lines()
        async with asyncio.timeout(30):
            async for line in lines:
                if line == "event: next":
                    break
        process.send_signal(signal.SIGTERM)
        assert await closing(socket) == (1012, "Service restart")
        async with asyncio.timeout(30):
            rest = [line async for line in lines]
        assert rest[-2:] == [": service restart, connect again", ""]
        assert "event: complete" not in rest  # to graphql-sse that would mean: finished, do not come back
    async with asyncio.timeout(30):
        assert await process.wait() == 0


async def test_large_bodies_take_no_memory(role: tuple[asyncio.subprocess.Process, str, str]) -> None:
    """GQ-07: twenty bodies of 20 MB, undeclared, leave less than 5 MB behind."""
    process, host, key = role
    memory = psutil.Process(process.pid).memory_info

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(320):
            yield b"x" * 65_536

    async def send() -> int:
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        async with httpx.AsyncClient(headers=headers, timeout=30) as client:
            try:
                return (await client.post(f"http://{host}/graphql", content=chunks())).status_code
            except httpx.TransportError:
                return 413  # it answered and closed while we were still sending

    assert await send() == 413
    before = memory().rss
    assert {await send() for _ in range(20)} == {413}
    assert memory().rss - before < 5_000_000


async def test_large_files_take_no_memory(role: tuple[asyncio.subprocess.Process, str, str]) -> None:
    """A file of 60 MB and 250,000 rows is kept as it arrives: the process grows by less than 16 MB."""
    process, host, key = role
    memory = psutil.Process(process.pid).memory_info
    headers = {"authorization": f"Bearer {key}", "content-type": "text/csv"}
    row = b"https://example.com/" + b"x" * 219 + b"\n"
    seen = []

    async def pieces(count: int) -> AsyncIterator[bytes]:
        yield b"destination\n"
        for _ in range(count):
            yield row * 250
            seen.append(memory().rss)

    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        await client.post(f"http://{host}/uploads", content=pieces(10))  # what the first file costs once
        before = seen[-1]
        answer = await client.post(f"http://{host}/uploads", content=pieces(1_000))
    assert (answer.status_code, answer.json()["rows"]) == (201, 250_000)
    assert max(seen) - before < 16_000_000


async def test_production_is_closed(role: tuple[asyncio.subprocess.Process, str, str]) -> None:
    """GQ-10: a role alone shows no page and no schema unless it is told to."""
    _, host, key = role
    async with httpx.AsyncClient(timeout=30) as client:
        page = await client.get(f"http://{host}/graphql", headers={"accept": "text/html"})
        asked = await client.post(
            f"http://{host}/graphql",
            json={"query": "{ __schema { queryType { name } } }"},
            headers={"authorization": f"Bearer {key}"},
        )
        metrics = await client.get(f"http://{host}/metrics")
    assert page.status_code == 401
    assert "introspection is off" in asked.text
    assert "linkgraph_api_websockets_open" in metrics.text
    assert "server" not in page.headers
