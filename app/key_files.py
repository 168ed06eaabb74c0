"""The file of the first admin key: written before the key is one, so that no crash can lose it."""

import asyncio
import os
import secrets
from pathlib import Path
from typing import Final

from domain import keys
from domain.keys import Keys

_MODE: Final = 0o600


class KeyFile:
    """The key for its owner's eyes only; the file is complete or absent.

    A secret is proposed in a file beside it (`admin.new`), then stored, then the file gets its name. A start
    that was cut short leaves the proposal, and the next one takes it up: the same secret is stored, or, where
    it is stored already, the file gets its name now.

    Args:
        path: where the key is kept in the end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._proposal = path.with_suffix(".new")
        self._problem: str | None = None

    async def propose(self, secret: str) -> str:
        """Keep `secret` until it is stored; gives the one that is proposed already, if there is one.

        A folder that cannot be written is no reason not to start: the key is printed, and `told` says why.
        """
        try:
            return await asyncio.to_thread(self._proposed, secret)
        except OSError as error:
            self._problem = str(error.strerror)
            return secret

    async def settle(self, kept: Keys) -> None:
        """Give a proposal its name if it has become a key, and drop it if another process was quicker."""
        try:
            secret = await asyncio.to_thread(self._read)
        except OSError as error:
            self._problem = str(error.strerror)
            return
        if secret is not None:
            is_key = await kept.by_hash(keys.digest(secret)) is not None
            await asyncio.to_thread(self._end, is_key=is_key)

    def told(self) -> str:
        """Where the key is, for the operator."""
        if self._problem is not None:
            return f"write it down, {self.path} cannot be written: {self._problem}"
        return f"kept in {self.path}"

    def _proposed(self, secret: str) -> str:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        own = self.path.with_suffix(f".{secrets.token_hex(8)}")
        try:
            with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "w") as writing:
                writing.write(f"{secret}\n")
                writing.flush()
                os.fsync(writing.fileno())
            try:
                self._proposal.hardlink_to(own)
            except FileExistsError:
                return self._read() or secret
        finally:
            own.unlink(missing_ok=True)
        self._remember_names()
        return secret

    def _read(self) -> str | None:
        try:
            return self._proposal.read_text().strip() or None
        except FileNotFoundError:
            return None

    def _end(self, *, is_key: bool) -> None:
        try:
            if is_key:
                self._proposal.replace(self.path)
                self._remember_names()
            else:
                self._proposal.unlink()
        except FileNotFoundError:
            return  # another process on this folder has just done it

    def _remember_names(self) -> None:
        """Names of files survive a power cut only once their folder is written."""
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
