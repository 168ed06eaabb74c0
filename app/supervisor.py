"""`serve`: engines, and every role as a process of its own, kept alive and ended in order."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from app import embedded, metrics, preparing, serving
from app.children import Child, Program
from app.settings import Settings

ROLE_STOP_SECONDS: Final = 16.0
"""API and redirect processes finish what they answer; together with the others we end within 20 s."""
WORKER_STOP_SECONDS: Final = 3.0
"""A worker finishes its transaction; the rest is in the journals, or in the rows of a job."""
INTERRUPTED: Final = 130
_PREPARE_SECONDS: Final = 3.0
_PROBE_SECONDS: Final = 0.03

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Fleet:
    """The processes of all roles."""

    serving: tuple[Child, ...]
    workers: tuple[Child, ...]

    @property
    def all(self) -> tuple[Child, ...]:
        return self.serving + self.workers

    async def stop(self) -> None:
        """Whoever answers visitors ends first, so that workers ship what they recorded."""
        await asyncio.gather(*(child.stop(ROLE_STOP_SECONDS) for child in self.serving))
        await asyncio.gather(*(child.stop(WORKER_STOP_SECONDS) for child in self.workers))


async def run(settings: Settings) -> int:
    """Run everything until SIGTERM or SIGINT; a second one kills. Returns the exit code.

    Raises:
        embedded.DataDirInUse: another process runs on the data directory.
        serving.PortTaken: a port cannot be bound.
        binaries.Missing: an embedded engine is not on this machine.
        children.Failed: a process does not come up.
    """
    signals = _Signals()
    with embedded.locked(settings.data_dir):
        embedded.end_orphans(settings.data_dir)
        metrics.prepare(settings.metrics_dir)
        async with AsyncExitStack() as stack:
            ports = _bound(settings, stack)
            settings = await _with_engines(settings, stack, signals)
            fleet = _fleet(settings, ports, stack)
            signals.children += fleet.all
            stack.push_async_callback(fleet.stop)
            await _until_stopped(settings, fleet, signals)
            for port in ports.values():  # whoever comes now is refused at once instead of waiting for nobody
                port.close()
    return INTERRUPTED if signals.impatient else 0


class _Signals:
    """The first SIGTERM or SIGINT sets `stop`, a second one kills every child."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.impatient = False
        self.children: list[Child] = []
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._handle)

    def _handle(self) -> None:
        if self.stop.is_set():
            self.impatient = True
            for child in self.children:
                child.signal(signal.SIGKILL)
        self.stop.set()


def _bound(settings: Settings, stack: AsyncExitStack) -> dict[str, socket.socket]:
    wanted = {"api": settings.api_port, "redirect": settings.redirect_port}
    return {
        role: stack.enter_context(serving.bind(settings.host, port, f"--{role}-port"))
        for role, port in wanted.items()
    }


async def _with_engines(settings: Settings, stack: AsyncExitStack, signals: _Signals) -> Settings:
    """The settings with the URLs of embedded engines where none were given."""
    if settings.mongodb_url is not None and settings.redis_url is not None:
        return settings
    engines = await stack.enter_async_context(
        embedded.running(settings.data_dir, cache_gb=settings.mongodb_cache_gb)
    )
    signals.children += [engines.mongodb, engines.redis]
    return settings.on(engines.mongodb_url, engines.redis_url)


def _fleet(settings: Settings, ports: dict[str, socket.socket], stack: AsyncExitStack) -> _Fleet:
    def made(role: str, count: int) -> Iterator[Child]:
        for number in range(1, count + 1):
            probe = stack.enter_context(serving.listen("127.0.0.1", 0))
            files = [port.fileno() for port in (ports.get(role), probe) if port is not None]
            yield Child(_program(settings, role, number, files, probe.getsockname()[1]))

    return _Fleet(
        serving=(*made("api", settings.api_processes), *made("redirect", settings.redirect_processes)),
        workers=(*made("worker", settings.worker_processes), *made("jobs", settings.jobs_processes)),
    )


def _program(settings: Settings, role: str, number: int, files: list[int], probe: int) -> Program:
    environment = {**os.environ, **settings.to_env(), metrics.FOLDER_VARIABLE: str(settings.metrics_dir)}
    environment.pop("LINKGRAPH_ADMIN_KEY", None)  # no role needs it
    return Program(
        name=f"{role}-{number}",
        command=(
            *(sys.executable, "-m", "app", role, "--number", str(number)),
            *("--parent", str(os.getpid())),
            *(argument for file in files for argument in ("--fd", str(file))),
        ),
        environment=environment,
        files=tuple(files),
        ready=partial(_answers_ready, probe),
        forget=partial(metrics.forget, settings.metrics_dir),
    )


async def _answers_ready(port: int) -> None:
    """Ask the process's own loopback port until `/readyz` answers 200; no event tells us."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            status = await reader.readline()
            writer.close()
            if status.split()[1:2] == [b"200"]:
                return
        except OSError:  # it ended while it was asked
            pass
        await asyncio.sleep(_PROBE_SECONDS)


async def _until_stopped(settings: Settings, fleet: _Fleet, signals: _Signals) -> None:
    """Start the fleet, say when all is ready, wait for a signal; raises Failed when a process cannot run."""
    preparing_database = asyncio.create_task(preparing.until_done(settings))
    stopping = asyncio.create_task(signals.stop.wait())
    try:
        await asyncio.wait(
            {preparing_database, stopping}, timeout=_PREPARE_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if signals.stop.is_set():
            return
        working = asyncio.create_task(_keep(settings, fleet, preparing_database))
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not signals.stop.is_set():
            await working
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    finally:
        preparing_database.cancel()
        stopping.cancel()
        await asyncio.gather(preparing_database, stopping, return_exceptions=True)


async def _keep(settings: Settings, fleet: _Fleet, preparing_database: asyncio.Task[str]) -> None:
    await asyncio.gather(_announce(settings, fleet, preparing_database), *map(_kept, fleet.all))


async def _kept(child: Child) -> None:
    await child.start()
    await child.failed()


async def _announce(settings: Settings, fleet: _Fleet, preparing_database: asyncio.Task[str]) -> None:
    where_the_key_is = await asyncio.shield(preparing_database)
    await asyncio.gather(*(child.ready.wait() for child in fleet.all))
    host = "localhost" if settings.host in {"127.0.0.1", "::1", "0.0.0.0", "::"} else settings.host
    print(  # noqa: T201 - what somebody at a terminal waits for
        "\nLinkgraph is ready.\n\n"
        f"  GraphiQL     http://{host}:{settings.api_port}/graphql\n"
        f"  short links  {settings.short_base}/\n"
        f"  admin key    {where_the_key_is}\n"
        "  stop         Ctrl-C\n",
        flush=True,
    )
