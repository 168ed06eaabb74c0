"""The clients that people use go on without a hole or a duplicate when the API is killed under them."""

import asyncio
import json
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from gql import Client, gql
from gql.transport.exceptions import TransportError
from gql.transport.websockets import WebsocketsTransport
from websockets.exceptions import WebSocketException

from tests.application import Application, running
from tests.protocols.test_clients import node

__all__ = ["node"]

FEED = "subscription ($after: String) { clicks(after: $after) { clicks { referrer } cursor } }"
CLICKS = 10
Batches = AsyncGenerator[list[str], None]


@pytest.fixture(scope="module")
async def application(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Application]:
    async with running(tmp_path_factory.mktemp("product")) as application:
        yield application


async def resumed(application: Application, batches: Batches, end: int = signal.SIGKILL) -> list[str]:
    """What a client sees of clicks before, while and after the API is ended by the signal `end`."""
    async with httpx.AsyncClient(timeout=20) as client, asyncio.timeout(45), aclosing(batches):
        link = await application.create_link(client, "https://example.com/")
        assert await anext(batches) == []
        seen: list[str] = []
        for half in ("before", "after"):
            for number in range(CLICKS):
                referrer = {"referer": f"https://{half}{number}.example/"}
                assert (await client.get(link["shortUrl"], headers=referrer)).status_code == 302
            if half == "before":
                seen += await anext(batches)
                application.children("-m app api")[0].send_signal(end)
        while len(set(seen)) < 2 * CLICKS:
            seen += await anext(batches)
    return seen


EXPECTED = [f"{half}{number}.example" for half in ("before", "after") for number in range(CLICKS)]


@pytest.mark.parametrize("name", ["graphql-ws", "graphql-sse", "apollo", "urql"])
async def test_npm_clients_resume(name: str, node: Path, application: Application) -> None:
    """RT-12, RT-14: over their own transports, with the cursor of the last frame."""
    async with script(name, node, application) as batches:
        assert await resumed(application, batches) == EXPECTED


@pytest.mark.parametrize("name", ["graphql-ws", "graphql-sse"])
async def test_npm_clients_resume_after_a_deploy(name: str, node: Path, application: Application) -> None:
    """RT-15: what is drained, not killed, is not taken for the end of the feed."""
    async with script(name, node, application) as batches:
        assert await resumed(application, batches, signal.SIGTERM) == EXPECTED


@asynccontextmanager
async def script(name: str, folder: Path, application: Application) -> AsyncIterator[Batches]:
    process = await asyncio.create_subprocess_exec(
        *("node", "resume.mjs", f"{application.api}/graphql", application.key, name),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
    )

    async def read() -> Batches:
        assert process.stdout is not None
        async for line in process.stdout:
            yield json.loads(line)["referrers"]

    try:
        yield read()
    finally:
        process.kill()
        await process.wait()


async def test_gql_resumes(application: Application) -> None:
    """RT-12, RT-14: PyPI gql over WebSocket, connected anew by its caller."""

    async def read() -> Batches:
        cursor: str | None = None
        url = f"{application.api}/graphql".replace("http", "ws", 1)
        while True:
            transport = WebsocketsTransport(url, init_payload=application.headers)
            try:
                async with Client(transport=transport) as session:
                    asked = gql(FEED)
                    asked.variable_values = {"after": cursor}
                    async for result in session.subscribe(asked):
                        cursor = result["clicks"]["cursor"]
                        yield [click["referrer"] for click in result["clicks"]["clicks"]]
            except (TransportError, WebSocketException, OSError):
                await asyncio.sleep(0.2)  # a client's pause before it comes back

    assert await resumed(application, read()) == EXPECTED
