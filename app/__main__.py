"""The command line: `python -m app serve` for everything, or one role alone for production."""

import asyncio
import importlib
import os
import resource
import signal
import socket
import sys
import threading
import time
from typing import Annotated, Any, Final, Literal, NoReturn

import typer
import uvloop

from app import logging, serving
from app.children import MISCONFIGURED
from app.options import (
    ApiPort,
    ApiProcesses,
    DataDir,
    Fd,
    Host,
    JobsPort,
    JobsProcesses,
    Number,
    Parent,
    Playground,
    RedirectPort,
    RedirectProcesses,
    ShortUrl,
    WorkerPort,
    WorkerProcesses,
)
from app.settings import Misconfigured, Settings

_MODULES: Final = {
    "api": "app.api",
    "redirect": "app.redirecting",
    "worker": "app.working",
    "jobs": "app.jobs",
}
_MOST_FILES: Final = 65_536
_PARENT_SECONDS: Final = 0.5

_commands = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Link management: one GraphQL graph, live clicks, a redirect that loses none.",
)


@_commands.command()
def serve(
    *,
    data_dir: DataDir = None,
    host: Host = None,
    api_port: ApiPort = None,
    redirect_port: RedirectPort = None,
    api_processes: ApiProcesses = None,
    redirect_processes: RedirectProcesses = None,
    worker_processes: WorkerProcesses = None,
    jobs_processes: JobsProcesses = None,
    short_url: ShortUrl = None,
    playground: Playground = None,
) -> None:
    """Start and supervise API, redirect, worker and jobs, with embedded engines where no URLs are set."""
    given = dict(locals())
    from app import binaries, children, embedded, supervisor

    logging.configure("supervisor")
    settings = _settings({"LINKGRAPH_PLAYGROUND": "true", **os.environ}, given)
    try:
        code = asyncio.run(supervisor.run(settings))
    except (embedded.DataDirInUse, serving.PortTaken, binaries.Missing, children.Failed) as error:
        _refuse(str(error), 1)
    except Misconfigured as error:
        _refuse(str(error), MISCONFIGURED)
    raise typer.Exit(code)


@_commands.command()
def api(
    *,
    data_dir: DataDir = None,
    host: Host = None,
    api_port: ApiPort = None,
    short_url: ShortUrl = None,
    playground: Playground = None,
    number: Number = None,
    parent: Parent = None,
    fd: Fd = None,
) -> None:
    """Serve GraphQL over HTTP, SSE and WebSocket, alone."""
    _run("api", dict(locals()))


@_commands.command()
def redirect(
    *,
    data_dir: DataDir = None,
    host: Host = None,
    redirect_port: RedirectPort = None,
    short_url: ShortUrl = None,
    number: Number = None,
    parent: Parent = None,
    fd: Fd = None,
) -> None:
    """Answer short links, alone; its journals need a worker that sees the same data directory."""
    _run("redirect", dict(locals()))


@_commands.command()
def worker(
    *,
    data_dir: DataDir = None,
    host: Host = None,
    worker_port: WorkerPort = None,
    short_url: ShortUrl = None,
    number: Number = None,
    parent: Parent = None,
    fd: Fd = None,
) -> None:
    """Ship journals into the ledger, alone."""
    _run("worker", dict(locals()))


@_commands.command()
def jobs(
    *,
    data_dir: DataDir = None,
    host: Host = None,
    jobs_port: JobsPort = None,
    short_url: ShortUrl = None,
    number: Number = None,
    parent: Parent = None,
    fd: Fd = None,
) -> None:
    """Do bulk work behind the API, alone."""
    _run("jobs", dict(locals()))


@_commands.command()
def seed(  # noqa: PLR0917 - options of a command
    clicks: Annotated[int, typer.Option(min=0, help="how many clicks")] = 10_000,
    links: Annotated[int, typer.Option(min=1, max=100_000, help="how many links")] = 200,
    days: Annotated[
        int, typer.Option(min=1, max=730, help="how many days, until now, they are spread over")
    ] = 30,
    workspace: Annotated[str | None, typer.Option(help="whose; default: the first workspace")] = None,
    dice: Annotated[int, typer.Option(help="another number gives other clicks")] = 1,
    data_dir: DataDir = None,
    short_url: ShortUrl = None,
) -> None:
    """Fill a workspace with links, campaigns and clicks that look real, also while `serve` runs."""
    from app import binaries, children, seeding

    logging.configure("seed")
    settings = _settings(dict(os.environ), {"data_dir": data_dir, "short_url": short_url})
    work = seeding.run(settings, clicks=clicks, links=links, days=days, workspace_id=workspace, seed=dice)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(work)
        except (seeding.Impossible, binaries.Missing, children.Failed) as error:
            _refuse(str(error), 1)
        except Misconfigured as error:
            _refuse(str(error), MISCONFIGURED)


@_commands.command()
def watch(
    *,
    link: Annotated[
        list[str] | None, typer.Option(help="only clicks on this link, by id; repeatable")
    ] = None,
    campaign: Annotated[str | None, typer.Option(help="only clicks of this campaign, by id")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="only links with this tag; repeatable")] = None,
    url: Annotated[str | None, typer.Option(help="of the graph; default: the API on this machine")] = None,
    data_dir: DataDir = None,
    api_port: ApiPort = None,
) -> None:
    """Print live clicks, as JSON lines in a pipe; the key is LINKGRAPH_KEY or the data directory's."""
    from app import watch as watching

    settings = _settings(dict(os.environ), {"data_dir": data_dir, "api_port": api_port})
    wanted = {"linkIds": link, "campaignId": campaign, "tags": tag}
    given = {name: value for name, value in wanted.items() if value}
    show = watching.printer(is_terminal=sys.stdout.isatty())
    try:
        key = watching.key_of(os.environ, settings.data_dir)
        asyncio.run(watching.run(url or f"http://localhost:{settings.api_port}/graphql", key, given, show))
    except watching.Refused as error:
        _refuse(str(error), 1)
    except BrokenPipeError:
        os._exit(0)  # who read the pipe has left; flushing it once more would only complain


@_commands.command()
def schema() -> None:
    """Print the graph's SDL, as schema/schema.graphql has it."""
    from app import graph

    sys.stdout.write(graph.printed())


def _run(role: Literal["api", "redirect", "worker", "jobs"], given: dict[str, Any]) -> None:
    number, parent, files = given.pop("number"), given.pop("parent"), given.pop("fd")
    logging.configure(role if number is None else f"{role}-{number}")
    settings = _settings(dict(os.environ), given)
    if settings.mongodb_url is None or settings.redis_url is None:
        _refuse(
            f"The role '{role}' alone needs LINKGRAPH_MONGODB_URL and LINKGRAPH_REDIS_URL; "
            "`python -m app serve` starts engines of its own.",
            MISCONFIGURED,
        )
    _allow_files()
    if parent is not None and sys.platform != "linux":
        _follow(parent)
    sockets = [socket.socket(fileno=file) for file in files or ()]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_work(role, settings, sockets, alone=parent is None))
        except serving.PortTaken as error:
            _refuse(str(error), 1)
        except Misconfigured as error:
            _refuse(str(error), MISCONFIGURED)
        except ExceptionGroup as group:  # the database was prepared beside the role
            refused = group.subgroup(Misconfigured)
            if refused is None:
                raise
            _refuse(str(refused.exceptions[0]), MISCONFIGURED)


async def _work(role: str, settings: Settings, sockets: list[socket.socket], *, alone: bool) -> None:
    """Run the role until it is drained; alone it binds its own port and prepares the database."""
    run = importlib.import_module(_MODULES[role]).run
    port: int | None = getattr(settings, f"{role}_port", None)
    if alone and port is not None:
        sockets.append(serving.bind(settings.host, port, f"--{role}-port"))
    if not alone or role == "redirect":  # a redirect writes nothing but its journal
        await run(settings, sockets)
        return
    from app import preparing

    prepared = asyncio.Event()

    async def database() -> None:
        if not prepared.is_set():
            raise preparing.Unprepared

    async with asyncio.TaskGroup() as together:
        preparation = together.create_task(preparing.announced(settings, prepared))
        await run(settings, sockets, needs={"database": database})
        preparation.cancel()


def _settings(environment: dict[str, str], given: dict[str, Any]) -> Settings:
    try:
        return Settings.from_env(environment, **given)
    except Misconfigured as error:
        _refuse(str(error), MISCONFIGURED)


def _refuse(message: str, code: int) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(code)


def _allow_files() -> None:
    """Connections are files: use what the system lets us have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _follow(parent: int) -> None:
    """Drain when the supervisor is gone; on Linux the kernel sees to that (children.Program.on_orphan)."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_SECONDS)  # no other kernel tells
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="follow the supervisor", daemon=True).start()


if __name__ == "__main__":
    _commands(prog_name="python -m app")
