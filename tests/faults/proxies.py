"""A door to a store that a test can shut or jam: a loopback proxy that refuses, falls silent, and heals."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import pytest

from app.settings import Settings


@dataclass
class Proxy:
    """Forwards a TCP port to the Unix socket of an engine.

    `refuse()` closes the port and every connection, `silence()` keeps them open without a word, `heal()`
    forwards again; what was connected during a silence is cut, as a rebooted machine would.
    """

    path: str
    port: int = 0
    _server: asyncio.Server | None = None
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def heal(self) -> None:
        self._cut()
        self._open.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self._cut()

    def silence(self) -> None:
        self._open.clear()

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self.path)
        self._writers |= {writer, back}
        with contextlib.suppress(OSError):
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        for end in (writer, back):
            end.transport.abort()
            self._writers.discard(end)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            await self._open.wait()
            writer.write(chunk)
            await writer.drain()
        writer.transport.abort()


@contextlib.asynccontextmanager
async def door(path: str) -> AsyncIterator[Proxy]:
    """A healthy proxy in front of the Unix socket `path`."""
    proxy = Proxy(path)
    await proxy.heal()
    try:
        yield proxy
    finally:
        await proxy.refuse()


def mongodb_socket(settings: Settings) -> str:
    """The Unix socket of the test session's MongoDB."""
    url = str(settings.mongodb_url)
    socket = unquote(url.removeprefix("mongodb://").partition("/?")[0])
    if not Path(socket).is_socket():
        pytest.skip("the test's MongoDB is not on a Unix socket, which the door needs")
    return socket
