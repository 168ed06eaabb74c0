"""Priorities: who gets the processor first where several processes want it at the same moment."""

import asyncio
import ctypes
import logging
import os
import platform
import resource
import signal
import sys
from typing import Final

LEAST: Final = 19
AHEAD: Final = -10
"""Niceness of redirects, where they may ask for it: root, or CAP_SYS_NICE (setpriority(2))."""
ASIDE: Final = 10
"""Niceness of whom no visitor waits for: a tenth of the processor where a redirect wants all of it."""
SLICE_NANOSECONDS: Final = 100_000
BREATHLESS_SECONDS: Final = 0.2
"""Computing without a pause after which a process has no real-time precedence any more."""
SHARING_SECONDS: Final = 1.0
"""When it asks for it again."""
_SYSTEM_CALLS: Final = {"x86_64": 314, "aarch64": 274}
"""sched_setattr has no function in the C library."""
_log = logging.getLogger(__name__)


class _Attributes(ctypes.Structure):
    """struct sched_attr of sched_setattr(2), its first version."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    )


def come_first() -> None:
    """Ask for precedence and for short turns: a visitor waits for nobody who could wait as well.

    A process that has short turns gets the processor as soon as it wakes up; it need not wait until one that
    computes for longer, such as a database in the middle of a batch, has used up its turn. Linux 6.12 and
    newer heed it (sched(7), EEVDF); older ones take it and do nothing.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, 0, AHEAD)
    except PermissionError:
        _log.info("no precedence over others: that takes root or CAP_SYS_NICE")
    _share()


async def keep_ahead() -> None:
    """Get the processor at once for as long as this thread also rests: work for the background.

    Many kernels (PREEMPT_NONE, PREEMPT_LAZY) let whoever computes go on until their clock ticks, 4 ms at
    250 Hz, unless it is a real-time process that has been woken up. Such a one could keep all others from the
    processor. So the kernel tells when it has computed for BREATHLESS_SECONDS without once waiting for
    something (RLIMIT_RTTIME, setrlimit(2)); then it shares, as processes do, and asks again a while later.
    """
    if sys.platform != "linux":
        await _for_ever()
    _, most = resource.getrlimit(resource.RLIMIT_RTTIME)
    if most != resource.RLIM_INFINITY:
        await _for_ever()  # whoever reaches that limit is killed
    before = signal.signal(signal.SIGXCPU, lambda *_: _share())
    try:
        while True:
            # the kernel moves the limit whenever it tells of it
            resource.setrlimit(resource.RLIMIT_RTTIME, (round(BREATHLESS_SECONDS * 1e6), most))
            os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
            await asyncio.sleep(SHARING_SECONDS)
    except PermissionError:
        _log.info("no precedence of real time: that takes root or CAP_SYS_NICE")
        await _for_ever()
    finally:
        _share()
        signal.signal(signal.SIGXCPU, before)


def _share() -> None:
    """Compete for the processor as processes do, with short turns where the system gives them."""
    if sys.platform != "linux":
        return
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    number = _SYSTEM_CALLS.get(platform.machine())
    if number is None:
        return
    wanted = _Attributes(
        size=ctypes.sizeof(_Attributes), policy=os.SCHED_OTHER, nice=os.nice(0), runtime=SLICE_NANOSECONDS
    )
    if ctypes.CDLL(None, use_errno=True).syscall(number, 0, ctypes.byref(wanted), 0) != 0:
        _log.info("the system gives no short turns: %s", os.strerror(ctypes.get_errno()))


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def step_aside() -> None:
    """Let visitors go first, without ever standing still: a redirect must not wait for the ledger."""
    os.nice(ASIDE - os.nice(0))


def step_back() -> None:
    """Let everybody else go first: whoever wakes up gets the processor at once (sched(7), SCHED_IDLE)."""
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(LEAST)
