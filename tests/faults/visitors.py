"""Visitors of short links who know exactly which of their visits were answered."""

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass
class Visitors:
    """A crowd on keep-alive connections; each visit carries a mark of its own as its referrer's host.

    Args:
        redirect: base URL of the redirect port.
        slugs: followed in turn.
        per_second: visits started each second, over all connections.
        connections: how many visitors there are.
        name: how their marks begin, where there are several crowds.
    """

    redirect: str
    slugs: list[str]
    per_second: int
    connections: int = 20
    name: str = "v"
    sent: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    statuses: list[bytes] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _leaving: asyncio.Event = field(default_factory=asyncio.Event)

    @contextlib.asynccontextmanager
    async def walking(self) -> AsyncIterator["Visitors"]:
        """Visits go on inside the `async with`; leaving it waits for the answers under way."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self.connections):
                group.create_task(self._walk())
            try:
                yield self
            finally:
                self._leaving.set()

    async def _walk(self) -> None:
        pause = self.connections / self.per_second
        clock = asyncio.get_running_loop().time
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        due = clock()
        while not self._leaving.is_set():
            due = max(due + pause, clock())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._leaving.wait()
            number = next(self._numbers)
            try:
                connection = connection or await self._connect()
                await self._visit(
                    *connection, f"{self.name}{number}.example", self.slugs[number % len(self.slugs)]
                )
            except (OSError, asyncio.IncompleteReadError):
                if connection:
                    connection[1].close()
                connection = None
        if connection:
            connection[1].close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address = urlsplit(self.redirect)
        return await asyncio.open_connection(address.hostname, address.port)

    async def _visit(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mark: str, slug: str
    ) -> None:
        host = urlsplit(self.redirect).netloc
        started = asyncio.get_running_loop().time()
        head = (
            f"GET /{slug} HTTP/1.1\r\nHost: {host}\r\nReferer: https://{mark}/\r\nUser-Agent: {AGENT}\r\n\r\n"
        )
        writer.write(head.encode())
        self.sent.add(mark)
        await writer.drain()
        answer = await reader.readuntil(b"\r\n\r\n")
        status = answer.split(b" ", 2)[1]
        self.statuses.append(status)
        if status == b"302":
            self.answered.add(mark)
            self.seconds.append(asyncio.get_running_loop().time() - started)
        else:
            self.refused.append(mark)
            length = LENGTH.search(answer)
            await reader.readexactly(int(length[1]) if length else 0)
