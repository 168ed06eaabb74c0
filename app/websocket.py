"""GraphQL over WebSocket: the graphql-transport-ws protocol (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md)."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from app import auth, failures, payloads
from app.auth import Authentication
from app.graphql import Graph
from app.origins import Origins
from app.sse import first_of
from domain.access import Viewer
from domain.errors import ApiError, BadRequest, Lagged, LimitExceeded

PROTOCOL: Final = "graphql-transport-ws"
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one socket may do.

    Args:
        init_seconds: how long a client may wait with connection_init.
        send_seconds: how long a message may wait for a client that does not read; then it is given up.
        operations: operations at once on a socket.
        sockets_per_key: sockets of one key in this process.
        messages: messages that may come at once; `messages_per_second` more come back each second.
    """

    init_seconds: float = 5.0
    send_seconds: float = 10.0
    operations: int = 20
    sockets_per_key: int = 100
    messages: int = 200
    messages_per_second: float = 50.0


@dataclass(slots=True)
class Counts:
    """What the metrics export: open sockets, and those closed because their client broke a limit."""

    open: int = field(default=0, metadata={"gauge": True})
    refused: int = 0


class Closed(Exception):  # noqa: N818 - how a socket ends, also a good end
    """The socket is to be closed, with a code of the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class WebSockets:
    """Serves sockets: query, mutation and subscription, with the rights, prices and limits of HTTP.

    Args:
        graph: runs operations.
        authentication: turns keys into viewers.
        origins: pages that may connect.
        draining: set when the process is to end; sockets are told 1012 and reconnect elsewhere.
        request_ids: makes the id of each operation.
        limits: what one socket may do.
    """

    def __init__(
        self,
        graph: Graph,
        authentication: Authentication,
        origins: Origins,
        draining: asyncio.Event,
        *,
        request_ids: Callable[[], str],
        limits: Limits | None = None,
    ) -> None:
        self.graph = graph
        self.authentication = authentication
        self.draining = draining
        self.request_ids = request_ids
        self.limits = limits or Limits()
        self.counts = Counts()
        self.per_key: Counter[str] = Counter()
        self._origins = origins

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        headers = dict(scope["headers"])
        try:
            if not self._origins.admits(headers):
                raise BadRequest("Pages of this origin may not connect.")
            auth.check_query_string(scope["query_string"])
            key = auth.header_key(scope["headers"])
        except ApiError:
            self.counts.refused += 1
            await send(
                {"type": "websocket.close"}
            )  # before it is accepted: the handshake is answered with 403
            return
        speaks = PROTOCOL in scope["subprotocols"]
        accepted = [(b"x-request-id", self.request_ids().encode())]
        await send(
            {"type": "websocket.accept", "subprotocol": PROTOCOL if speaks else None, "headers": accepted}
        )
        if not speaks:
            await send({"type": "websocket.close", "code": 4406, "reason": "Subprotocol not acceptable"})
            return
        self.counts.open += 1
        try:
            await _Socket(self, receive, send, key).run()
        finally:
            self.counts.open -= 1


class _Socket:
    """One connection, from connection_init to its end."""

    def __init__(self, sockets: WebSockets, receive: Any, send: Any, key: str | None) -> None:
        self._sockets = sockets
        self._limits = sockets.limits
        self._receive = receive
        self._channel = send
        self._key = key
        self._viewer: Viewer | None = None
        self._init_received = False
        self._acknowledged = asyncio.Event()
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._one = asyncio.Lock()
        self._messages = float(self._limits.messages)
        self._at = time.monotonic()

    async def run(self) -> None:
        end: Closed | None = None
        try:
            await first_of(self._read(), self._watch_key(), self._until_drained(), self._broken)
        except Closed as closed:
            end = closed
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._viewer is not None:
                self._sockets.per_key[self._viewer.key_id] -= 1
                self._sockets.per_key += Counter()  # forgets the keys without sockets
        if end is not None:
            await self._close(end)

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            self._count_message()
            text = message.get("text")
            if text is None:
                raise Closed(4400, "Messages are text")
            try:
                await self._handle(payloads.decode(text))
            except BadRequest as error:
                raise Closed(4400, error.message) from error

    def _count_message(self) -> None:
        now = time.monotonic()
        restored = (now - self._at) * self._limits.messages_per_second
        self._messages = min(self._limits.messages, self._messages + restored) - 1
        self._at = now
        if self._messages < 0:
            self._sockets.counts.refused += 1
            raise Closed(1008, "Too many messages")

    async def _handle(self, message: Any) -> None:
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "connection_init":
            await self._init(message.get("payload"))
        elif kind == "ping":
            await self._send({"type": "pong"})
        elif kind == "subscribe":
            await self._subscribe(message)
        elif kind == "complete":
            self._complete(message.get("id"))
        elif kind != "pong":
            raise Closed(4400, "Unknown message: send connection_init, ping, pong, subscribe or complete")

    async def _init(self, payload: Any) -> None:
        if self._init_received:
            raise Closed(4429, "Too many initialisation requests")
        self._init_received = True
        try:
            self._key = auth.payload_key(payload) or self._key
            if self._key is None:
                raise Closed(
                    4401, 'Unauthorized: send {"authorization": "Bearer <API key>"} in connection_init'
                )
            viewer = await self._sockets.authentication.viewer(self._key)
        except ApiError as error:
            raise Closed(4401 if error.code == "UNAUTHENTICATED" else 1013, error.message) from error
        if self._sockets.per_key[viewer.key_id] >= self._limits.sockets_per_key:
            self._sockets.counts.refused += 1
            raise Closed(1013, f"LIMIT_EXCEEDED: {self._limits.sockets_per_key} sockets of this key are open")
        self._sockets.per_key[viewer.key_id] += 1
        self._viewer = viewer
        self._acknowledged.set()
        await self._send({"type": "connection_ack"})

    async def _subscribe(self, message: dict[str, Any]) -> None:
        if self._viewer is None:
            raise Closed(4401, "Unauthorized")
        name = message.get("id")
        if not isinstance(name, str) or not 0 < len(name) <= 256:
            raise Closed(4400, "A subscribe message needs an id of 1 to 256 characters")
        if name in self._operations:
            raise Closed(4409, f"Subscriber for {name} already exists")
        call = payloads.call_of(message.get("payload"))
        if len(self._operations) >= self._limits.operations:
            full = LimitExceeded(f"A socket carries {self._limits.operations} operations at once.")
            await self._refuse(name, full, self._sockets.request_ids())
            return
        task = asyncio.create_task(self._operate(name, call, self._viewer))
        self._operations[name] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _complete(self, name: Any) -> None:
        if not isinstance(name, str):
            raise Closed(4400, "A complete message needs an id")
        task = self._operations.pop(name, None)
        if task is not None:
            task.cancel()

    async def _operate(self, name: str, call: payloads.Call, viewer: Viewer) -> None:
        request_id = self._sockets.request_ids()
        try:
            await self._run(name, call, viewer, request_id)
        except Closed as end:
            self._break(end)
        except Lagged as lagged:
            self._break(Closed(4008, lagged.message))
        except OSError:
            return  # the client is gone; the reader is told so too
        except Exception as error:  # noqa: BLE001 - the rim: what was raised is told to the client, masked where unknown
            self._operations.pop(name, None)
            with contextlib.suppress(Closed, OSError):  # then there is nobody left to tell
                await self._refuse(name, error, request_id)

    def _break(self, end: Closed) -> None:
        if not self._broken.done():
            self._broken.set_exception(end)

    async def _run(self, name: str, call: payloads.Call, viewer: Viewer, request_id: str) -> None:
        graph = self._sockets.graph
        started = await graph.start(call, viewer, request_id)
        if started.is_subscription:
            async with aclosing(graph.events(started)) as events:
                async for event in events:
                    await self._send({"id": name, "type": "next", "payload": event})
        else:
            answer = await graph.answer(started)
            await self._send({"id": name, "type": "next", "payload": answer})
        self._operations.pop(name, None)
        await self._send({"id": name, "type": "complete"})

    async def _refuse(self, name: str, error: Exception, request_id: str) -> None:
        await self._send({"id": name, "type": "error", "payload": failures.thrown(error, request_id)})

    async def _watch_key(self) -> None:
        try:
            async with asyncio.timeout(self._limits.init_seconds):
                await self._acknowledged.wait()
        except TimeoutError as error:
            raise Closed(4408, "Connection initialisation timeout") from error
        try:
            await self._sockets.authentication.until_revoked(self._key)
        except ApiError as error:
            raise Closed(4401, error.message) from error

    async def _until_drained(self) -> None:
        await self._sockets.draining.wait()
        raise Closed(1012, "Service restart")

    async def _send(self, message: dict[str, Any]) -> None:
        text = _encode(message).decode()
        try:
            async with asyncio.timeout(self._limits.send_seconds), self._one:
                await self._channel({"type": "websocket.send", "text": text})
        except TimeoutError as error:
            raise Closed(4008, "The client does not read") from error

    async def _close(self, end: Closed) -> None:
        reason = end.reason.encode()[:120].decode(
            errors="ignore"
        )  # a close frame holds 123 bytes (RFC 6455, 5.5)
        with contextlib.suppress(
            TimeoutError, OSError
        ):  # the client is gone or does not read: the connection just ends
            async with asyncio.timeout(1):
                await self._channel({"type": "websocket.close", "code": end.code, "reason": reason})
