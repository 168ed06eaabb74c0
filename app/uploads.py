"""POST /uploads: a file of rows for a job, kept chunk by chunk while it arrives."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import msgspec

from app.entrances import Call
from app.graphql import answers, bodies
from domain import uploads
from domain.access import Scope
from domain.csv_rows import CsvRows
from domain.errors import BadRequest, LimitExceeded, NotFound, RateLimited, Unavailable, UserError
from domain.ids import Ids
from domain.instants import Clock
from domain.json_lines import JsonLines
from domain.uploads import MAX_BYTES, MAX_ROWS, MAX_WAITING, UNUSED, Chunk, Packing, Upload, UploadFormat

PATH: Final = "/uploads"
PATIENCE_SECONDS: Final = 10.0
"""How long a client may keep us waiting …"""
BYTES_PER_SECOND: Final = 16 * 1024
"""… and how many more bytes buy it one more second."""
OPEN_PER_WORKSPACE: Final = 4
RETRY_SECONDS: Final = 5.0
ARRIVING: Final = timedelta(hours=12)
"""More than the largest file may take; what broke off unnoticed, with its process, is gone then."""
SLICE_BYTES: Final = 16 * 1024
"""So much is read at a stretch; then whoever waits gets the processor."""
LINES_PER_ROW: Final = 10
"""Cells have line breaks and files have blank lines, but not without end."""
POINTS: Final = 100
"""What an upload costs of a key's budget."""


class Reader(Protocol):
    """Makes rows of the pieces of a file; see domain.json_lines and domain.csv_rows."""

    columns: tuple[str, ...]

    def feed(self, piece: bytes) -> Iterator[bytes | UserError]:
        """The rows that end in a piece."""

    def end(self) -> Iterator[bytes | UserError]:
        """The row that ends with the file."""


_FORMATS: Final[Mapping[str, tuple[UploadFormat, Callable[[], Reader]]]] = {
    "text/csv": (UploadFormat.CSV, CsvRows),
    "application/jsonl": (UploadFormat.JSON_LINES, JsonLines),
    "application/x-ndjson": (UploadFormat.JSON_LINES, JsonLines),
}


class TooManyRows(LimitExceeded):
    """The file has more rows than one upload may."""

    status = 413


@dataclass(slots=True)
class Counts:
    """What the metrics export.

    Args:
        open: files that are arriving now.
        received: those that arrived whole.
        broken_off: those that did not, for whatever reason.
    """

    open: int = field(default=0, metadata={"gauge": True})
    received: int = 0
    broken_off: int = 0


class Uploads:
    """Takes files.

    Args:
        store: where rows are kept.
        counts: see Counts.
        clock: the time.
        ids: makes ids.
        patience_seconds: see PATIENCE_SECONDS.
        max_bytes: the largest body.
        max_rows: how many rows it may have.
        max_waiting: see uploads.MAX_WAITING.
    """

    method, scope, points = "POST", Scope.LINKS_WRITE, POINTS

    def __init__(
        self,
        store: uploads.Uploads,
        counts: Counts | None = None,
        *,
        clock: Clock,
        ids: Ids,
        patience_seconds: float = PATIENCE_SECONDS,
        max_bytes: int = MAX_BYTES,
        max_rows: int = MAX_ROWS,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self.counts = counts or Counts()
        self._store = store
        self._clock = clock
        self._ids = ids
        self._patience_seconds = patience_seconds
        self._max_bytes = max_bytes
        self._max_rows = max_rows
        self._max_waiting = max_waiting
        self._open: Counter[str] = Counter()

    async def answer(self, call: Call) -> None:
        """Keep the rows of a body; 201 with the upload's id once all of them are kept.

        Raises:
            ApiError: the body is of another type, too large, too slow, or the client sends too many at once.
            Rejected: the file is none of its type.
            Disconnected: the client left; nothing is kept.
        """
        if call.scope["path"].rstrip("/") != PATH:
            raise NotFound("There is nothing here: files go to POST /uploads.")
        media = bodies.check_media_type(dict(call.scope["headers"]), tuple(_FORMATS))
        with self._counted(call.viewer.workspace_id):
            await self._check_room(call.viewer.workspace_id)
            made = await self._received(call, *_FORMATS[media])
        await answers.created(call.send, made, call.request_id)

    async def _received(
        self, call: Call, kind: UploadFormat, make_reader: Callable[[], Reader]
    ) -> dict[str, Any]:
        arriving = self._arriving(call.viewer.workspace_id, kind)
        arrival = _Arrival(arriving, make_reader(), self._store, self._max_rows)
        try:
            await self._take(call, arrival)
            upload = await arrival.end(self._clock())
        except BaseException:
            with suppress(Unavailable):  # then they expire by themselves
                await self._store.remove(call.viewer.workspace_id, arriving.id)
            raise
        columns = {"columns": upload.columns} if upload.columns else {}
        return {"id": upload.id, "rows": upload.rows, "unfit": arrival.unfit, **columns}

    def _arriving(self, workspace_id: str, kind: UploadFormat) -> Upload:
        now = self._clock()
        return Upload(
            id=self._ids.new("upl"),
            workspace_id=workspace_id,
            format=kind,
            rows=0,
            chunks=0,
            created_at=now,
            expires_at=now + ARRIVING,
        )

    async def _take(self, call: Call, arrival: "_Arrival") -> None:
        async with aclosing(self._pieces(call)) as pieces:
            async for piece in pieces:
                for start in range(0, len(piece), SLICE_BYTES):
                    await arrival.take(piece[start : start + SLICE_BYTES])
                    await asyncio.sleep(0)

    async def _check_room(self, workspace_id: str) -> None:
        if await self._store.count(workspace_id, limit=self._max_waiting) >= self._max_waiting:
            message = f"{self._max_waiting} uploads of this workspace wait for a job; each does so for a day."
            raise LimitExceeded(message)

    def _pieces(self, call: Call) -> Any:
        return bodies.pieces(
            dict(call.scope["headers"]),
            call.receive,
            max_bytes=self._max_bytes,
            patience_seconds=self._patience_seconds,
            bytes_per_second=BYTES_PER_SECOND,
        )

    @contextmanager
    def _counted(self, workspace_id: str) -> Iterator[None]:
        if self._open[workspace_id] >= OPEN_PER_WORKSPACE:
            message = f"{OPEN_PER_WORKSPACE} files of this workspace are arriving already; send one by one."
            raise RateLimited(message, retry_after_seconds=RETRY_SECONDS)
        self._open[workspace_id] += 1
        self.counts.open += 1
        try:
            yield
            self.counts.received += 1
        except BaseException:
            self.counts.broken_off += 1
            raise
        finally:
            self.counts.open -= 1
            self._open[workspace_id] -= 1
            if not self._open[workspace_id]:
                del self._open[workspace_id]


class _Arrival:
    """One file that is coming in."""

    def __init__(self, upload: Upload, reader: Reader, store: uploads.Uploads, max_rows: int) -> None:
        self.upload = upload
        self.unfit = 0
        self._reader = reader
        self._store = store
        self._max_rows = max_rows
        self._lines_left = max_rows * LINES_PER_ROW
        self._packing = Packing()

    async def take(self, piece: bytes) -> None:
        """Keep the rows that end in a piece; raises TooManyRows, Rejected."""
        self._lines_left -= piece.count(b"\n")
        if self._lines_left < 0:
            raise TooManyRows(f"The file has more than {self._max_rows * LINES_PER_ROW:,} lines.")
        await self._pack(self._reader.feed(piece))

    async def end(self, now: datetime) -> Upload:
        """The upload, now that it is whole; raises BadRequest where it has no rows, and Rejected."""
        await self._pack(self._reader.end())
        if not self._packing.rows:
            raise BadRequest("The file has no rows.")
        await self._keep(self._packing.rest())
        whole = msgspec.structs.replace(
            self.upload,
            columns=self._reader.columns,
            rows=self._packing.rows,
            chunks=self._packing.chunks,
            expires_at=now + UNUSED,
        )
        await self._store.add(whole.workspace_id, whole)
        return whole

    async def _pack(self, rows: Iterator[bytes | UserError]) -> None:
        for row in rows:
            self.unfit += isinstance(row, UserError)
            chunk = self._packing.add(row)
            if self._packing.rows > self._max_rows:
                raise TooManyRows(f"The file has more than {self._max_rows:,} rows; send it in parts.")
            await self._keep(chunk)

    async def _keep(self, chunk: Chunk | None) -> None:
        if chunk is not None:
            upload = self.upload
            await self._store.add_chunk(upload.workspace_id, upload.id, chunk, upload.expires_at)
