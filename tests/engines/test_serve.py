"""`serve` as its operator meets it: what it prints, what it keeps alive, and how it ends."""

import asyncio
import re
import signal
import socket
import stat
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.application import ROOT, Application, free_port, running

ROLES = ("-m app api", "-m app redirect", "-m app worker", "-m app jobs")
ENGINES = ("mongod ", "redis-server ")


@pytest.fixture(scope="module")
async def application(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Application]:
    async with running(tmp_path_factory.mktemp("serve"), "--worker-processes", "2") as application:
        yield application


def printed(application: Application) -> str:
    return (application.data_dir.parent / "serve.log").read_text()


async def serve(*arguments: str) -> tuple[int | None, str]:
    """The exit code and the words of a `serve` that ends by itself."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "serve", *arguments,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(30):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


async def until_printed(application: Application, words: str) -> None:
    async with asyncio.timeout(30):
        while words not in printed(application):
            await asyncio.sleep(0.05)  # a log file does not tell


async def test_it_says_where_to_click_and_keeps_the_key_for_its_owner(application: Application) -> None:
    await until_printed(application, "Linkgraph is ready.")
    shown = printed(application)
    key = application.data_dir / "admin.key"
    assert f"GraphiQL     {application.api}/graphql\n" in shown
    assert f"short links  {application.redirect}/\n" in shown
    assert f"admin key    {application.key} (shown this once; kept in {key})\n" in shown
    assert re.fullmatch(r"lg_live_[0-9A-Za-z]{43}", application.key)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(application.data_dir.stat().st_mode) == 0o700


async def test_the_arguments_of_a_process_show_its_role(application: Application) -> None:
    found = {role: len(application.children(role)) for role in (*ROLES, *ENGINES)}
    assert found == {
        "-m app api": 1, "-m app redirect": 1, "-m app worker": 2, "-m app jobs": 1,
        "mongod ": 1, "redis-server ": 1,
    }  # fmt: skip


async def test_a_second_start_on_the_same_data_is_refused_by_name(application: Application) -> None:
    code, words = await serve("--data-dir", str(application.data_dir))
    assert code == 1
    assert f"{application.data_dir} is in use by process {application.process.pid}" in words
    assert "Traceback" not in words


@pytest.mark.parametrize("victim", [*ROLES, *ENGINES])
async def test_whatever_dies_is_started_again(application: Application, victim: str) -> None:
    before = application.children(victim)
    before[0].kill()
    async with asyncio.timeout(30), httpx.AsyncClient(timeout=30) as client:
        while len(set(application.children(victim)) - set(before)) < 1:
            await asyncio.sleep(0.05)  # processes of another process do not tell
        for base in (application.api, application.redirect):
            while not await ready(client, base):
                await asyncio.sleep(0.05)  # asked over HTTP, as a load balancer does
    assert len(application.children(victim)) == len(before)


async def ready(client: httpx.AsyncClient, base: str) -> bool:
    try:
        return (await client.get(f"{base}/readyz")).status_code == 200
    except httpx.TransportError:
        return False


async def test_api_is_not_ready_without_mongodb_and_redirect_is(application: Application) -> None:
    """OP-07: a stopped (not killed) mongod falls silent, so each role shows what it needs."""
    mongod = application.children("mongod ")[0]
    mongod.suspend()
    try:
        async with httpx.AsyncClient(timeout=30) as client:
            async with asyncio.timeout(30):
                while await ready(client, application.api):
                    await asyncio.sleep(0.1)  # an answer holds for a second
            answer = (await client.get(f"{application.api}/readyz")).json()
            assert answer["ready"] is False
            assert answer["components"]["mongodb"] != "ok"
            assert await ready(client, application.redirect)
    finally:
        mongod.resume()


async def test_each_port_answers_for_every_process(application: Application) -> None:
    async with httpx.AsyncClient(timeout=30) as client:
        for base in (application.api, application.redirect):
            assert (await client.get(f"{base}/livez")).status_code == 200
            async with asyncio.timeout(30):
                while 'linkgraph_processes{role="worker"} 2.0' not in await metrics(client, base):
                    await asyncio.sleep(0.1)  # each role tells now and then; who was killed tells again


async def test_ten_thousand_slugs_add_no_series(application: Application) -> None:
    """OP-06: no label holds what a visitor sends. (A thousand here: the count is flat or it is not.)"""
    async with httpx.AsyncClient(timeout=30) as client:
        async with asyncio.timeout(30):
            while not heard(before := await series(client, application)):
                await asyncio.sleep(0.1)  # each role tells now and then; who was killed tells again
        for number in range(1_000):
            await client.get(f"{application.redirect}/none{number}")
        assert await series(client, application) == before


async def series(client: httpx.AsyncClient, application: Application) -> set[str]:
    text = await metrics(client, application.redirect)
    return {line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")}


async def metrics(client: httpx.AsyncClient, base: str) -> str:
    return (await client.get(f"{base}/metrics")).text


def heard(lines: set[str]) -> bool:
    """Whether the series of every role are there."""
    return {f'linkgraph_processes{{role="{role.split()[-1]}"}}' for role in ROLES} <= lines


async def test_sigterm_ends_everything_in_time_with_code_0(tmp_path: Path) -> None:
    """CL-03: drained, exit within 20 s, code 0; and the next start finds its key and shows no secret."""
    async with running(tmp_path) as application:
        family = psutil.Process(application.process.pid).children(recursive=True)
        started = time.monotonic()
        application.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await application.process.wait() == 0
        assert time.monotonic() - started < 20
        assert [member for member in family if member.is_running()] == []
        key = application.key
    async with running(tmp_path) as application:
        await until_printed(application, "Linkgraph is ready.")
        assert application.key == key
        assert key not in printed(application)
        assert f"admin key    in {application.data_dir / 'admin.key'}\n" in printed(application)


async def test_no_process_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    async with running(tmp_path) as application:
        family = psutil.Process(application.process.pid).children(recursive=True)
        application.process.kill()
        await application.process.wait()
        _, alive = await asyncio.to_thread(psutil.wait_procs, family, timeout=20)
        assert alive == []


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, words = await serve("--data-dir", str(tmp_path), "--api-port", str(port))
    assert code == 1
    assert f"Port {port} of 127.0.0.1 is taken: choose another with --api-port" in words
    assert not (tmp_path / "engines").exists()


async def test_unreachable_stores_are_told_and_waited_for(tmp_path: Path) -> None:
    """OP-02: a clear message, retries, not ready, and no crash loop."""
    api_port, nobody = free_port(), free_port()
    log = (tmp_path / "log").open("wb")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "serve", "--data-dir", str(tmp_path / "data"),
        "--api-port", str(api_port), "--redirect-port", str(free_port()),
        cwd=ROOT, stdout=log, stderr=log,
        env={
            "LINKGRAPH_MONGODB_URL": f"mongodb://127.0.0.1:{nobody}/?replicaSet=none",
            "LINKGRAPH_REDIS_URL": f"redis://127.0.0.1:{nobody}",
        },
    )  # fmt: skip
    try:
        async with httpx.AsyncClient(timeout=30) as client, asyncio.timeout(30):
            answer: dict[str, Any] = {}
            while not answer:
                answer = await readiness(client, api_port)
                await asyncio.sleep(0.1)  # it is starting, and tells nobody but us
            first = psutil.Process(process.pid).children()
            assert answer["ready"] is False
            assert [child.is_running() for child in first] == [True] * 4
            assert b"MongoDB does not answer" in (tmp_path / "log").read_bytes()
            assert process.returncode is None
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await process.wait() == 0
        log.close()


async def readiness(client: httpx.AsyncClient, port: int) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = (await client.get(f"http://127.0.0.1:{port}/readyz")).json()
    except httpx.TransportError:
        return {}
    return answer
