"""The journal's writer: a visit is in it before its answer leaves (format: domain/journals.py)."""

import fcntl
import logging
import os
import threading
import time
from pathlib import Path
from typing import Final

from domain import ids
from domain.journals import END_OF_SEGMENT, HEADER, MAX_PAYLOAD_BYTES, SEGMENT_BYTES, checksum, encode
from domain.visits import VisitRecord
from redirect.counts import Counts
from redirect.segments import Segment

SYNC_SECONDS: Final = 1.0
"""How often written pages are forced to the disk, and a full disk is tried again."""
COMPLAINT_SECONDS: Final = 30.0
HEADER_BYTES: Final = HEADER.size
pack_header = HEADER.pack_into

_log = logging.getLogger(__name__)


class Journal:
    """This process's journal: appended to from one thread, kept on the disk by another.

    A record is safe from the death of this process as soon as `append` returns, for its bytes are the
    kernel's. A thread prepares the next segment ahead and forces written pages to the disk every
    SYNC_SECONDS, so a power cut or a kernel's crash can cost the clicks of about the last second.

    Where no segment can be made (disk full or read-only) visits go on being answered: `append` counts
    them as lost, and the thread tries again until it succeeds.
    """

    def __init__(self, journals_dir: Path, now_ms: int, counts: Counts) -> None:
        """Start a journal of its own under `journals_dir`, named after its instant."""
        self.id = ids.of("clk", now_ms, os.urandom(10)).removeprefix("clk_")
        self._counts = counts
        self._folder = journals_dir / self.id
        self._lock_file: int | None = None
        self._segment: Segment | None = None
        self._memory: memoryview = memoryview(b"")
        self._position = SEGMENT_BYTES
        self._next: Segment | None = None
        self._old: list[Segment] = []
        self._made = 0
        self._failing = False
        self._complained_at = -COMPLAINT_SECONDS
        self._making = threading.Lock()
        self._wanted = threading.Event()
        self._closed = False
        self._prepare()
        self._turn()
        self._thread = threading.Thread(target=self._keep, name="journal", daemon=True)
        self._thread.start()

    @property
    def working(self) -> bool:
        """Whether clicks are being kept; False while there is no room for them."""
        return not self._failing

    def append(self, record: VisitRecord) -> None:
        """Write one record: its payload first, its header last, so that a reader never takes half of one."""
        payload = encode(record)
        length = len(payload)
        if length > MAX_PAYLOAD_BYTES:  # of a link that no API made; no reader would get past its frame
            self._lose()
            return
        start = self._position
        end = start + HEADER_BYTES + length
        if end > SEGMENT_BYTES:
            if not self._turn():
                self._lose()
                return
            start, end = 0, HEADER_BYTES + length
        self._memory[start + HEADER_BYTES : end] = payload
        pack_header(self._memory, start, length, checksum(payload))
        self._position = end
        self._counts.clicks_recorded += 1

    def close(self) -> None:
        """Force everything to the disk and let go of the lock: the worker may adopt what is left to ship."""
        if self._closed:
            return
        self._closed = True
        self._wanted.set()
        self._thread.join()
        self._memory, self._position = memoryview(b""), SEGMENT_BYTES
        open_segments = [each for each in (*self._old, self._segment, self._next) if each is not None]
        self._sync(open_segments)
        for segment in open_segments:
            segment.close()
        self._old, self._segment, self._next = [], None, None
        if self._lock_file is not None:
            os.close(self._lock_file)

    def _turn(self) -> bool:
        """Go on in the next segment, which the thread has ready, or which is made now if it was too slow."""
        if self._next is None:
            if self._closed or self._failing:
                return False
            self._prepare()
        coming = self._next
        if coming is None:
            return False
        if self._segment is not None:
            if self._position + HEADER.size <= SEGMENT_BYTES:
                HEADER.pack_into(self._memory, self._position, END_OF_SEGMENT, 0)
            self._old.append(self._segment)
        self._segment, self._next, self._position = coming, None, 0
        self._memory = memoryview(coming.memory)
        self._wanted.set()
        return True

    def _prepare(self) -> None:
        with self._making:
            if self._next is not None:
                return
            try:
                if self._lock_file is None:
                    self._lock_file = _claimed(self._folder)
                self._next = Segment(self._folder, self._made)
            except OSError as error:
                self._failing = True
                self._complain("no room for clicks: redirects go on, clicks are lost (%s)", error)
            else:
                self._made += 1
                if self._failing:
                    self._failing = False
                    _log.warning("clicks are kept again after %d were lost", self._counts.clicks_lost)

    def _keep(self) -> None:
        """The thread: the next segment is ready before it is needed, what was written reaches the disk."""
        while not self._closed:
            self._wanted.wait(SYNC_SECONDS)
            self._wanted.clear()
            if self._next is None and not self._closed:
                self._prepare()
            full = list(self._old)
            self._sync(full if self._segment is None else [*full, self._segment])
            del self._old[: len(full)]
            for segment in full:
                segment.close()

    def _sync(self, segments: list[Segment]) -> None:
        for segment in segments:
            try:
                segment.sync()
            except OSError as error:
                self._complain(
                    "clicks could not be forced to the disk, a power cut would lose them (%s)", error
                )

    def _lose(self) -> None:
        self._counts.clicks_lost += 1
        self._complain("no room for clicks, or too large: %d lost so far", self._counts.clicks_lost)

    def _complain(self, message: str, detail: object) -> None:
        """Log what is wrong, at most every COMPLAINT_SECONDS: complaints must not fill a full disk."""
        if time.monotonic() - self._complained_at >= COMPLAINT_SECONDS:
            self._complained_at = time.monotonic()
            _log.error(message, detail)


def _claimed(folder: Path) -> int:
    """Make the folder, its lock held before it gets its name: nobody can take it for a dead process's."""
    unborn = folder.with_name(f".{folder.name}")
    unborn.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(unborn / "writer.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unborn.rename(folder)
    except OSError:
        os.close(lock)
        raise
    return lock
