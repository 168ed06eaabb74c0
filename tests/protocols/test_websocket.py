"""graphql-transport-ws: its rules, its limits, and that nothing outlives a socket."""

import asyncio
import contextlib
import json
import socket as sockets
from typing import Any

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.graphql.sockets import Limits, Socket
from domain.errors import Unavailable
from storage.budgets import Taken
from tests.protocols import example
from tests.protocols.conftest import Served, closing, hear, say, serving_api

INIT = {"type": "connection_init", "payload": {"authorization": "Bearer admin"}}


def subscribe(name: str, query: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "type": "subscribe", "payload": {"query": query, **more}}


async def test_query_mutation_and_subscription(settings: Any) -> None:
    async with serving_api(settings) as served, served.connected() as socket:
        await say(socket, subscribe("q", "query ($n: String!) { hello(name: $n) }", variables={"n": "you"}))
        answer = await hear(socket)
        assert answer["payload"]["data"] == {"hello": "Hello, you"}
        assert answer["payload"]["extensions"]["cost"]["requested"] == 1
        assert await hear(socket) == {"id": "q", "type": "complete"}
        await say(socket, subscribe("m", "mutation { bump }", extensions={"some": "value"}))
        assert (await hear(socket))["payload"]["data"] == {"bump": 1}
        assert (await hear(socket))["type"] == "complete"
        await say(socket, subscribe("s", "subscription { count(to: 2) }"))
        assert await hear(socket) == {"id": "s", "type": "next", "payload": {"data": {"count": 0}}}
        assert await hear(socket) == {"id": "s", "type": "next", "payload": {"data": {"count": 1}}}
        assert await hear(socket) == {"id": "s", "type": "complete"}


async def test_the_handshakes_header_is_a_key_too(served: Served) -> None:
    async with served.socket(additional_headers={"authorization": "Bearer admin"}) as socket:
        await say(socket, {"type": "connection_init"})
        assert await hear(socket) == {"type": "connection_ack"}
        assert socket.response is not None
        assert len(socket.response.headers["x-request-id"]) == 24


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([subscribe("1", "{ hello }")], 4401),
        ([{"type": "connection_init"}], 4401),
        ([{"type": "connection_init", "payload": {"authorization": "Bearer wrong"}}], 4401),
        ([{"type": "connection_init", "payload": {"Authorization": "admin"}}], 4401),
        ([INIT, INIT], 4429),
        ([INIT, subscribe("1", "subscription { forever }"), subscribe("1", "{ hello }")], 4409),
        ([INIT, {"type": "start"}], 4400),
        ([INIT, {}], 4400),
        ([INIT, []], 4400),
        ([INIT, "x"], 4400),
        ([INIT, {"id": "1", "type": "subscribe"}], 4400),
        ([INIT, {"id": 1, "type": "subscribe", "payload": {"query": "{ hello }"}}], 4400),
        ([INIT, {"id": "1", "type": "subscribe", "payload": {"query": 5}}], 4400),
        ([INIT, {"type": "complete"}], 4400),
    ],
)
async def test_what_breaks_the_protocol(served: Served, messages: list[Any], code: int) -> None:
    """RT-01: 4401, 4429, 4409 and 4400, each with a reason."""
    async with served.socket() as socket:
        for message in messages:
            await say(socket, message)
        assert await _close_code(socket) == code
        assert socket.close_reason


async def _close_code(socket: Any) -> int | None:
    """The close code, whatever messages come before it."""
    async with asyncio.timeout(30):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.recv()
    code: int | None = socket.close_code
    return code


async def test_no_connection_init(settings: Any) -> None:
    """RT-01: 4408 when the time is over, at most five seconds by default."""
    assert Limits().init_seconds == 5
    limits = Limits(init_seconds=0.1)
    async with serving_api(settings, socket_limits=limits) as served, served.socket() as socket:
        assert await closing(socket) == (4408, "Connection initialisation timeout")


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1:1",
        "ftp://127.0.0.1",
        "x[",
    ],
)
async def test_foreign_pages_may_not_connect(served: Served, origin: str) -> None:
    """RT-02: 403 on the handshake."""
    with pytest.raises(InvalidStatus) as raised:
        async with served.socket(additional_headers={"origin": origin}):
            pass
    assert raised.value.response.status_code == 403
    assert len(raised.value.response.headers["x-request-id"]) == 24
    assert raised.value.response.body == b"Pages of this origin may not connect.\n"


async def test_own_and_named_pages_may_connect(settings: Any) -> None:
    opened = msgspec.structs.replace(settings, allowed_origins="https://app.example")
    async with serving_api(opened) as served:
        for origin in ("https://app.example", f"http://127.0.0.1:{served.port}"):
            async with served.connected(additional_headers={"origin": origin}) as socket:
                await say(socket, {"type": "ping"})
                assert await hear(socket) == {"type": "pong"}


async def test_keys_in_the_handshakes_url_are_refused(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """AU-01: over WebSocket too."""
    from websockets.asyncio.client import connect

    url = f"ws://127.0.0.1:{served.port}/graphql?access_token=lg_live_topsecret"
    with pytest.raises(InvalidStatus):
        async with connect(url, subprotocols=["graphql-transport-ws"]):  # type: ignore[list-item]  # a plain string is a Subprotocol
            pass
    records = [
        record for record in caplog.records if not record.name.startswith(("websockets.client", "uvicorn"))
    ]
    assert "topsecret" not in " ".join(record.getMessage() for record in records)


@pytest.mark.parametrize("offered", [["graphql-ws"], None, ["graphql-ws", "other"]])
async def test_other_subprotocols(served: Served, offered: list[str] | None) -> None:
    """RT-03: the legacy protocol and none at all: 4406."""
    async with served.socket(subprotocols=offered) as socket:
        assert await closing(socket) == (4406, "Subprotocol not acceptable")


async def test_the_new_protocol_is_chosen_among_several(served: Served) -> None:
    async with served.socket(subprotocols=["graphql-ws", "graphql-transport-ws"]) as socket:
        assert socket.subprotocol == "graphql-transport-ws"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x00\x01", 4400),
        ("x" * 66_000, 1009),
        ("{", 4400),
        ("[" * 60_000, 4400),
        ('{"type":"ping","type":"x"}', 4400),
    ],
)
async def test_frames_that_are_no_messages(served: Served, frame: bytes | str, code: int) -> None:
    """RT-05: binary, too large, no JSON."""
    async with served.connected() as socket:
        await socket.send(frame)
        assert await _close_code(socket) == code


async def test_text_frames_that_are_no_text(served: Served) -> None:
    """RT-05: invalid UTF-8: 1007."""
    async with served.connected() as socket:
        await socket.send(b"\xff\xfe", text=True)
        assert await _close_code(socket) == 1007


async def test_compression_is_not_negotiated(served: Served) -> None:
    """RT-05: so no bomb can unfold."""
    from websockets.asyncio.client import connect

    url = f"ws://127.0.0.1:{served.port}/graphql"
    async with connect(url, subprotocols=["graphql-transport-ws"], compression="deflate") as socket:  # type: ignore[list-item]  # as above
        assert socket.response is not None
        assert "sec-websocket-extensions" not in socket.response.headers


async def test_more_operations_than_a_socket_carries(served: Served) -> None:
    """RT-06: the 21st gets an error, the others go on; after one ends there is room again."""
    async with served.connected() as socket:
        for number in range(20):
            await say(socket, subscribe(str(number), "subscription { forever }"))
            assert (await hear(socket))["type"] == "next"
        await say(socket, subscribe("20", "subscription { forever }"))
        refused = await hear(socket)
        assert (refused["id"], refused["type"]) == ("20", "error")
        assert refused["payload"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
        await say(socket, {"id": "0", "type": "complete"})
        await say(socket, subscribe("0", "subscription { forever }"))
        assert (await hear(socket))["id"] == "0"


async def test_more_sockets_than_a_key_may_open(settings: Any) -> None:
    """RT-06: the next one is refused, others are not harmed, and a closed one makes room."""
    assert Limits().sockets_per_key == 100
    limits = Limits(sockets_per_key=2)
    async with serving_api(settings, socket_limits=limits) as served, served.connected() as first:
        async with served.connected(), served.socket() as third:
            await say(third, INIT)
            code, reason = await closing(third)
            assert (code, reason.split(":")[0]) == (1013, "LIMIT_EXCEEDED")
            async with served.connected("admin-other") as other:
                assert other.close_code is None
        await say(first, {"type": "ping"})
        assert await hear(first) == {"type": "pong"}
        async with asyncio.timeout(30):
            while served.api.websockets.shared.per_key["key_admin"] > 1:
                await asyncio.sleep(0.01)  # the server hears of the closing a moment later
        async with served.connected() as again:
            assert again.close_code is None


async def test_errors_before_execution_are_messages(served: Served) -> None:
    """One syntax error is an `error` message; the socket stays."""
    async with served.connected() as socket:
        for query, code in (
            ("{", "GRAPHQL_VALIDATION_FAILED"),
            ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
            ("query A { hello } query B { hello }", "BAD_REQUEST"),
            ("{ " + "hello " * 600 + "}", "QUERY_TOO_COMPLEX"),
        ):
            await say(socket, subscribe("1", query))
            message = await hear(socket)
            assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", code)
        await say(socket, subscribe("1", "{ hello }"))
        assert (await hear(socket))["type"] == "next"


async def test_masked_errors(served: Served) -> None:
    """GQ-11: in a query and in the middle of a stream."""
    async with served.connected() as socket:
        await say(socket, subscribe("1", "{ broken }"))
        answer = await hear(socket)
        assert answer["payload"]["errors"][0]["extensions"]["code"] == "INTERNAL"
        assert example.SECRET not in json.dumps(answer)
        assert (await hear(socket))["type"] == "complete"
        await say(socket, subscribe("2", "subscription { breaks }"))
        assert (await hear(socket))["payload"] == {"data": {"breaks": 1}}
        broken = await hear(socket)
        assert (broken["type"], broken["payload"][0]["extensions"]["code"]) == ("error", "INTERNAL")
        assert example.SECRET not in json.dumps(broken)


async def test_each_event_has_a_context_of_its_own(settings: Any) -> None:
    async with serving_api(settings) as served, served.connected() as socket:
        await say(socket, subscribe("1", "subscription { contexts { seenContexts } }"))
        seen = [(await hear(socket))["payload"]["data"]["contexts"]["seenContexts"] for _ in range(3)]
        assert seen == [1, 2, 3]


async def test_complete_closes_the_stream_at_once(settings: Any) -> None:
    async with serving_api(settings) as served, served.connected() as socket:
        await say(socket, subscribe("1", "subscription { forever }"))
        await hear(socket)
        await say(socket, {"id": "1", "type": "complete"})
        async with asyncio.timeout(30):
            await served.happened.all_closed.wait()
        await say(socket, subscribe("1", "{ hello }"))
        assert (await hear(socket))["type"] == "next"


@pytest.mark.parametrize("politely", [True, False])
async def test_streams_end_with_their_socket(settings: Any, politely: bool) -> None:
    """A closed or torn connection leaves no generator behind."""
    async with serving_api(settings) as served:
        async with served.connected() as socket:
            for number in range(5):
                await say(socket, subscribe(str(number), "subscription { forever }"))
                await hear(socket)
            if not politely:
                socket.transport.abort()
        async with asyncio.timeout(30):
            await served.happened.all_closed.wait()
        assert (served.happened.opened, served.happened.closed) == (5, 5)
        async with asyncio.timeout(30):
            while served.api.websockets.shared.counts.open:
                await asyncio.sleep(0.01)  # the handler ends a moment after its streams


async def test_a_client_that_never_reads(settings: Any) -> None:
    """RT-10: a time limit around sending frees what it subscribed to; only the socket's buffers fill."""
    limits = Limits(send_seconds=0.3)
    async with serving_api(settings, socket_limits=limits) as served:
        loop = asyncio.get_running_loop()
        raw = sockets.create_connection(("127.0.0.1", served.port))
        raw.setblocking(False)
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        await loop.sock_sendall(
            raw,
            (
                "GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
            ).encode(),
        )
        assert (await loop.sock_recv(raw, 4_096)).startswith(b"HTTP/1.1 101")
        for message in (INIT, subscribe("1", "subscription { flood(size: 100000) }")):
            await loop.sock_sendall(raw, _masked(json.dumps(message)))
        async with asyncio.timeout(30):
            while not served.happened.opened:
                await asyncio.sleep(0.01)  # the server has no event for us here
            await served.happened.all_closed.wait()
        assert served.happened.closed == 1
        raw.close()


def _masked(text: str) -> bytes:
    """A client's text frame with a mask of zeroes (RFC 6455, section 5.2)."""
    body = text.encode()
    length = bytes([0x80 | len(body)]) if len(body) < 126 else b"\xfe" + len(body).to_bytes(2, "big")
    return b"\x81" + length + b"\0\0\0\0" + body


@pytest.mark.parametrize("message", [{"type": "ping"}, {"type": "complete", "id": "x"}, {"type": "pong"}])
async def test_floods_of_messages(
    served: Served, message: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """RT-17: of 10,000 at once only as many are looked at as are allowed; then the socket is closed."""
    handled = 0
    handle = Socket._handle

    async def counted(self: Socket, decoded: Any) -> None:
        nonlocal handled
        handled += 1
        await handle(self, decoded)

    monkeypatch.setattr(Socket, "_handle", counted)
    text = json.dumps(message)
    async with served.connected() as socket:
        with contextlib.suppress(ConnectionClosed):
            for _ in range(10_000):
                await socket.send(text)
        assert await _close_code(socket) == 1008
    assert handled < 500


async def test_what_nobody_expected(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """GQ-11: an exception outside of any operation is masked too: 1011 and an id to ask with."""

    async def fail(_key: str) -> None:
        raise RuntimeError(example.SECRET)

    monkeypatch.setattr(served.api.authentication, "viewer", fail)
    async with served.socket() as socket:
        await say(socket, INIT)
        code, reason = await closing(socket)
    assert code == 1011
    assert reason.startswith("INTERNAL")
    assert example.SECRET not in reason


class DeafBuckets:
    """Drops a cancellation and answers all the same, as redis-py's connecting can on Python 3.11."""

    async def take(self, workspace_id: str, key_id: str, points: float, owed: float) -> Taken:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return Taken(allowed=True, available=points + owed)
        raise AssertionError(f"nobody cancelled {key_id} of {workspace_id}")


@pytest.mark.parametrize("completed", [True, False])
async def test_dropped_cancellations(settings: Any, completed: bool) -> None:
    """Who completed or left before the operation began is not served on, and the socket's handler ends."""
    async with serving_api(settings, buckets=DeafBuckets()) as served:
        async with served.connected() as socket:
            await say(socket, subscribe("1", "subscription { forever }"))
            if completed:
                await say(socket, {"id": "1", "type": "complete"})
            await say(socket, {"type": "ping"})
            assert await hear(socket) == {"type": "pong"}
        async with asyncio.timeout(30):
            while served.api.websockets.shared.counts.open:
                await asyncio.sleep(0.01)  # the handler ends a moment after the connection
        assert served.happened.opened == 0


class FailingBuckets:
    """Fails when it is cancelled, as a driver can whose connection breaks in that moment; then answers."""

    def __init__(self) -> None:
        self.asked = 0

    async def take(self, workspace_id: str, key_id: str, points: float, owed: float) -> Taken:
        self.asked += 1
        if self.asked > 1:
            return Taken(allowed=True, available=points + owed)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise Unavailable(f"no budget of {key_id} in {workspace_id}") from None
        raise AssertionError("nobody cancelled")


async def test_an_id_that_is_used_again_is_its_new_operations(settings: Any) -> None:
    """RT-01: what becomes of the operation that its client completed says nothing of the next with its id."""
    async with serving_api(settings, buckets=FailingBuckets()) as served, served.connected() as socket:
        await say(socket, subscribe("1", "subscription { forever }"))
        await say(socket, {"type": "ping"})
        assert await hear(socket) == {"type": "pong"}
        await say(socket, {"id": "1", "type": "complete"})
        await say(socket, subscribe("1", "subscription { forever }"))
        assert await hear(socket) == {"id": "1", "type": "next", "payload": {"data": {"forever": 0}}}
        await say(socket, subscribe("1", "subscription { forever }"))
        assert (await closing(socket))[0] == 4409


async def test_draining(settings: Any) -> None:
    """RT-15: open sockets are told 1012 and reconnect elsewhere; streams are closed."""
    async with serving_api(settings) as served, served.connected() as socket:
        await say(socket, subscribe("1", "subscription { forever }"))
        await hear(socket)
        served.api.draining.set()
        assert await closing(socket) == (1012, "Service restart")
        assert served.happened.closed == 1


async def test_stuck_operations_are_cancelled(settings: Any) -> None:
    """GQ-16 and RT-18: the time limit holds here too."""
    async with serving_api(settings, execution_seconds=0.2) as served, served.connected() as socket:
        await say(socket, subscribe("1", "{ stuck }"))
        message = await hear(socket)
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "TIMEOUT")
        assert served.happened.cancelled.is_set()
