"""Bounds on what a connection may make us keep before its request is even read."""

import asyncio
from typing import Any, Final, NoReturn

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

TARGET_BYTES: Final = 16 * 1024
HEADERS_BYTES: Final = 64 * 1024
HEADERS: Final = 200
_WORDS: Final = {
    400: b"This is not an HTTP/1.1 request.\n",
    414: b"The target is longer than 16 KiB.\n",
    431: b"The headers are more than 200 or larger than 64 KiB.\n",
}
_LINGER_SECONDS: Final = 1.0
"""How long a refused client may go on sending, so that it gets to read why."""


class TooLarge(Exception):
    """Leaves the parser, which reports back through `send_400_response`."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which would keep a head of any size, with an end to it: 414 and 431."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._in_head = False
        self._head_bytes = 0
        self._refusal = 400
        self._refused = False

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and refuse a head that does not end."""
        if self._refused:
            return
        super().data_received(data)
        if not self._in_head:
            self._head_bytes = 0
        elif not self._refused:
            self._head_bytes += len(data)
            if self._head_bytes > TARGET_BYTES + HEADERS_BYTES:
                self._refusal = 431
                self.send_400_response("")

    def on_message_begin(self) -> None:
        """A request begins, and with it its head."""
        self._in_head = True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Collect the target."""
        super().on_url(url)
        if len(self.url) > TARGET_BYTES:
            self._refuse(414)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head = False
        if len(self.headers) > HEADERS or sum(len(n) + len(v) for n, v in self.headers) > HEADERS_BYTES:
            self._refuse(431)
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature; ours knows the status
        """Say why, and let the client read it before hanging up."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete:  # type: ignore[redundant-expr]  # at first None
            self.cycle.keep_alive = False  # an earlier request of this connection still gets its answer
            return
        words = _WORDS[self._refusal]
        own = b"".join(name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers)
        self.transport.write(
            STATUS_LINE[self._refusal]
            + own
            + b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: "
            + str(len(words)).encode()
            + b"\r\n\r\n"
            + words
        )
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def _refuse(self, status: int) -> NoReturn:
        self._refusal = status
        raise TooLarge(status)
