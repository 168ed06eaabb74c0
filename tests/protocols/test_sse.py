"""Server-sent events: framing, keep-alives, and that a leaving client leaves nothing behind."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from app.graphql.payloads import Call
from app.graphql.sse import STREAMS_PER_KEY
from domain.errors import Unauthenticated
from tests.protocols import example
from tests.protocols.conftest import Served, serving_api

STREAM = {"accept": "text/event-stream"}


@asynccontextmanager
async def raw_stream(
    served: Served, document: str
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A stream as it comes over the wire, after its head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    body = msgspec.json.encode({"query": document})
    writer.write(
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\nAccept: text/event-stream\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    try:
        async with asyncio.timeout(30):
            head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        yield reader, writer
    finally:
        writer.close()


async def test_frames(served: Served) -> None:
    """Events end with LF only, the last one is `complete`."""
    response = await served.post("subscription { count(to: 2) }", headers=STREAM)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.content == (
        b':\n\nevent: next\ndata: {"data":{"count":0}}\n\nevent: next\ndata: {"data":{"count":1}}\n\n'
        b"event: complete\ndata:\n\n"
    )


async def test_by_get(served: Served) -> None:
    async with served.client() as client:
        response = await client.get(
            served.url, params={"query": "subscription { count(to: 1) }"}, headers=STREAM
        )
    assert b'data: {"data":{"count":0}}' in response.content


async def test_queries_and_mutations_for_who_reads_nothing_else(settings: Any) -> None:
    async with serving_api(settings) as served:
        asked = await served.post("{ hello }", headers=STREAM)
        changed = await served.post("mutation { bump }", headers=STREAM)
        assert b'event: next\ndata: {"data":{"hello":"Hello, world"},"extensions":{"cost":' in asked.content
        assert b'data: {"data":{"bump":1}' in changed.content
        assert changed.content.endswith(b"event: complete\ndata:\n\n")


async def test_refusals(served: Served) -> None:
    """What is wrong with the document is told in the stream, who may not call by status."""
    invalid = await served.post("subscription { nothing }", headers=STREAM)
    assert invalid.status_code == 200
    assert b"GRAPHQL_VALIDATION_FAILED" in invalid.content
    assert invalid.content.endswith(b"event: complete\ndata:\n\n")
    assert (await served.post("subscription { forever }", key="wrong", headers=STREAM)).status_code == 401


async def test_masked_errors(served: Served) -> None:
    """GQ-11: an exception in the middle of a stream."""
    response = await served.post("subscription { breaks }", headers=STREAM)
    assert b'{"data":{"breaks":1}}' in response.content
    assert b"INTERNAL" in response.content
    assert example.SECRET.encode() not in response.content


async def test_more_streams_than_a_key_may_have(settings: Any) -> None:
    """RT-06: the same limit as for sockets; a stream that ends makes room."""
    assert STREAMS_PER_KEY == 100
    async with serving_api(settings) as served:
        served.api.streams._streams_per_key = 1
        async with raw_stream(served, "subscription { forever }") as (reader, _), asyncio.timeout(30):
            await reader.readuntil(b"event: next")
            refused = await served.post("subscription { forever }", headers=STREAM)
            assert refused.json()["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
            other = await served.post("subscription { count(to: 1) }", key="admin-other", headers=STREAM)
            assert other.status_code == 200
        async with asyncio.timeout(30):
            await served.happened.all_closed.wait()
            while served.api.streams.per_key:
                await asyncio.sleep(0.01)  # the handler ends a moment after its stream
        assert (await served.post("subscription { count(to: 1) }", headers=STREAM)).status_code == 200


async def test_pings(settings: Any) -> None:
    async with serving_api(settings) as served:
        served.api.streams._ping_seconds = 0.05
        async with raw_stream(served, "subscription { forever }") as (reader, _), asyncio.timeout(30):
            await reader.readuntil(b": ping\n\n")
            assert served.happened.closed == 0


@pytest.mark.parametrize("document", ["subscription { forever }", "subscription { flood(size: 100) }"])
async def test_a_leaving_client_closes_its_stream_at_once(settings: Any, document: str) -> None:
    """Whether the stream is quiet or busy."""
    async with serving_api(settings) as served:
        async with raw_stream(served, document) as (reader, _), asyncio.timeout(30):
            await reader.readuntil(b"event: next")
        async with asyncio.timeout(30):
            await served.happened.all_closed.wait()
        assert served.happened.closed == 1


async def test_a_client_that_never_reads(settings: Any) -> None:
    async with serving_api(settings) as served:
        served.api.streams._send_seconds = 0.3
        async with raw_stream(served, "subscription { flood(size: 100000) }") as (_, writer):
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport can
            async with asyncio.timeout(30):
                await served.happened.all_closed.wait()
        assert served.happened.closed == 1


async def test_a_client_that_never_reads_and_has_lost_its_key(served: Served) -> None:
    """It cannot be told, and that is nobody's error."""
    streams, happened = served.api.streams, asyncio.Event()
    streams._send_seconds = 0.05
    viewer = await example.lookup("reader")
    started = await streams._graph.start(Call("subscription { forever }", {}, None, {}), viewer, "req_1")

    async def send(message: dict[str, Any]) -> None:
        if b"event: next" in message.get("body", b""):
            happened.set()
            await asyncio.Event().wait()

    async def revoked() -> None:
        await happened.wait()
        raise Unauthenticated("The key is revoked.")

    async with asyncio.timeout(30):
        await streams.send(started, revoked, asyncio.Event().wait, send)
    assert (streams.counts.open, streams.per_key) == (0, {})


async def test_draining(settings: Any) -> None:
    """RT-15: open streams end but are not `complete`: who is told so would not come back for the rest."""
    async with serving_api(settings) as served:
        async with raw_stream(served, "subscription { forever }") as (reader, _), asyncio.timeout(30):
            await reader.readuntil(b"event: next")
            served.api.draining.set()
            rest = await reader.readuntil(b"\r\n0\r\n\r\n")
        assert b": service restart" in rest
        assert b"complete" not in rest
        assert served.happened.closed == 1


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl(served: Served) -> None:
    """`curl -N` is all one needs to watch."""
    process = await asyncio.create_subprocess_exec(
        *("curl", "-sN", served.url, "-H", "authorization: Bearer admin", "-H", "accept: text/event-stream"),
        *("-H", "content-type: application/json", "-d", '{"query": "subscription { forever }"}'),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        await process.stdout.readuntil(b'data: {"data":{"forever":0}}\n\n')
    process.kill()
    assert await process.wait() != 0
