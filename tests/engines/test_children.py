"""Programs that are kept alive: started again, given up on, ended, and not left behind."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from app import children
from app.children import Child, Failed, Program

SLEEP = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"


def program(source: str, output: Path, **fields: Any) -> Program:
    """A Python program that is ready once it has printed something."""

    async def ready() -> None:
        while not output.exists() or not output.read_bytes():
            await asyncio.sleep(0.01)  # a file does not tell

    command = (sys.executable, "-c", source)
    return Program(name="child-1", command=command, ready=ready, output=output, **fields)


async def until_given_up(child: Child) -> None:
    """Returns only by raising Failed."""
    async with asyncio.timeout(30):
        await child.start()
        await child.failed()


async def test_a_killed_program_is_started_again(tmp_path: Path) -> None:
    child = Child(program(SLEEP, tmp_path / "out"))
    await child.start()
    first = child.process_id
    child.ready.clear()
    child.signal(signal.SIGKILL)
    async with asyncio.timeout(30):
        await child.ready.wait()
    assert child.process_id != first
    await child.stop(5)
    assert not psutil.pid_exists(child.process_id or 0)


@pytest.mark.parametrize("niceness", [0, 7])
async def test_a_program_weighs_against_its_siblings(niceness: int, tmp_path: Path) -> None:
    """BK-04: Linux compares priorities within a session; Ctrl-C reaches a process group, and only ours."""
    asked = "import signal; told = signal.getsignal(signal.SIGTTOU) == signal.SIG_IGN"
    source = f"{asked}; print('up', told, flush=True); signal.pause()"
    child = Child(program(source, tmp_path / "out", niceness=niceness))
    await child.start()
    try:
        assert child.process_id is not None
        assert os.getsid(child.process_id) == os.getsid(0)
        assert os.getpgid(child.process_id) == child.process_id
        assert (tmp_path / "out").read_text() == "up True\n"  # it ignores what would stop it for printing
        assert psutil.Process(child.process_id).nice() == os.nice(0) + niceness
    finally:
        await child.stop(5)


async def test_what_never_comes_up_is_given_up_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OP-02: no crash loop on a fault that starting again cannot heal."""
    monkeypatch.setattr(children, "FIRST_PAUSE_SECONDS", 0.01)

    async def never() -> None:
        await asyncio.Event().wait()

    output = tmp_path / "out"
    source = "print('no such option', flush=True); raise SystemExit(2)"
    child = Child(replace(program(source, output, explain=str.strip), ready=never))
    with pytest.raises(Failed, match="no such option"):
        await until_given_up(child)


async def test_a_misconfigured_program_is_not_started_again(tmp_path: Path) -> None:
    child = Child(program(f"raise SystemExit({children.MISCONFIGURED})", tmp_path / "out"))
    with pytest.raises(Failed, match="child-1 cannot run with these settings"):
        await until_given_up(child)


async def test_what_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    child = Child(program(STUBBORN, tmp_path / "out"))
    await child.start()
    process = child.process_id or 0
    async with asyncio.timeout(30):
        await child.stop(0.2)
    assert not psutil.pid_exists(process)


async def test_the_id_of_an_ended_process_is_told(tmp_path: Path) -> None:
    ended: list[int] = []
    child = Child(program(SLEEP, tmp_path / "out", forget=ended.append))
    await child.start()
    process = child.process_id
    await child.stop(5)
    assert ended == [process]
