"""A subscriber of the live feed who comes back with its cursor whenever the line is cut."""

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.application import Application

FEED = """
subscription ($after: String) { clicks(after: $after) { clicks { id } cursor gap { reason missed } } }
"""


@dataclass
class Subscriber:
    """Collects what a `clicks` subscription delivers, over as many connections as it takes."""

    application: Application
    cursor: str | None = None
    seen: Counter[str] = field(default_factory=Counter)
    gaps: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0
    started: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _socket: ClientConnection | None = None

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["Subscriber"]:
        """Listens inside the `async with`."""
        task = asyncio.create_task(self._listen())
        try:
            async with asyncio.timeout(60):
                await self.started.wait()
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def drop(self) -> None:
        """Cut the line without a word, as a train in a tunnel does."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def until(self, count: int, seconds: float) -> None:
        """Wait until `count` different clicks were seen."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: len(self.seen) >= count)

    def differs_from(self, each_once: Counter[str]) -> dict[str, Counter[str]]:
        """What was seen too often, with how often too much, and what was not seen."""
        return {"too often": self.seen - each_once, "not": each_once - self.seen}

    async def _listen(self) -> None:
        url = self.application.api.replace("http://", "ws://") + "/graphql"
        while True:
            try:
                async with connect(url, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
                    self._socket = socket
                    self.connections += 1
                    await self._follow(socket)
            except (OSError, ConnectionClosed, InvalidStatus, TimeoutError):
                await asyncio.sleep(
                    random.uniform(0.05, 0.3)
                )  # a client's pause, so that not all come back at once

    async def _follow(self, socket: ClientConnection) -> None:
        await socket.send(json.dumps({"type": "connection_init", "payload": self.application.headers}))
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "connection_ack":
                payload = {"query": FEED, "variables": {"after": self.cursor}}
                await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
            elif message["type"] == "next":
                await self._take(message["payload"]["data"]["clicks"])
            elif message["type"] == "ping":
                await socket.send(json.dumps({"type": "pong"}))
            elif message["type"] in {"error", "complete"}:
                return

    async def _take(self, batch: dict[str, Any]) -> None:
        self.seen.update(click["id"] for click in batch["clicks"])
        self.cursor = batch["cursor"]
        if batch["gap"]:
            self.gaps.append(batch["gap"])
        self.started.set()
        async with self._news:
            self._news.notify_all()
