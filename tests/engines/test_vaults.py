"""Hashing of passwords beside the event loop: bounded, and behind everything else."""

import asyncio
import os
import sys
import threading

import pytest

from app import vaults
from app.vaults import ThreadVault
from domain import passwords
from domain.errors import Unavailable


async def test_what_is_sealed_opens() -> None:
    vault = ThreadVault()
    try:
        sealed = await vault.seal("open sesame")
        assert [await vault.opens(sealed, each) for each in ("open sesame", "open sesam")] == [True, False]
        assert (await vault.seal("open sesame")).hash != sealed.hash  # each has a salt of its own
    finally:
        vault.close()


async def test_a_crowd_is_told_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many at once, so many waiting; the next one is refused, and room comes back."""
    going, free = threading.Semaphore(0), threading.Event()
    priorities: list[int] = []

    def slow(password: str) -> passwords.Sealed:
        priorities.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        going.release()
        free.wait(10)
        return passwords.Sealed(password)

    monkeypatch.setattr(passwords, "seal", slow)
    vault = ThreadVault()
    try:
        crowd = [
            asyncio.create_task(vault.seal(f"{number}")) for number in range(vaults.THREADS + vaults.WAITING)
        ]
        for _ in range(vaults.THREADS):
            await asyncio.to_thread(going.acquire)
        with pytest.raises(Unavailable):
            await vault.seal("one too many")
        free.set()
        assert [sealed.hash for sealed in await asyncio.gather(*crowd)] == [
            f"{number}" for number in range(vaults.THREADS + vaults.WAITING)
        ]
        assert (await vault.seal("again")).hash == "again"
        assert sys.platform != "linux" or min(priorities) >= vaults.NICENESS
    finally:
        free.set()
        vault.close()
