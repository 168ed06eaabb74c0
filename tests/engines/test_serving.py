"""Serving on given sockets: SIGTERM drains, and there is an end to connections."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app import serving

ROOT = Path(__file__).resolve().parents[2]
SLOW = """
import asyncio, resource, socket, sys
from app import serving

async def application(scope, receive, send):
    if scope["path"] == "/slow":
        print("asked", flush=True)
        await asyncio.sleep(1)
    elif scope["path"] == "/never":
        print("asked", flush=True)
        await asyncio.Event().wait()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"done"})

limit = int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
asyncio.run(serving.serve(application, [socket.socket(fileno=int(sys.argv[1]))], drain_seconds=2))
"""


@contextlib.asynccontextmanager
async def server(files: int = 0) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """A server process with a slow answer, and its port."""
    with serving.listen("127.0.0.1", 0) as listening:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SLOW, str(listening.fileno()), str(files),
            cwd=ROOT, pass_fds=[listening.fileno()],
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        port = listening.getsockname()[1]
    try:
        yield process, port
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ask(port: int, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return reader, writer


async def test_sigterm_finishes_answers_and_closes_idle_connections() -> None:
    """CL-03, RT-15: drained, exit code 0."""
    async with server() as (process, port), asyncio.timeout(30):
        idle, idle_writer = await ask(port, "/")
        assert (await idle.readuntil(b"done")).startswith(b"HTTP/1.1 200")
        slow, slow_writer = await ask(port, "/slow")
        assert process.stdout is not None
        await process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert await idle.read() == b""
        assert (await slow.read()).endswith(b"done")
        assert await process.wait() == 0
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        idle_writer.close()
        slow_writer.close()


async def test_an_answer_that_never_ends_does_not_hold_up_the_end() -> None:
    """CL-03: the drain has its limit, and the exit code is still 0."""
    async with server() as (process, port):
        _, writer = await ask(port, "/never")
        assert process.stdout is not None
        await process.stdout.readline()
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await process.wait() == 0
        assert time.monotonic() - started >= 2
        writer.close()


async def test_one_connection_too_many_is_told_so_and_the_others_go_on() -> None:
    """OP-03: with few files there are 503s, no crash, and it recovers."""
    async with server(files=serving.SPARE_FILES + 20) as (_, port), asyncio.timeout(30):
        open_now = [await ask(port, "/") for _ in range(19)]
        for reader, _ in open_now:
            assert (await reader.readuntil(b"done")).startswith(b"HTTP/1.1 200")
        refused, refused_writer = await ask(port, "/")
        assert (await refused.readline()).startswith(b"HTTP/1.1 503")
        for _, writer in [*open_now, (refused, refused_writer)]:
            writer.close()
            await writer.wait_closed()
        again, writer = await ask(port, "/")
        while not (await again.readline()).startswith(b"HTTP/1.1 200"):
            writer.close()
            again, writer = await ask(port, "/")  # it may not have noticed yet that the others left
        writer.close()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 5_000 + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000, b"431"),
        (b"HELLO\r\n\r\n", b"400"),
    ],
)
async def test_a_head_has_an_end(head: bytes, status: bytes) -> None:
    """RD-03, on any port: nothing of it is kept, and the process lives."""
    async with server() as (_, port), asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        assert (await reader.readline()).split()[1] == status
        writer.close()
        again, again_writer = await ask(port, "/")
        assert (await again.readline()).split()[1] == b"200"
        again_writer.close()


async def test_a_head_that_drips_is_cut_off_and_an_idle_connection_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A connection that never finishes its head would be held for ever; one between two requests may wait."""
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0)
    monkeypatch.setattr(serving, "_SWEEP_TICKS", 1)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"done"})

    listening = serving.listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    serving_now = asyncio.create_task(serving.serve(application, [listening]))
    idle, idle_writer = await ask(port, "/")
    await idle.readuntil(b"done")
    dripping, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: local")
    async with asyncio.timeout(30):
        assert await dripping.read() == b""
        idle_writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await idle.readuntil(b"done")).startswith(b"HTTP/1.1 200")
        os.kill(os.getpid(), signal.SIGTERM)
        await serving_now
    for open_writer in (idle_writer, writer):
        open_writer.close()


def test_a_taken_port_is_named_with_its_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(serving.PortTaken, match=f"Port {port} of 127.0.0.1 is taken: .*--api-port"):
            serving.bind("127.0.0.1", port, "--api-port")


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_USER_TIMEOUT is Linux's")
def test_the_kernel_drops_clients_that_stall() -> None:
    """RT-10: what a client does not read is not kept for ever; accepted sockets inherit the limit."""
    with (
        serving.listen("127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname()) as _client,
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
