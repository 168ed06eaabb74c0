"""Many WebSocket subscribers in one process that cost next to nothing: they count frames and look at none."""

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, cast

FEED: Final = """subscription {
  clicks { clicks { id at kind linkId country device } cursor gap { reason missed } }
}"""


class Subscriber(asyncio.Protocol):
    """One socket: a handshake, connection_init, one subscription, then frames of any size are counted.

    Args:
        path: where the graph is.
        key: the API key.
        document: what is subscribed to.
        got: called with each whole message behind the acknowledgement.
    """

    def __init__(self, path: str, key: str, document: str, got: Callable[[bytes], None]) -> None:
        self.acknowledged = False
        self._path = path
        self._messages = (
            {"type": "connection_init", "payload": {"authorization": f"Bearer {key}"}},
            {"id": "1", "type": "subscribe", "payload": {"query": document}},
        )
        self._got = got
        self._buffer = b""
        self._upgraded = False
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self.transport = own = cast(asyncio.Transport, transport)
        key = base64.b64encode(os.urandom(16)).decode()
        own.write(
            f"GET {self._path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Take whole frames out of what has come (RFC 6455, section 5.2; a server's are not masked)."""
        buffer = self._buffer + data if self._buffer else data
        if not self._upgraded:
            head, found, buffer = buffer.partition(b"\r\n\r\n")
            if not found:
                self._buffer = head
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise SystemExit(f"the server refused a socket: {head!r}")
            self._upgraded = True
            self._say(1, json.dumps(self._messages[0]).encode())
        start = 0
        while (frame := _frame(buffer, start)) is not None:
            begin, end = frame
            self._take(buffer[start] & 0x0F, buffer, begin, end)
            start = end
        self._buffer = buffer[start:]

    def _take(self, kind: int, buffer: bytes, begin: int, end: int) -> None:
        if kind == 9:
            self._say(10, buffer[begin:end])
        elif kind == 8:
            raise SystemExit(f"the server closed a socket: {buffer[begin:end]!r}")
        elif self.acknowledged:
            self._got(buffer[begin:end])
        else:
            self.acknowledged = True
            self._say(1, json.dumps(self._messages[1]).encode())

    def _say(self, kind: int, body: bytes) -> None:
        """Send a frame with a mask of zeroes."""
        length = bytes([0x80 | len(body)]) if len(body) < 126 else b"\xfe" + len(body).to_bytes(2, "big")
        self.transport.write(bytes([0x80 | kind]) + length + b"\0\0\0\0" + body)


def _frame(buffer: bytes, start: int) -> tuple[int, int] | None:
    if len(buffer) < start + 2:
        return None
    short = buffer[start + 1]
    more = {126: 2, 127: 8}.get(short, 0)
    begin = start + 2 + more
    length = int.from_bytes(buffer[start + 2 : begin], "big") if more else short
    return (begin, begin + length) if len(buffer) >= begin + length and len(buffer) >= begin else None


@asynccontextmanager
async def subscribed(
    port: int, path: str, subscriptions: list[tuple[str, str]], got: Callable[[bytes], None]
) -> AsyncIterator[None]:
    """A subscriber for each key and document, on sockets of their own, until the block ends."""
    loop = asyncio.get_running_loop()
    transports = []
    for key, document in subscriptions:
        subscriber = partial(Subscriber, path, key, document, got)
        transport, _ = await loop.create_connection(subscriber, "127.0.0.1", port)
        transports.append(transport)
    try:
        yield
    finally:
        for transport in transports:
            transport.abort()
