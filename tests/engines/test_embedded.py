"""The private engines: real, private, movable, and never left behind."""

import asyncio
import importlib.util
import signal
import stat
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from redis.asyncio import Redis

from app import binaries, embedded, priorities
from app.children import Child
from app.embedded import Engines
from domain.errors import Unavailable
from storage import mongo

ROOT = Path(__file__).resolve().parents[2]
HOLD_THE_ENGINES = """
import asyncio, sys
from pathlib import Path
from app import embedded, priorities

async def hold(data_dir):
    with embedded.locked(data_dir):
        async with embedded.running(data_dir) as engines:
            print(engines.mongodb.process_id, engines.redis.process_id, flush=True)
            await asyncio.Event().wait()

asyncio.run(hold(Path(sys.argv[1])))
"""


async def holder(data_dir: Path) -> tuple[asyncio.subprocess.Process, list[int]]:
    """Another process that runs engines on `data_dir`, and their process ids."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD_THE_ENGINES, str(data_dir), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    return process, [int(number) for number in (await process.stdout.readline()).split()]


async def until_gone(processes: list[int]) -> None:
    async with asyncio.timeout(30):
        while any(alive(process) for process in processes):
            await asyncio.sleep(0.02)  # they are nobody's children any more, so nobody is told


def alive(process: int) -> bool:
    return psutil.pid_exists(process) and psutil.Process(process).status() != psutil.STATUS_ZOMBIE


async def write_in_a_transaction(engines: Engines) -> None:
    async with (
        AsyncMongoClient[dict[str, int]](engines.mongodb_url) as client,
        client.start_session() as session,
        await session.start_transaction(),
    ):
        await client["test"]["things"].update_one({}, {"$inc": {"n": 1}}, upsert=True, session=session)


async def written(engines: Engines) -> int:
    async with AsyncMongoClient[dict[str, int]](engines.mongodb_url) as client:
        found = await client["test"]["things"].find_one({})
        assert found is not None
        return found["n"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_engines_are_real_private_and_end_with_us(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with embedded.locked(data_dir):
        async with embedded.running(data_dir) as engines:
            await write_in_a_transaction(engines)
            async with Redis.from_url(engines.redis_url) as redis:
                assert await redis.ping()
            processes = [engines.mongodb.process_id or 0, engines.redis.process_id or 0]
            assert [psutil.Process(process).net_connections("tcp") for process in processes] == [[], []]
            assert psutil.Process(processes[0]).nice() == priorities.ASIDE  # visitors go first
            assert [mode(path) for path in (data_dir, data_dir / "engines")] == [0o700, 0o700]
            assert mode(data_dir / "engines" / "mongodb.sock") == 0o600
            assert mode(data_dir / "engines" / "redis.sock") == 0o600
    assert not any(alive(process) for process in processes)


async def test_data_that_was_moved_is_found_again(tmp_path: Path) -> None:
    """The replica set knows itself by its socket's path, which is another one after a move."""
    async with embedded.running(tmp_path / "before") as engines:
        await write_in_a_transaction(engines)
    (tmp_path / "before").rename(tmp_path / "after")
    async with embedded.running(tmp_path / "after") as engines:
        await write_in_a_transaction(engines)
        assert await written(engines) == 2


async def test_a_path_too_long_for_a_socket_gets_a_short_private_folder(tmp_path: Path) -> None:
    async with embedded.running(tmp_path / ("long" * 30)) as engines:
        await write_in_a_transaction(engines)
        folder = Path(engines.redis_url.removeprefix("unix://")).parent
        assert len(str(folder / "mongodb.sock")) <= embedded.LONGEST_SOCKET_PATH
        assert mode(folder) == 0o700
    assert not folder.exists()


async def test_a_killed_engine_comes_back_under_its_url(tmp_path: Path) -> None:
    async with embedded.running(tmp_path) as engines:
        await write_in_a_transaction(engines)
        for child in (engines.mongodb, engines.redis):
            child.ready.clear()
            child.signal(signal.SIGKILL)
            async with asyncio.timeout(30):
                await child.ready.wait()
        await write_in_a_transaction(engines)
        assert await written(engines) == 2
        async with Redis.from_url(engines.redis_url) as redis:
            assert await redis.ping()


async def test_a_member_without_its_configuration_is_a_database_that_is_away(tmp_path: Path) -> None:
    """It is for a moment after each start; a connection opened then would know no sessions ever after."""
    folder, sockets = embedded._folders(tmp_path)
    socket, (url, _) = sockets / "mongodb.sock", embedded.urls(tmp_path)

    async def listening() -> None:
        async with AsyncMongoClient[dict[str, int]](embedded._mongodb_url(socket)) as client:
            await client.admin.command("ping")

    mongod = Child(replace(embedded._mongodb(folder, socket, 0.25), ready=listening))
    await mongod.start()
    try:
        async with mongo.connect(url, timeout_ms=10_000, application="test") as client:

            async def work(session: AsyncClientSession) -> None:
                await client["test"]["things"].insert_one({}, session=session)

            with pytest.raises(Unavailable):
                await mongo.transaction(client["test"], work, seconds=1)
            await embedded._primary(socket)
            await mongo.transaction(client["test"], work)
            assert await client["test"]["things"].count_documents({}) == 1
    finally:
        await mongod.stop(embedded.STOP_SECONDS)


async def test_a_second_start_is_refused_by_name(tmp_path: Path) -> None:
    process, engines = await holder(tmp_path)
    try:
        with pytest.raises(embedded.DataDirInUse, match=f"in use by process {process.pid}: .*--data-dir"):
            embedded.locked(tmp_path).__enter__()
        assert all(alive(engine) for engine in engines)
    finally:
        process.kill()
        await process.wait()


async def test_a_crash_of_ours_leaves_no_engine_and_the_next_start_works(tmp_path: Path) -> None:
    process, engines = await holder(tmp_path)
    process.kill()
    await process.wait()
    again, others = await holder(tmp_path)
    await until_gone(engines)
    assert len(others) == 2
    again.kill()
    await again.wait()
    await until_gone(others)


def test_without_a_program_both_ways_out_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(binaries.Missing, match=r"No mongod was found: .*PATH.*or set LINKGRAPH_MONGODB_URL"):
        binaries.find("mongod")
    with pytest.raises(binaries.Missing, match=r"No redis-server was found: .*or set LINKGRAPH_REDIS_URL"):
        binaries.find("redis-server")


def test_a_program_on_the_path_is_preferred(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "mongod"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert binaries.find("mongod") == program


def test_a_missing_library_is_named_with_its_package() -> None:
    output = "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file"
    assert binaries.explain("mongod", output) == (
        "mongod cannot run here, libcurl.so.4 is missing: install it (Debian: apt-get install libcurl4), "
        "or set LINKGRAPH_MONGODB_URL to a server that runs already."
    )


async def test_a_socket_folder_of_somebody_else_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = tmp_path / ("long" * 30)
    with tempfile.TemporaryDirectory() as short:  # tmp_path may itself be too long for a socket
        monkeypatch.setattr("tempfile.tempdir", short)
        async with embedded.running(data_dir) as engines:
            folder = Path(engines.redis_url.removeprefix("unix://")).parent
        folder.mkdir()
        folder.chmod(0o750)
        with pytest.raises(PermissionError, match="somebody else's"):
            async with embedded.running(data_dir):
                pass
