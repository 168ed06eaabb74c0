"""A program that is kept alive: started, watched, started again when it ends, and never left behind."""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 2.0
STEADY_SECONDS: Final = 10.0
"""Who ran this long starts again at once, and with the first pause after that."""
READY_SECONDS: Final = 15.0
MISCONFIGURED: Final = 78
"""EX_CONFIG of sysexits.h: starting again cannot help."""
_ATTEMPTS: Final = 5
_PR_SET_PDEATHSIG: Final = 1

_log = logging.getLogger(__name__)


class Failed(Exception):
    """A program does not come up, and starting it again will not help; the message says which and why."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run and how.

    Args:
        name: what the operator calls it: "mongod", "api-1".
        command: program and arguments.
        ready: returns as soon as the program does its work; asked again at every start.
        environment: the whole environment; None hands on ours.
        files: file descriptors that the program inherits.
        output: where it prints; None prints where we print.
        on_orphan: the signal it gets when we die without stopping it.
        niceness: how much it lets others go first; 0 like us, 19 at most.
        explain: why it ended at its start, from what it printed.
        forget: called with the process id of a program that ended.
    """

    name: str
    command: tuple[str, ...]
    ready: Callable[[], Awaitable[None]]
    environment: Mapping[str, str] | None = None
    files: tuple[int, ...] = ()
    output: Path | None = None
    on_orphan: signal.Signals = signal.SIGTERM
    niceness: int = 0
    explain: Callable[[str], str] | None = None
    forget: Callable[[int], None] = field(default=lambda _process: None)


class Child:
    """One running program and the task that keeps it alive."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.ready = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def process_id(self) -> int | None:
        """The process at this moment, or None between two."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Start the program and wait until it is ready for the first time; from then on it is kept alive.

        Raises:
            Failed: it did not come up.
        """
        self._keeping = asyncio.create_task(self._keep(), name=f"keep {self.program.name}")
        arrival = asyncio.create_task(self.ready.wait())
        try:
            await asyncio.wait({arrival, self._keeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            arrival.cancel()
        if not self.ready.is_set():
            await self._keeping

    async def failed(self) -> None:
        """Wait for as long as the program is kept alive; raises Failed when that has no sense any more."""
        if self._keeping is not None:
            await asyncio.shield(self._keeping)

    async def stop(self, seconds: float) -> None:
        """Ask the program to end, wait, and kill it after `seconds`."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        process = self._process
        if process is None or process.returncode is not None:
            return
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(seconds):
                await process.wait()
        except TimeoutError:
            _log.warning("%s did not end within %g s and is killed", self.program.name, seconds)
            self.signal(signal.SIGKILL)
            await process.wait()
        self.program.forget(process.pid)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the program has just ended."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _keep(self) -> None:
        pause, failures = FIRST_PAUSE_SECONDS, 0
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            code = await self._run()
            if loop.time() - started >= STEADY_SECONDS:
                pause, failures = FIRST_PAUSE_SECONDS, 0
            failures += 1
            self._give_up(code, failures)
            _log.warning(
                "%s ended with %s and is started again in %g s", self.program.name, _how(code), pause
            )
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _give_up(self, code: int, failures: int) -> None:
        """Who was never ready will not be; who was once is started again for ever."""
        if code == MISCONFIGURED:
            raise Failed(f"{self.program.name} cannot run with these settings; its message is above")
        if self.ready.is_set() or failures < _ATTEMPTS:
            return
        if self.program.explain is None or self.program.output is None:
            raise Failed(f"{self.program.name} ended {failures} times with {_how(code)} before it was ready")
        raise Failed(self.program.explain(self.program.output.read_text(errors="replace")))

    async def _run(self) -> int:
        """Run the program once, until it ends."""
        program = self.program
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(program.output.open("wb")) if program.output else None
            self._process = await asyncio.create_subprocess_exec(
                *program.command,
                env=program.environment,
                pass_fds=program.files,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=_setting_out(program),  # system calls only, no lock is taken
            )
        watching = asyncio.create_task(self._watch())
        ending = asyncio.create_task(self._process.wait())
        try:
            await asyncio.wait({watching, ending}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                await watching
            code = await ending
        finally:
            watching.cancel()
            ending.cancel()
            await asyncio.gather(watching, ending, return_exceptions=True)
        program.forget(self._process.pid)
        return code

    async def _watch(self) -> None:
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self.program.ready()
        except TimeoutError:
            _log.warning("%s is not ready after %g s", self.program.name, READY_SECONDS)
            await self.program.ready()
        self.ready.set()


def _setting_out(program: Program) -> Callable[[], None]:
    """What a forked child does first.

    It gets a process group of its own, so that Ctrl-C reaches only us and we end the others in order; but it
    stays in our session, because Linux weighs priorities within a session only (sched(7), autogroup): a job
    that steps back would otherwise step back behind nobody. A terminal that stops background groups when they
    print (stty tostop) does not stop it. On Linux the kernel also sends it
    `program.on_orphan` when its parent dies (prctl(2)).
    """
    linux, parent = sys.platform == "linux", os.getpid()
    libc = ctypes.CDLL(None)

    def set_out() -> None:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.nice(program.niceness)
        if linux:
            libc.prctl(_PR_SET_PDEATHSIG, int(program.on_orphan))
        if os.getppid() != parent:  # we died between fork and prctl
            os._exit(1)

    return set_out


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
