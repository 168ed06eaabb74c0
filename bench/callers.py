"""Callers of the API that cost next to nothing: what is measured is the server, not its client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec

from tests.application import Application


class Caller:
    """A kept HTTP connection on which operations are sent one after the other.

    Args:
        head: of every request, up to its Content-Length.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        self._reader = reader
        self._writer = writer
        self._head = head

    async def ask(self, document: str, **variables: Any) -> Any:
        """The data of an operation that is expected to succeed."""
        body = msgspec.json.encode({"query": document, "variables": variables})
        self._writer.write(b"%s%d\r\n\r\n%s" % (self._head, len(body), body))
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        answer = msgspec.json.decode(await self._reader.readexactly(length))
        if "errors" in answer:
            raise SystemExit(f"the API answered {answer['errors']}")
        return answer["data"]


@asynccontextmanager
async def calling(application: Application, count: int) -> AsyncIterator[list[Caller]]:
    """So many callers with a connection each."""
    host, _, port = application.api.removeprefix("http://").partition(":")
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {application.key}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    )
    async with AsyncExitStack() as stack:
        callers = []
        for _ in range(count):
            reader, writer = await asyncio.open_connection(host, int(port))
            stack.callback(writer.close)
            callers.append(Caller(reader, writer, head.encode()))
        yield callers
