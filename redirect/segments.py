"""One segment of a journal: a mapped file whose space is there before the first byte is written."""

import mmap
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from domain import journals

_FLAGS: Final = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)


class Segment:
    """A mapped file of SEGMENT_BYTES zeroes.

    Its space is allocated and its pages are mapped beforehand, so writing to it cannot find the disk full,
    which a mapped file would tell by SIGBUS. (File systems that copy on write, such as ZFS, promise less.)
    """

    __slots__ = ("_file", "memory", "number")

    def __init__(self, folder: Path, number: int) -> None:
        """Allocate, map and publish segment `number`; an OSError leaves nothing behind."""
        self.number = number
        path = folder / f"{number:08d}.seg"
        unborn = path.with_suffix(".new")
        self._file = os.open(unborn, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(self._file, 0, journals.SEGMENT_BYTES)
            self.memory = mmap.mmap(self._file, journals.SEGMENT_BYTES, flags=_FLAGS)
            unborn.rename(path)
        except OSError:
            os.close(self._file)
            with suppress(OSError):  # a disk that lets nothing be removed either; the file is not a segment
                unborn.unlink()
            raise

    def sync(self) -> None:
        """Wait until everything written so far is on the disk; raises OSError where the disk fails."""
        os.fdatasync(self._file)

    def close(self) -> None:
        """Let go of the file; what was written stays."""
        self.memory.close()
        os.close(self._file)
