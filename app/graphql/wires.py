"""The sending side of a WebSocket: each message within a time limit, or at once where it can."""

import asyncio
import contextlib
import functools
from collections.abc import Callable
from typing import Any, Final

import msgspec

from app.pushing import EXTENSION, text_head

_END: Final = b"}"
_encode = msgspec.json.Encoder().encode
Push = Callable[[bytes], bool]


class Closed(Exception):
    """The socket is to be closed, with a code of the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Gone(Exception):
    """The client is gone: there is nobody left to tell anything."""


class Wire:
    """Sends to one client.

    Args:
        scope: of the connection; a server that lets frames be pushed says so in it.
        send: the ASGI channel.
        seconds: how long a message may wait for a client that does not read; then it is given up.
    """

    def __init__(self, scope: Any, send: Any, seconds: float) -> None:
        self._push: Push | None = scope.get("extensions", {}).get(EXTENSION)
        self._send = send
        self._seconds = seconds
        self._one = asyncio.Lock()

    async def say(self, message: dict[str, Any]) -> None:
        """Send a message of the protocol.

        Raises:
            Closed: the client does not read.
            Gone: it has left.
        """
        await self._text(_encode(message))

    async def next(self, name: str, payload: bytes) -> None:
        """Send the next result, as JSON, of the operation `name`; raises as `say` does."""
        await self._text(b"".join((_head(name), payload, _END)))

    def pushing(self, name: str) -> Push:
        """What sends results of the operation `name` at once, where that needs no wait."""
        push = self._push
        if push is None:
            return _never
        head = _head(name)
        return lambda payload: push(_frame(head, payload))

    async def close(self, end: Closed) -> None:
        """Close the socket, if its client is there and reads."""
        reason = end.reason.encode()[:120].decode(errors="ignore")  # 123 bytes (RFC 6455, 5.5)
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(1):
                await self._send({"type": "websocket.close", "code": end.code, "reason": reason})

    async def _text(self, body: bytes) -> None:
        try:
            async with asyncio.timeout(self._seconds), self._one:
                await self._send({"type": "websocket.send", "text": body.decode()})
        except TimeoutError as error:
            raise Closed(4008, "The client does not read") from error
        except OSError as error:  # what uvicorn raises when the connection is lost
            raise Gone from error


def _head(name: str) -> bytes:
    return b'{"id":' + _encode(name) + b',"type":"next","payload":'


@functools.lru_cache(maxsize=1)
def _frame(head: bytes, payload: bytes) -> bytes:
    """A whole frame; kept, for the next one asked for is mostly the same for the next member of a group."""
    length = len(head) + len(payload) + len(_END)
    return b"".join((text_head(length), head, payload, _END))


def _never(_frame: bytes) -> bool:
    return False
