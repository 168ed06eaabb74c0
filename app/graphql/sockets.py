"""One WebSocket of graphql-transport-ws: its messages, its operations and its end."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import msgspec

from app.graphql import auth, failures, payloads
from app.graphql.auth import Authentication
from app.graphql.operations import Graph
from app.graphql.wires import Closed, Gone, Wire
from app.tasks import end, first_of
from domain.access import Viewer
from domain.errors import ApiError, BadRequest, Lagged, LimitExceeded

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


@dataclass(frozen=True, slots=True)
class Shared:
    """What all sockets of a process share.

    Args:
        graph: runs operations.
        authentication: turns keys into viewers.
        draining: set when the process is to end.
        request_ids: makes the id of each operation.
        limits: what one socket may do.
        counts: for the metrics.
        per_key: how many sockets each key has open here.
    """

    graph: Graph
    authentication: Authentication
    draining: asyncio.Event
    request_ids: Callable[[], str]
    limits: Limits
    counts: Counts = field(default_factory=Counts)
    per_key: Counter[str] = field(default_factory=Counter)


class Socket:
    """One connection, from its acceptance to its end.

    Args:
        shared: what all sockets of this process share.
        receive: the ASGI channel of the connection.
        wire: sends to it.
        key: the key in the handshake's header, or None.
    """

    def __init__(self, shared: Shared, receive: Any, wire: Wire, key: str | None) -> None:
        self._shared = shared
        self._limits = shared.limits
        self._receive = receive
        self._wire = wire
        self._key = key
        self._viewer: Viewer | None = None
        self._init_received = False
        self._acknowledged: asyncio.Future[Viewer] = asyncio.get_running_loop().create_future()
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._messages = float(self._limits.messages)
        self._at = time.monotonic()

    async def run(self) -> None:
        """Serve until the client leaves or breaks a rule, or the process drains; streams end first."""
        why: Closed | None = None
        try:
            await first_of(self._read(), self._watch_key(), self._until_drained(), self._broken)
        except Closed as closed:
            why = closed
        except Gone:
            return
        except Exception as error:  # noqa: BLE001 - the rim: what nobody expected is logged and masked
            request_id = self._shared.request_ids()
            failures.thrown(error, request_id)
            why = Closed(1011, f"INTERNAL: quote {request_id} when you ask about it")
        finally:
            await end(self._tasks)
            if self._viewer is not None:
                self._forget(self._viewer)
        if why is not None:
            await self._wire.close(why)

    def _forget(self, viewer: Viewer) -> None:
        self._shared.per_key[viewer.key_id] -= 1
        if not self._shared.per_key[viewer.key_id]:
            del self._shared.per_key[viewer.key_id]

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
            self._shared.counts.refused += 1
            raise Closed(1008, "Too many messages")

    async def _handle(self, message: Any) -> None:
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "connection_init":
            await self._init(message.get("payload"))
        elif kind == "ping":
            await self._wire.say({"type": "pong"})
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
            viewer = await self._shared.authentication.viewer(self._key)
        except ApiError as error:
            raise Closed(4401 if error.code == "UNAUTHENTICATED" else 1013, error.message) from error
        if self._shared.per_key[viewer.key_id] >= self._limits.sockets_per_key:
            self._shared.counts.refused += 1
            raise Closed(1013, f"LIMIT_EXCEEDED: {self._limits.sockets_per_key} sockets of this key are open")
        self._shared.per_key[viewer.key_id] += 1
        self._viewer = viewer
        self._acknowledged.set_result(viewer)
        await self._wire.say({"type": "connection_ack"})

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
            await self._refuse(name, full, self._shared.request_ids())
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
        request_id = self._shared.request_ids()
        try:
            await self._run(name, call, viewer, request_id)
        except Closed as closed:
            self._break(closed)
        except Lagged as lagged:
            self._break(Closed(4008, lagged.message))
        except Gone:
            return  # the reader is told so too
        except Exception as error:  # noqa: BLE001 - the rim: what was raised is told to the client, masked where unknown
            with contextlib.suppress(Closed, Gone):  # then there is nobody left to tell
                if self._free(name):
                    await self._refuse(name, error, request_id)

    def _break(self, end: Closed) -> None:
        if not self._broken.done():
            self._broken.set_exception(end)

    async def _run(self, name: str, call: payloads.Call, viewer: Viewer, request_id: str) -> None:
        graph = self._shared.graph
        started = await graph.start(call, viewer, request_id)
        if started.is_subscription:
            async with aclosing(graph.events(started, self._wire.pushing(name))) as events:
                async for event in events:
                    await self._wire.next(name, event)
        else:
            answer = await graph.answer(started)
            await self._wire.next(name, _encode(answer))
        if self._free(name):
            await self._wire.say({"id": name, "type": "complete"})

    def _free(self, name: str) -> bool:
        """Let the id of an operation that ends be used again; false: its client has completed it already,
        and what has the id now is another one.
        """
        if self._operations.get(name) is not asyncio.current_task():
            return False
        del self._operations[name]
        return True

    async def _refuse(self, name: str, error: Exception, request_id: str) -> None:
        await self._wire.say({"id": name, "type": "error", "payload": failures.thrown(error, request_id)})

    async def _watch_key(self) -> None:
        try:
            async with asyncio.timeout(self._limits.init_seconds):
                viewer = await asyncio.shield(self._acknowledged)
        except TimeoutError as error:
            raise Closed(4408, "Connection initialisation timeout") from error
        try:
            await self._shared.authentication.until_revoked(self._key, viewer.scopes)
        except ApiError as error:
            raise Closed(4403 if error.code == "FORBIDDEN" else 4401, error.message) from error

    async def _until_drained(self) -> None:
        await self._shared.draining.wait()
        raise Closed(1012, "Service restart")
