"""The API on a loopback port of this process, over the example graph and real engines."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import httpx
import msgspec
import pytest
import strawberry
import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from app import serving
from app.api import Api
from app.entrances import Work
from app.graphql import sockets
from app.graphql.limits import Buckets
from app.pushing import PushingProtocol
from app.settings import Settings
from domain.access import Viewer
from storage import mongo, redis
from storage.budgets import Budgets
from storage.idempotency import MongoClaims
from storage.secrets import MongoSecrets
from tests.protocols import example


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the test run keeps its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Served:
    """An API that answers on a port."""

    api: Api
    port: int
    happened: example.Happened
    server: uvicorn.Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    def client(self, key: str | None = "admin") -> httpx.AsyncClient:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return httpx.AsyncClient(headers=headers, timeout=20)

    async def post(
        self, document: str, key: str | None = "admin", *, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        """The answer to one document by POST; `more` are further parameters."""
        async with self.client(key) as client:
            return await client.post(self.url, json={"query": document, **more}, headers=headers)

    def socket(self, **options: Any) -> connect:
        """A WebSocket that has not said anything yet."""
        options.setdefault("subprotocols", ["graphql-transport-ws"])
        return connect(f"ws://127.0.0.1:{self.port}/graphql", compression=None, **options)

    @contextlib.asynccontextmanager
    async def connected(self, key: str = "admin", **options: Any) -> AsyncIterator[ClientConnection]:
        """A WebSocket that is acknowledged."""
        async with self.socket(**options) as socket:
            await say(socket, {"type": "connection_init", "payload": {"authorization": f"Bearer {key}"}})
            assert await hear(socket) == {"type": "connection_ack"}
            yield socket


async def say(socket: ClientConnection, message: Any) -> None:
    """Send a message of the protocol."""
    await socket.send(msgspec.json.encode(message).decode())


async def hear(socket: ClientConnection) -> Any:
    """The next message."""
    async with asyncio.timeout(30):
        return msgspec.json.decode(await socket.recv())


async def closing(socket: ClientConnection, seconds: float = 30) -> tuple[int | None, str]:
    """The code and reason that the server closes with."""
    async with asyncio.timeout(seconds):
        await socket.wait_closed()
    return socket.close_code, socket.close_reason or ""


@contextlib.asynccontextmanager
async def serving_api(
    settings: Settings,
    *,
    schema: strawberry.Schema = example.schema,
    buckets: Buckets | None = None,
    execution_seconds: float = 10,
    socket_limits: sockets.Limits | None = None,
    works: Mapping[str, Work] = MappingProxyType({}),
) -> AsyncIterator[Served]:
    """Serve a graph as the API role does, with limits that a test may tighten."""
    assert settings.mongodb_url is not None
    assert settings.redis_url is not None
    client = mongo.connect(settings.mongodb_url, timeout_ms=60_000, application="tests")
    news = redis.connect(settings.redis_url, timeout_ms=1_000)
    happened = example.Happened()

    def contexts(viewer: Viewer, request_id: str) -> example.Context:
        return example.Context(viewer, request_id, happened, client[settings.mongodb_database])

    api = Api(
        settings,
        schema,
        lookup=example.lookup,
        buckets=buckets
        or Budgets(
            news,
            prefix=f"{settings.mongodb_database}:{id(happened)}",
            capacity=settings.cost_budget,
            restore_per_second=settings.cost_restore_per_second,
        ),
        claims=MongoClaims(
            client[settings.mongodb_database],
            MongoSecrets(client[settings.mongodb_database], secrets.token_bytes),
        ),
        load=example.load,
        clock=lambda: datetime.now(UTC),
        contexts=contexts,
        execution_seconds=execution_seconds,
        socket_limits=socket_limits,
        works=works,
    )
    try:
        async with listening_on(api.application) as (port, server):
            yield Served(api, port, happened, server)
            api.draining.set()
    finally:
        await news.aclose()
        await client.close()


@contextlib.asynccontextmanager
async def listening_on(application: Any) -> AsyncIterator[tuple[int, uvicorn.Server]]:
    """Serve an application on a free port with the options of the API role."""
    listening = serving.listen("127.0.0.1", 0)
    server = _Server(
        uvicorn.Config(
            application,
            http="httptools",
            ws=PushingProtocol,
            ws_max_size=64 * 1024,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
        )
    )
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:
            await asyncio.sleep(0.01)  # uvicorn has no event for it
        yield listening.getsockname()[1], server
    finally:
        server.should_exit = True
        await running


@pytest.fixture(scope="session")
async def served(settings: Settings) -> AsyncIterator[Served]:
    """The example graph with the playground on, and plenty to spend."""
    plenty = msgspec.structs.replace(settings, cost_budget=100_000, cost_restore_per_second=100_000)
    async with serving_api(plenty) as served:
        yield served
