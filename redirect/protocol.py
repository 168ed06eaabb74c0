"""The redirect's HTTP/1.1 protocol: a known link is answered as soon as its headers are in.

uvicorn's protocol builds a scope and a task for each request; most visits need neither. What is plain here (a
GET by HTTP/1.1 for a link that the table believes, without query, body or anything odd) is looked up,
decided, recorded and answered by the same functions as in redirect/app.py, without waiting for anything.
Everything else goes uvicorn's way into the ASGI application. Heads that are too large are refused while they
come in.
"""

import asyncio
from typing import Any, Final, NoReturn

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from redirect import requests, responses
from redirect.app import Redirect
from redirect.responses import Refused

HEAD_BYTES: Final = requests.TARGET_BYTES + requests.HEADERS_BYTES
LINGER_SECONDS: Final = 1.0
"""How long a refused client may go on sending before the connection is cut, so that it gets to read why."""
_ODD: Final = frozenset((b"content-length", b"transfer-encoding", b"expect", b"upgrade"))


def speaking_for(redirect: Redirect) -> type[asyncio.Protocol]:
    """The protocol class for uvicorn's `http` option that answers for `redirect`."""

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

    return Bound


class RedirectProtocol(HttpToolsProtocol):
    """One connection; see the module."""

    redirect: Redirect

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
        self._answered = False

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and refuse a head that does not end: the parser would keep all of it."""
        if self._refused:
            return
        super().data_received(data)
        if not self._in_head:
            self._head_bytes = 0
        elif not self._refused:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refusal = 431 if self.headers else 414
                self.send_400_response("")

    def on_message_begin(self) -> None:
        """A request begins. Its scope is made when it turns out to need one."""
        self._in_head = True
        self._answered = False
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_url(self, url: bytes) -> None:
        """Collect the target; one that is too long ends the connection here."""
        self.url += url
        if len(self.url) > requests.TARGET_BYTES:
            self._refuse(414)

    def on_headers_complete(self) -> None:
        """The head is whole: answer at once where that is possible, otherwise go uvicorn's way."""
        self._in_head = False
        if self._answers_at_once():
            return
        try:
            requests.judge_size(len(self.url), self.headers)
        except Refused as refused:
            self._refuse(refused.status)
        if not self.url.startswith(b"/"):
            self._refuse(400)  # absolute-form and others: this is no proxy, and uvicorn would drop the host
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Part of a body; what was answered at once has none."""
        if not self._answered:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of a request; one that was answered at once is over already."""
        if not self._answered:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature; ours says it on a page
        """Refuse what is no request with the page that fits, and let the client read it before hanging up."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        if self._is_answering():
            self.cycle.keep_alive = False  # an earlier request of this connection still gets its answer
            return
        self._write(responses.page(self._refusal))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _refuse(self, status: int) -> NoReturn:
        """Leave the parser, which reports back through `send_400_response`."""
        self._refusal = status
        raise Refused(status)

    def _answers_at_once(self) -> bool:
        """Look up, decide, record, answer, if neither request nor connection is out of the ordinary."""
        if (
            self._is_answering()
            or self.flow.write_paused
            or self.parser.get_method() != b"GET"
            or self.parser.get_http_version() != "1.1"
        ):
            return False
        headers = dict(self.headers)
        host = headers.get(b"host")
        if host is None or len(headers) != len(self.headers):
            return False
        entry = self.redirect.routes.at_once(host + self.url)
        if entry is None or entry.answer is None or self._is_odd(headers):
            return False
        client = self.client
        visit = self.redirect.reader.read(headers, client[0] if client else "", entry.route.workspace_id)
        self._write(self.redirect.settle(entry, visit))
        self._answered = True
        self.server_state.total_requests += 1
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )
        return True

    def _is_answering(self) -> bool:
        """Whether an earlier request of this connection is still in the application."""
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]  # at first None

    def _is_odd(self, headers: dict[bytes, bytes]) -> bool:
        """Whether a body, an upgrade, an expectation or the connection's end is announced."""
        if len(headers) > requests.HEADERS or not _ODD.isdisjoint(headers):
            return True
        connection = headers.get(b"connection")
        return connection is not None and connection.lower() != b"keep-alive"

    def _write(self, answer: responses.Answer) -> None:
        """Write an answer with the server's own headers (Date) behind its status line."""
        wire, split = answer.wire, answer.split
        own = b"".join([name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers])
        self.transport.write(wire[:split] + own + wire[split:])
