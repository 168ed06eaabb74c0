"""Who gets the processor first: a redirect that wakes up, and last of all a job."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app import priorities
from tests.application import ROOT

SCHEDULING = Path("/proc/self/sched")


def told_by(statements: str) -> str:
    """What a process of its own prints, for priorities cannot be taken back."""
    command = [sys.executable, "-c", f"import os; from app import priorities; {statements}"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="scheduling policies are Linux's")
def test_jobs_compute_when_nobody_else_wants_to() -> None:
    """BK-04: a processor that does nothing but jobs counts as idle for whoever wakes up."""
    assert told_by("priorities.step_back(); print(os.sched_getscheduler(0))") == str(os.SCHED_IDLE)


def test_the_ledger_lets_visitors_go_first() -> None:
    """BK-04: with little weight, but with some; asked for twice it is the same."""
    assert told_by("priorities.step_aside(); priorities.step_aside(); print(os.nice(0))") == "10"


def test_redirects_go_ahead_where_they_may() -> None:
    """BK-04: who may not stays where it is, and works."""
    command = f"import os; os.setpriority(os.PRIO_PROCESS, 0, {priorities.AHEAD})"
    may = subprocess.run([sys.executable, "-c", command], check=False, capture_output=True).returncode == 0
    assert told_by("os.nice(3); priorities.come_first(); print(os.nice(0))") == (
        str(priorities.AHEAD) if may else "3"
    )


def test_redirects_ask_for_short_turns() -> None:
    """BK-04: the policy stays; kernels that know slices (Linux 6.12) show the one asked for."""
    if not SCHEDULING.exists() or "se.slice" not in SCHEDULING.read_text():
        pytest.skip("this kernel tells nothing of slices")
    shown = told_by("priorities.come_first(); print(open('/proc/self/sched').read())")
    assert re.search(r"se\.slice\s*:\s*100000$", shown, re.MULTILINE)
    assert re.search(r"policy\s*:\s*0$", shown, re.MULTILINE)


COMPUTING = """
import asyncio, time, uvloop
def policy():
    return os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
async def main():
    leading = asyncio.create_task(priorities.keep_ahead())
    await asyncio.sleep(0)
    print(policy(), end=" ")
    deadline = time.monotonic() + 20
    while policy() == os.SCHED_RR and time.monotonic() < deadline:
        pass
    print(policy(), end=" ")
    while policy() != os.SCHED_RR and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    print(policy(), end=" ")
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)
    print(policy())
uvloop.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="scheduling policies are Linux's")
def test_redirects_that_never_rest_share_the_processor() -> None:
    """BK-04: real-time precedence ends while a process computes without a pause, and comes back."""
    command = [sys.executable, "-c", "import os; os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))"]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("no process may have real-time precedence here: that takes root or CAP_SYS_NICE")
    ahead, shared = str(os.SCHED_RR), str(os.SCHED_OTHER)
    assert told_by(COMPUTING).split() == [ahead, shared, ahead, shared]
