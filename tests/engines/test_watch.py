"""`python -m app watch`: clicks as JSON lines or in colour, and resumed by itself when the API is killed."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import watch
from tests.application import ROOT, Application, running


@contextlib.asynccontextmanager
async def watching(
    application: Application, *arguments: str, key: str = ""
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "watch", "--data-dir", str(application.data_dir)),
        *("--url", f"{application.api}/graphql", *arguments),
        cwd=ROOT,
        env={**os.environ, "LINKGRAPH_KEY": key},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def follow(client: httpx.AsyncClient, link: dict[str, Any], mark: str) -> None:
    response = await client.get(link["shortUrl"], headers={"referer": f"https://{mark}.example/"})
    assert response.status_code == 302


async def next_click(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    async with asyncio.timeout(30):
        line = await process.stdout.readline()
    click: dict[str, Any] = json.loads(line)
    return click


async def until_shown(
    client: httpx.AsyncClient, link: dict[str, Any], process: asyncio.subprocess.Process
) -> None:
    """Follow the link until the feed is open and shows it."""
    shown = asyncio.create_task(next_click(process))
    while not shown.done():
        await follow(client, link, "warm")
        await asyncio.wait([shown], timeout=0.3)
    assert (await shown)["referrer"] == "warm.example"


async def test_it_goes_on_where_it_was_when_the_api_is_killed(tmp_path: Path) -> None:
    """RT-12, RT-14: clicks while nobody served are shown once the API is back, and each of them once."""
    async with running(tmp_path) as application, httpx.AsyncClient(timeout=20) as client:
        link = await application.create_link(client, "https://example.com/watched")
        other = await application.create_link(client, "https://example.com/other")
        async with watching(application, "--link", link["id"]) as process:
            await until_shown(client, link, process)
            application.children("-m app api")[0].kill()
            for number in range(20):
                await follow(client, other, f"other{number}")
                await follow(client, link, f"v{number}")
            seen: list[str] = []
            while len(set(seen)) < 20:
                click = await next_click(process)
                if click["referrer"] != "warm.example":
                    seen.append(click["referrer"])
    assert seen == [f"v{number}.example" for number in range(20)]


async def test_what_cannot_be_watched_is_said_and_ends_it(tmp_path: Path) -> None:
    """No key, a bad one and a link that is not there: one line and exit code 1."""
    with pytest.raises(watch.Refused, match="LINKGRAPH_KEY"):
        watch.key_of({}, tmp_path)
    async with running(tmp_path) as application:
        for arguments, key, words in (
            (("--link", "lnk_00000000000000000000000009"), application.key, b"NOT_FOUND"),
            ((), "lg_live_wrong", b"4401"),
        ):
            async with watching(application, *arguments, key=key) as process, asyncio.timeout(30):
                _, said = await process.communicate()
            assert process.returncode == 1
            assert words in said


def test_people_get_colours_and_nothing_that_steers_their_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    click = dict.fromkeys(("city", "os", "referrer", "variant", "rule", "finalDestination"))
    click |= {"at": "2026-11-20T20:00:01.000Z", "kind": "HUMAN", "linkId": "lnk_1", "country": "GB"}
    watch.printer(is_terminal=True)({**click, "device": "MOBILE", "browser": "\x1b]0;owned\x07"})
    shown = capsys.readouterr().out
    assert "\x1b[32m" in shown
    assert "\x1b]0" not in shown
    assert "GB" in shown
