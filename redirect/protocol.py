"""The redirect's HTTP/1.1 protocol: a known link is answered as soon as its headers are in.

uvicorn's protocol builds a scope and a task for each request; most visits need neither. What is plain here (a
GET by HTTP/1.1 for a link that the table believes, without a body or anything odd) is looked up,
decided, recorded and answered by the same functions as in redirect/app.py, without waiting for anything.
Everything else goes uvicorn's way into the ASGI application. Heads that are too large are refused while they
come in.
"""

import asyncio
import logging
from typing import Any, Final, NoReturn

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from redirect import requests, responses
from redirect.app import Redirect
from redirect.outbox import Outbox
from redirect.responses import Refused

HEAD_BYTES: Final = requests.TARGET_BYTES + requests.HEADERS_BYTES
LINGER_SECONDS: Final = 1.0
"""How long a refused client may go on sending before the connection is cut, so that it gets to read why."""
_ODD: Final = frozenset((b"content-length", b"transfer-encoding", b"expect", b"upgrade"))
"""Headers that announce a body, an expectation or another protocol."""

_log = logging.getLogger(__name__)


def speaking_for(redirect: Redirect) -> type[asyncio.Protocol]:
    """The protocol class for uvicorn's `http` option that answers for `redirect`."""

    outbox = Outbox(asyncio.get_running_loop())

    class Bound(RedirectProtocol):
        def __init__(
            self,
            config: Config,
            server_state: ServerState,
            app_state: dict[str, Any],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            super().__init__(config, server_state, app_state, _loop)
            self.redirect = redirect
            self.outbox = outbox

    return Bound


class RedirectProtocol(HttpToolsProtocol):
    """One connection; see the module.

    A keep-alive timer runs through all requests of a connection and looks when the last one was answered,
    so that no visit pays for a timer of its own. It also ends a connection that never finishes a request.
    """

    redirect: Redirect
    outbox: Outbox

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._fields: list[tuple[bytes, bytes]] = []
        self._collect = self._fields.append
        self._own: list[tuple[bytes, bytes]] = []
        self._own_lines = b""
        self._in_head = False
        self._head_bytes = 0
        self._refusal = 400
        self._refused = False
        self._answered = False
        self._answered_at = self.loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the timer with the connection."""
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn's signature is the narrower one
        self._peer = self.client[0] if self.client else ""
        self._wait(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer, which would keep this connection's memory, however the connection ended."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and refuse a head that does not end: the parser would keep all of it."""
        if self._refused:
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse_rest(400)  # it was answered as a plain request; what follows may be another protocol
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, Refused):
                _log.error("a request could not be answered", exc_info=error)
                self._refusal = 500
            self._refuse_rest(self._refusal)
        except httptools.HttpParserError:
            self._refuse_rest(400)
        if self._in_head:
            self._head_bytes += len(data) - data.rfind(b"\r\n\r\n") - 1  # what stands before is of others
            if self._head_bytes > HEAD_BYTES:
                self._refuse_rest(431 if self._fields else 414)

    def on_message_begin(self) -> None:
        """A request begins. Its scope is made when it turns out to need one."""
        self._in_head = True
        self._head_bytes = 0
        self._answered = False
        self.url = b""
        self._fields.clear()

    def on_url(self, url: bytes) -> None:
        """Collect the target; one that is too long ends the connection here."""
        self.url += url
        if len(self.url) > requests.TARGET_BYTES:
            self._refuse(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header."""
        self._collect((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is whole: answer at once where that is possible, otherwise go uvicorn's way."""
        self._in_head = False
        if self._answers_at_once():
            return
        try:
            requests.judge_size(len(self.url), self._fields)
        except Refused as refused:
            self._refuse(refused.status)
        if not self.url.startswith(b"/"):
            self._refuse(400)  # absolute-form and others: this is no proxy, and uvicorn would drop the host
        url = self.url
        super().on_message_begin()
        self.url = url
        for name, value in self._fields:
            super().on_header(name, value)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Part of a body; what was answered at once has none."""
        if not self._answered:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of a request; one that was answered at once is over already."""
        if not self._answered:
            super().on_message_complete()

    def shutdown(self) -> None:
        """Close the connection when its last answer has left."""
        self.outbox.flush()
        super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection; one that was used since the timer was set gets the rest of its time."""
        idle = self.loop.time() - self._answered_at
        if idle < self.timeout_keep_alive:
            self._wait(self.timeout_keep_alive - idle)
        elif not self._is_answering():  # else the end of the answer sets the timer again
            super().timeout_keep_alive_handler()

    def _answers_at_once(self) -> bool:
        """Look up, decide, record, answer, if neither request nor connection is out of the ordinary."""
        headers = dict(self._fields)
        host = headers.get(b"host")
        if host is None or len(headers) != len(self._fields):
            return False
        redirect, parser = self.redirect, self.parser
        path, query = self.url, ""
        if b"?" in path:
            path, _, sent = path.partition(b"?")
            query = sent.decode("latin-1")
        entry = redirect.routes.at_once(host + path)
        if (
            entry is None
            or parser.get_method() != b"GET"
            or not parser.should_keep_alive()
            or (b"connection" in headers and parser.get_http_version() != "1.1")
            or not _ODD.isdisjoint(headers)
            or "#" in query  # a fragment, which no browser sends
            or len(headers) > requests.HEADERS
            or self.flow.write_paused
            or self._is_answering()
        ):
            return False
        visit = redirect.reader.read(headers, self._peer, entry.route.workspace_id, "GET", query)
        self._write(redirect.settle(entry, visit))
        redirect.routes.renew(entry)
        self._answered = True
        self._answered_at = self.loop.time()
        return True

    def _write(self, answer: responses.Answer) -> None:
        """Write an answer with the server's own headers (Date) behind its status line."""
        own = self.server_state.default_headers
        if own is not self._own:  # uvicorn makes a new list each second, with a new Date
            self._own = own
            self._own_lines = b"".join([name + b": " + value + b"\r\n" for name, value in own])
        self.outbox.put(self.transport, answer.first_line + self._own_lines + answer.rest)

    def _refuse(self, status: int) -> NoReturn:
        """Leave the parser for `data_received`, which refuses with this status."""
        self._refusal = status
        raise Refused(status)

    def _refuse_rest(self, status: int) -> None:
        """Take nothing more from this connection, say why, and let the client read it before hanging up."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        if self._is_answering():
            self.cycle.keep_alive = False  # an earlier request of this connection still gets its answer
            return
        self._write(responses.page(status))
        self.outbox.flush()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _wait(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _is_answering(self) -> bool:
        """Whether an earlier request of this connection is still in the application."""
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]  # at first None
