"""Private engines for a laptop and for tests: mongod and redis-server on sockets under the data directory."""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from pymongo import AsyncMongoClient
from pymongo.errors import AutoReconnect, OperationFailure
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app import binaries, priorities
from app.children import Child, Program

LONGEST_SOCKET_PATH: Final = 100
"""Bytes; the kernel's limit is 107 on Linux and 103 on macOS."""
STOP_SECONDS: Final = 10.0
_REPLICA_SET: Final = "linkgraph"
_EVICTION: Final = "eviction=(threads_min=1,threads_max=1),eviction_dirty_target=20,eviction_dirty_trigger=60"
"""Of WiredTiger. By its defaults four threads search a small cache that takes much in without a pause."""
_NOT_YET_INITIALIZED: Final = 94
_ASK_AGAIN_SECONDS: Final = 0.02
"""Neither engine tells when it starts to listen, so it is asked."""


class DataDirInUse(Exception):
    """Another process runs on this data directory; the message names it."""


@dataclass(frozen=True, kw_only=True)
class Engines:
    """The engines that run, kept alive: their URLs, which stay the same when one is started again."""

    mongodb: Child
    redis: Child
    mongodb_url: str
    redis_url: str


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the data directory for this process; it is made, for our eyes only, where it is absent.

    Raises:
        DataDirInUse: another process holds it.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data_dir / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise DataDirInUse(
                f"{data_dir} is in use by process {file.read().strip() or 'unknown'}: "
                "stop it, or choose another directory with --data-dir"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


@asynccontextmanager
async def running(data_dir: Path, *, cache_gb: float = 0.25) -> AsyncIterator[Engines]:
    """Start both engines on `data_dir` (see `locked`) and stop them at the end; should we die, they die too.

    Args:
        data_dir: may have been moved since the last time.
        cache_gb: mongod's own cache, gigabytes, at least 0.25.

    Raises:
        binaries.Missing: an engine is not on this machine.
        children.Failed: an engine does not come up.
    """
    folder, sockets = _folders(data_dir)
    mongodb_url, redis_url = urls(data_dir)
    mongodb = Child(_mongodb(folder, sockets / "mongodb.sock", cache_gb))
    redis = Child(_redis(folder, sockets / "redis.sock"))
    try:
        await asyncio.gather(mongodb.start(), redis.start())
        _note(folder, mongodb, redis)
        yield Engines(
            mongodb=mongodb,
            redis=redis,
            mongodb_url=mongodb_url,
            redis_url=redis_url,
        )
    finally:
        await asyncio.gather(mongodb.stop(STOP_SECONDS), redis.stop(STOP_SECONDS))
        (folder / "processes").unlink(missing_ok=True)
        if sockets != folder:
            with contextlib.suppress(OSError):  # it is only a leftover, and the next start uses it again
                sockets.rmdir()


def urls(data_dir: Path) -> tuple[str, str]:
    """Where MongoDB and Redis of a data directory are reached while somebody runs them."""
    _, sockets = _folders(data_dir)
    return (
        # By its name the replica set is away until mongod has read which one it is in: a connection that was
        # opened before would be one without sessions for as long as it lives.
        f"{_mongodb_url(sockets / 'mongodb.sock')}&replicaSet={_REPLICA_SET}",
        f"unix://{quote(str(sockets / 'redis.sock'))}",
    )


def _mongodb(folder: Path, socket: Path, cache_gb: float) -> Program:
    return Program(
        name="mongod",
        command=(
            str(binaries.find("mongod")),
            *("--dbpath", str(folder / "mongodb"), "--replSet", _REPLICA_SET),
            *("--bind_ip", str(socket), "--filePermissions", "0600"),
            *("--wiredTigerCacheSizeGB", f"{cache_gb:g}", "--quiet"),
            *("--wiredTigerEngineConfigString", _EVICTION),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            # what a killed worker leaves open must not block its successors for the usual minute
            *("--setParameter", "transactionLifetimeLimitSeconds=10"),
            # nobody else is in this replica set whom the primary could wait for
            *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
        ),
        ready=partial(_primary, socket),
        output=folder / "mongodb.log",
        environment=binaries.environment(folder / "libraries"),
        on_orphan=signal.SIGKILL,  # its journal makes that safe, and nothing can hold it up
        niceness=priorities.ASIDE,  # known links are answered without it
        explain=partial(binaries.explain, "mongod"),
    )


def _redis(folder: Path, socket: Path) -> Program:
    return Program(
        name="redis-server",
        command=(
            str(binaries.find("redis-server")),
            *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "600"),
            *("--save", "", "--appendonly", "no", "--dir", str(folder)),
        ),
        ready=partial(_answering, socket),
        output=folder / "redis.log",
        on_orphan=signal.SIGKILL,  # it keeps nothing that MongoDB does not have
        explain=partial(binaries.explain, "redis-server"),
    )


def _mongodb_url(socket: Path) -> str:
    return f"mongodb://{quote(str(socket), safe='')}/?directConnection=true"


async def _primary(socket: Path) -> None:
    """Make mongod a replica set of one where it is none yet, and wait until it takes writes."""
    async with AsyncMongoClient[dict[str, Any]](
        _mongodb_url(socket), serverSelectionTimeoutMS=1_000
    ) as client:
        while True:
            try:
                await _configure(client, str(socket))
                if (await client.admin.command("hello"))["isWritablePrimary"]:
                    return
            except AutoReconnect:  # it does not listen yet
                pass
            await asyncio.sleep(_ASK_AGAIN_SECONDS)


async def _configure(client: AsyncMongoClient[dict[str, Any]], host: str) -> None:
    member = {"_id": 0, "host": host}
    try:
        config = (await client.admin.command("replSetGetConfig"))["config"]
    except OperationFailure as error:
        if error.code != _NOT_YET_INITIALIZED:
            raise
        await client.admin.command("replSetInitiate", {"_id": _REPLICA_SET, "members": [member]})
        return
    if config["members"][0]["host"] != host:  # the data directory was moved
        moved = {**config, "version": config["version"] + 1, "members": [{**config["members"][0], **member}]}
        await client.admin.command("replSetReconfig", moved, force=True)


async def _answering(socket: Path) -> None:
    async with Redis(unix_socket_path=str(socket), socket_timeout=1) as redis:
        while True:
            with contextlib.suppress(RedisError):  # it does not listen yet
                await redis.ping()
                return
            await asyncio.sleep(_ASK_AGAIN_SECONDS)


def _folders(data_dir: Path) -> tuple[Path, Path]:
    """The engines' folder and that of their sockets, both for our eyes only."""
    folder = data_dir.absolute() / "engines"
    (folder / "mongodb").mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder, _socket_folder(folder)


def _socket_folder(folder: Path) -> Path:
    """Beside the data, or a short private folder where the kernel would refuse that path."""
    if len(os.fsencode(folder / "mongodb.sock")) <= LONGEST_SOCKET_PATH:
        return folder
    name = hashlib.blake2b(os.fsencode(folder), digest_size=6).hexdigest()
    short = Path(tempfile.gettempdir()) / f"linkgraph-{os.getuid()}-{name}"
    with contextlib.suppress(FileExistsError):
        short.mkdir(mode=0o700)
    found = short.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{short} is somebody else's: remove it, or choose a shorter --data-dir")
    return short


def _note(folder: Path, *children: Child) -> None:
    """Where the kernel does not end orphans (children.Program.on_orphan), the next start has to find them."""
    if sys.platform != "linux":
        (folder / "processes").write_text("".join(f"{child.process_id}\n" for child in children))


def end_orphans(data_dir: Path) -> None:
    """Kill engines that an earlier run of ours left behind, known by id and by their command line."""
    noted, folder = data_dir.absolute() / "engines" / "processes", str(data_dir.absolute() / "engines")
    for process in noted.read_text().split() if noted.exists() else ():
        shown = subprocess.run(  # noqa: S603 - numbers that we wrote ourselves
            ["/bin/ps", "-o", "command=", "-p", process], capture_output=True, text=True, check=False
        )
        if folder in shown.stdout:
            os.kill(int(process), signal.SIGKILL)
