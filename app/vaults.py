"""A vault that hashes passwords in a few threads: argon2 lets go of the interpreter while it works."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from domain import passwords
from domain.errors import Unavailable
from domain.passwords import Sealed

THREADS: Final = 2
"""Hashes at the same time; each takes passwords.MEMORY_KIB."""
WAITING: Final = 16
"""How many may wait; the last of them for about a second."""
NICENESS: Final = 10
"""Whoever guesses passwords must not slow others down: hashing gets the processor time that is left."""
Result = TypeVar("Result")


class ThreadVault:
    """Hashes beside the event loop; see domain.passwords.Vault for what each method promises."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="vault", initializer=_stand_back)
        self._busy = 0

    async def seal(self, password: str) -> Sealed:
        """The hash of a password."""
        return await self._beside(lambda: passwords.seal(password))

    async def opens(self, kept: Sealed, password: str) -> bool:
        """Whether a password is the one that a hash was made of."""
        return await self._beside(lambda: passwords.opens(kept, password))

    def close(self) -> None:
        """Let what runs end, and drop what waits."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _beside(self, work: Callable[[], Result]) -> Result:
        if self._busy >= THREADS + WAITING:
            raise Unavailable("Too many passwords are being checked; try again.", retry_after_seconds=2)
        self._busy += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._busy -= 1


def _stand_back() -> None:
    """Lower the priority of this thread; elsewhere than on Linux, threads have none of their own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
