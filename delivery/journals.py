"""The journals on this host: adopted by one shipper each, read from an offset, removed once shipped."""

import fcntl
import mmap
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from domain import journals
from domain.journals import HEADER, SEGMENT_BYTES, TornFrame

MAX_BYTES: Final = 2 * 1024 * 1024
"""Of one reading: a transaction of many megabytes does not fit the database's cache."""
_NAME: Final = re.compile(r"[0-9a-z]{26}")


class Frame(NamedTuple):
    """One record as it stands in a journal: its header's offset, and its payload (empty: damaged)."""

    offset: int
    payload: bytes


class Journal:
    """One journal that this process ships, and no other while it holds `shipper.lock`."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.id = folder.name
        self.offset = 0
        self._folder = folder
        self._lock = lock
        self._number = -1
        self._map: mmap.mmap | None = None
        self._torn_at = -1

    def sign(self, session: str) -> str | None:
        """Leave the name of our transactions in `shipper.lock`; gives the one the last shipper left."""
        last = os.pread(self._lock, 64, 0).decode("ascii", "replace")
        os.pwrite(self._lock, session.encode("ascii"), 0)
        return last if last and last != session else None

    @classmethod
    def adopt(cls, folder: Path) -> "Journal | None":
        """The journal of `folder`, or None while another process ships it (or has just removed it).

        Raises:
            OSError: there is something of that name, but no journal that we may read.
        """
        if not (folder / "writer.lock").exists():
            return None  # no redirect process made it
        try:
            lock = os.open(folder / "shipper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            return None
        if _locked(lock, fcntl.LOCK_EX) and (folder / "shipper.lock").exists():
            return cls(folder, lock)
        os.close(lock)
        return None

    def seek(self, offset: int) -> None:
        """Go on from `offset`; segments that lie wholly before it are shipped and removed."""
        self.offset = offset
        for path in self._folder.glob("*.seg"):
            if path.stem.isdecimal() and int(path.stem) < offset // SEGMENT_BYTES:
                path.unlink(missing_ok=True)

    def frames(self, limit: int, start: int | None = None) -> tuple[list[Frame], int]:
        """At most `limit` of the frames that are written from `start` on, and the offset behind them.

        Fewer where they are large, so that a transaction of them stays within MAX_BYTES.

        Args:
            limit: how many.
            start: an offset behind a frame; None: where shipping goes on.
        """
        found: list[Frame] = []
        start = at = self.offset if start is None else start
        while True:
            number = at // SEGMENT_BYTES
            view = self._view(number)
            if view is None:
                return found, at
            with view:
                at = self._read(view, at, limit, found, start)
                full = len(found) == limit or at - start >= MAX_BYTES
                if full or not journals.ends(view, at - number * SEGMENT_BYTES):
                    return found, at
            at = (number + 1) * SEGMENT_BYTES

    def abandoned(self) -> bool:
        """Whether the process that wrote it is gone; what it wrote is then all there will ever be."""
        try:
            lock = os.open(self._folder / "writer.lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return _locked(lock, fcntl.LOCK_SH)
        finally:
            os.close(lock)

    def remove(self) -> None:
        """Remove the folder with everything in it, and let go of it."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self.release()

    def release(self) -> None:
        """Let another process ship it."""
        if self._map is not None:
            self._map.close()
            self._map = None
        os.close(self._lock)

    def _read(self, view: memoryview, end: int, limit: int, found: list[Frame], start: int) -> int:
        """Collect the frames of one segment from `end` on; gives where it stopped."""
        base = end - end % SEGMENT_BYTES
        try:
            for behind, payload in journals.frames(view, end - base):
                found.append(Frame(end, bytes(payload)))
                end = base + behind
                if len(found) == limit or end - start >= MAX_BYTES:
                    break
        except TornFrame:
            skipped = self._damaged(view, end)
            if skipped is not None:
                found.append(Frame(end, b""))
                return skipped
        return end

    def _damaged(self, view: memoryview, offset: int) -> int | None:
        """Where the next frame starts, if the torn one at `offset` is not just being written but damaged.

        The writer goes on only after a frame is whole. So a second look at one that is followed by another
        tells damage from a frame that is being written.
        """
        if self._torn_at != offset:
            self._torn_at = offset
            return None
        position = offset % SEGMENT_BYTES
        length: int = HEADER.unpack_from(view, position)[0]
        behind = position + HEADER.size + length
        if length > journals.MAX_PAYLOAD_BYTES or behind + HEADER.size > len(view):
            return None
        followed = HEADER.unpack_from(view, behind)[0] != 0
        return offset + HEADER.size + length if followed else None

    def _view(self, number: int) -> memoryview | None:
        """Segment `number`, mapped; None where it does not exist yet."""
        if self._map is None or self._number != number:
            if self._map is not None:
                self._map.close()
                self._map = None
            try:
                with (self._folder / f"{number:08d}.seg").open("rb") as file:
                    self._map = mmap.mmap(file.fileno(), SEGMENT_BYTES, prot=mmap.PROT_READ)
            except FileNotFoundError:
                return None
            self._number = number
        return memoryview(self._map)


def folders(journals_dir: Path) -> Iterator[Path]:
    """The journals under `journals_dir`, oldest first; none where it does not exist yet."""
    with suppress(FileNotFoundError):
        yield from sorted(path for path in journals_dir.iterdir() if _NAME.fullmatch(path.name))


def _locked(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
