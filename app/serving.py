"""An ASGI application on sockets that are already bound, until SIGTERM has drained it."""

import asyncio
import errno
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal

import uvicorn

from app.bounds import BoundedProtocol
from app.pushing import PushingProtocol

SPARE_FILES: Final = 64
"""Files that a process keeps for its engines, journals and logs; the others may be connections."""
PING_SECONDS: Final = 30.0
"""How often a WebSocket's client is asked whether it is there; proxies drop what is silent for a minute."""
HEAD_SECONDS: Final = 15
"""How long a connection may take over the head of a request; uvicorn would wait for ever."""
STALLED_SECONDS: Final = 30
"""How long the kernel keeps what a client neither reads nor acknowledges; then it drops the connection."""
_SWEEP_TICKS: Final = 20
"""Ticks of uvicorn's, 0.1 s each, between two looks at who takes too long."""


class PortTaken(Exception):
    """A port cannot be bound; the message names it and its option."""


class _Server(uvicorn.Server):
    """uvicorn's server, except that a signal ends it with exit code 0 and a slow head its connection."""

    def __init__(self, config: uvicorn.Config, on_drain: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._on_drain = on_drain
        self._waiting: dict[Any, float] = {}

    async def on_tick(self, counter: int) -> bool:
        if counter % _SWEEP_TICKS == 0:
            self._sweep(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    def _sweep(self, now: float) -> None:
        waiting = filter(_awaits_head, self.server_state.connections)
        self._waiting = {connection: self._waiting.get(connection, now) for connection in waiting}
        for connection, since in self._waiting.items():
            if now - since > HEAD_SECONDS:
                connection.transport.close()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        handled = (signal.SIGTERM, signal.SIGINT)
        for number in handled:
            loop.add_signal_handler(number, self._drain)
        try:
            yield
        finally:
            for number in handled:
                loop.remove_signal_handler(number)

    def _drain(self) -> None:
        if self._on_drain is not None and not self.should_exit:
            self._on_drain()
        self.should_exit = True


def _awaits_head(connection: Any) -> bool:
    """Whether nothing is being answered and no keep-alive timer runs: part of a head came, or nothing."""
    if not hasattr(connection, "timeout_keep_alive_task") or connection.timeout_keep_alive_task is not None:
        return False
    return connection.cycle is None or connection.cycle.response_complete


async def serve(
    application: Any,
    sockets: list[socket.socket],
    *,
    http: Literal["httptools", "h11"] | type[asyncio.Protocol] = "httptools",
    ws: Literal["none", "websockets-sansio"] = "none",
    websocket_max_bytes: int = 64 * 1024,
    drain_seconds: int = 15,
    keep_alive_seconds: int = 75,
    on_drain: Callable[[], None] | None = None,
    lifespan: Literal["on", "off"] = "off",
) -> None:
    """Serve until SIGTERM or SIGINT, then drain: no new connections, idle ones closed, answers finished.

    Args:
        application: an ASGI 3 application.
        sockets: listening sockets; closed on the way out.
        http: "httptools" means uvicorn's with app/bounds.py's bounds; or its "h11", or a protocol class.
        ws: "websockets-sansio" means uvicorn's with app/pushing.py; "none" refuses upgrades.
        websocket_max_bytes: the largest message a WebSocket client may send.
        drain_seconds: how long answers may take after the signal; what runs longer is cancelled.
        keep_alive_seconds: how long an idle connection stays open.
        on_drain: called once at the signal, before connections are told: say not ready, end streams.
        lifespan: whether the application speaks the lifespan protocol.
    """
    config = uvicorn.Config(
        application,
        http=BoundedProtocol if http == "httptools" else http,
        ws=PushingProtocol if ws == "websockets-sansio" else ws,
        ws_max_size=websocket_max_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_SECONDS,
        lifespan=lifespan,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=keep_alive_seconds,
        timeout_graceful_shutdown=drain_seconds,
        h11_max_incomplete_event_size=64 * 1024,
        limit_concurrency=_connections(),
    )
    await _Server(config, on_drain).serve(sockets=sockets)


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket.

    Args:
        host: an address or name of this machine; IPv6 without brackets.
        port: 0 takes a free one.

    Raises:
        OSError: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=2048)
    if sys.platform == "linux":  # accepted sockets inherit it
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_SECONDS * 1000)
    return listening


def bind(host: str, port: int, option: str) -> socket.socket:
    """A listening socket, or PortTaken with a message that names port and option."""
    try:
        return listen(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"Port {port} of {host} is taken: choose another with {option}") from None
        raise PortTaken(
            f"Port {port} of {host} cannot be bound ({error.strerror}): see {option} and --host"
        ) from None


def stopping() -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets; for a role that serves no port."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, event.set)
    return event


def _connections() -> int | None:
    """How many connections may be open; one more is told 503, for without files even that would fail."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if limit == resource.RLIM_INFINITY else max(limit - SPARE_FILES, 16)
