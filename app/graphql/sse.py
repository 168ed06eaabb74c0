"""Server-sent events, one operation for each connection (graphql-sse protocol, distinct connections mode)."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from app.graphql import answers, failures
from app.graphql.failures import Refusal
from app.graphql.operations import Graph, Started
from app.tasks import first_of
from domain.errors import ApiError, LimitExceeded

PING_SECONDS: Final = 12.0
STREAMS_PER_KEY: Final = 100
SEND_SECONDS: Final = 10.0
"""How long a frame may wait for a client that does not read; then its stream is given up."""

_COMPLETE: Final = b"event: complete\ndata:\n\n"
_RESTARTS: Final = b": service restart, connect again\n\n"
_encode = msgspec.json.Encoder().encode


class Stalled(Exception):
    """A frame waited longer than SEND_SECONDS for a client that does not read."""


@dataclass(slots=True)
class Counts:
    """What the metrics export: streams that are open."""

    open: int = field(default=0, metadata={"gauge": True})


class Streams:
    """Sends event streams until they end, the client leaves, or the process drains.

    Args:
        graph: runs operations.
        draining: set when the process is to end.
        ping_seconds: how often a quiet stream shows that it lives.
        send_seconds: see SEND_SECONDS.
        streams_per_key: streams of one key in this process.
    """

    def __init__(
        self,
        graph: Graph,
        draining: asyncio.Event,
        *,
        ping_seconds: float = PING_SECONDS,
        send_seconds: float = SEND_SECONDS,
        streams_per_key: int = STREAMS_PER_KEY,
    ) -> None:
        self._graph = graph
        self._draining = draining
        self._ping_seconds = ping_seconds
        self._send_seconds = send_seconds
        self._streams_per_key = streams_per_key
        self.counts = Counts()
        self.per_key: Counter[str] = Counter()

    async def send(
        self, started: Started, revoked: Callable[[], Awaitable[None]], receive: Any, send: Any
    ) -> None:
        """Answer an operation as an event stream; whatever it reads from is closed on the way out.

        Args:
            started: the operation.
            revoked: raises when the key that it runs for is no longer good.
            receive: the ASGI channel; tells when the client leaves.
            send: the other one.

        Raises:
            LimitExceeded: its key has as many streams open in this process as it may; nothing is sent yet.
        """
        viewer = started.bill.viewer
        name = "" if viewer is None else viewer.key_id
        if self.per_key[name] >= self._streams_per_key:
            raise LimitExceeded(f"A key may have {self._streams_per_key} streams open; close some of them.")
        wire = _Wire(send, self._send_seconds)
        self.counts.open += 1
        self.per_key[name] += 1
        try:
            await self._serve(started, wire, revoked, receive)
        except Stalled:
            return  # there is no way to tell it anything; its connection ends with this call
        finally:
            self.counts.open -= 1
            self.per_key[name] -= 1
            if not self.per_key[name]:
                del self.per_key[name]

    async def refuse(self, refusal: Refusal, request_id: str, send: Any) -> None:
        """Answer a call that cannot run to a client that reads only event streams."""
        wire = _Wire(send, self._send_seconds)
        await wire.start(request_id)
        await wire.write(_next(answers.encode_refusal(refusal)))
        await wire.end(_COMPLETE)

    async def _serve(
        self, started: Started, wire: "_Wire", revoked: Callable[[], Awaitable[None]], receive: Any
    ) -> None:
        await wire.start(started.request_id)
        pump = asyncio.ensure_future(self._pump(started, wire))
        try:
            await first_of(pump, self._ping(wire), revoked(), _left(receive), self._draining.wait())
        except ApiError as error:
            await wire.write(_next(answers.encode_refusal(failures.refusal(error, started.request_id))))
            await wire.end(_COMPLETE)
            return
        # A stream that is cut off is not complete: who is told that it is does not come back for the rest.
        await wire.end(_RESTARTS if pump.cancelled() else _COMPLETE)

    async def _pump(self, started: Started, wire: "_Wire") -> None:
        try:
            async with aclosing(self._answers(started)) as answered:
                async for answer in answered:
                    await wire.write(_next(answer))
        except Stalled:
            raise
        except Exception as error:  # noqa: BLE001 - the rim: what broke the stream is told in it, masked where unknown
            errors = failures.thrown(error, started.request_id)
            await wire.write(_next(_encode({"errors": errors})))

    async def _answers(self, started: Started) -> AsyncGenerator[bytes, None]:
        if not started.is_subscription:
            yield _encode(await self._graph.answer(started))
            return
        async with aclosing(self._graph.events(started)) as events:
            async for event in events:
                yield event

    async def _ping(self, wire: "_Wire") -> None:
        while True:
            await asyncio.sleep(self._ping_seconds)
            await wire.write(b": ping\n\n")


class _Wire:
    """The sending side of one stream: one frame at a time, each within a time limit."""

    def __init__(self, send: Any, seconds: float) -> None:
        self._send = send
        self._seconds = seconds
        self._one = asyncio.Lock()

    async def start(self, request_id: str) -> None:
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
            (b"x-request-id", request_id.encode()),
        ]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self.write(b":\n\n")  # so that the client knows at once that it is connected

    async def write(self, frame: bytes) -> None:
        await self._within({"type": "http.response.body", "body": frame, "more_body": True})

    async def end(self, last: bytes) -> None:
        await self._within({"type": "http.response.body", "body": last, "more_body": False})

    async def _within(self, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(self._seconds), self._one:
                await self._send(message)
        except TimeoutError as error:
            raise Stalled from error


def _next(payload: bytes) -> bytes:
    return b"event: next\ndata: " + payload + b"\n\n"


async def _left(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
