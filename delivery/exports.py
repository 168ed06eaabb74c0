"""The work of exports: rows become the pieces of a file, one a chunk."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, Final, Protocol

import msgspec

from delivery import parquet_files
from domain import exports, file_rows
from domain.chunks import Chunk
from domain.file_rows import Columns, FileFormat, Row
from domain.job_files import JobFiles
from domain.jobs import Job

ROWS: Final = {FileFormat.JSONL: 5_000, FileFormat.CSV: 5_000, FileFormat.PARQUET: 20_000}
"""From so many rows on a piece is large enough …"""
BYTES: Final = 4 * 1024 * 1024
"""… and from so many bytes of them as JSON: in any format they fit into a document of MongoDB then."""
MARKS: Final = 20
"""Places without a row that are passed in one piece: where few rows are wanted a chunk ends soon, too."""


class Source(Protocol):
    """Where the rows of a file come from."""

    work: str
    columns: Columns

    def start(self, job: Job) -> str:
        """Where the first row is read."""
        ...

    def read(self, job: Job, start: str) -> AsyncGenerator[tuple[str, Row | None], None]:
        """The rows from `start` on, each with its place; now and then a place that has no row."""
        ...


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a chunk begins.

    Args:
        start: where the next row is read; None: all are written, only the footer is missing.
        pieces: how many chunks there were before.
        size: bytes of the file before.
        metadata: of a Parquet file, those of the piece before, in hexadecimal: it may not be committed yet.
    """

    start: str | None
    pieces: int = 0
    size: int = 0
    metadata: str = ""


class Export:
    """Writes rows into a job's file; see domain.chunks.Work.

    Args:
        source: where the rows come from.
        written: where the pieces are read that the job has written so far.
    """

    def __init__(self, source: Source, written: JobFiles) -> None:
        self.name = source.work
        self._source = source
        self._written = written

    async def chunk(self, job: Job, cursor: Any) -> Chunk:
        """The next piece of the file."""
        place = Place(self._source.start(job)) if cursor is None else msgspec.convert(cursor, Place)
        if place.start is None:
            footer = await self._footer(job, place)
            whole = Place(None, place.pieces + 1, place.size + len(footer))
            return Chunk(output=footer, cursor=_plain(whole), last=True)
        kind = exports.format_of(job)
        rows, following = await self._rows(job, place.start, ROWS[kind])
        if kind is FileFormat.PARQUET:
            return await self._parquet(rows, place, following)
        piece = file_rows.json_lines(rows)
        if kind is FileFormat.CSV:
            header = b"" if cursor else file_rows.csv_header(self._source.columns)
            piece = header + file_rows.csv_lines(rows)
        after = Place(following, place.pieces + 1, place.size + len(piece))
        return Chunk(output=piece, written=len(rows), cursor=_plain(after), last=following is None)

    async def _rows(self, job: Job, start: str, enough: int) -> tuple[list[Row], str | None]:
        """The rows of one piece, and the place behind them; None: there are no more."""
        rows: list[Row] = []
        size = marks = 0
        async with aclosing(self._source.read(job, start)) as found:
            async for place, row in found:
                marks += row is None
                full = len(rows) >= enough or size >= BYTES
                if full or marks >= MARKS:
                    return rows, place
                if row is not None:
                    rows.append(row)
                    size += len(file_rows.written(row))
        return rows, None

    async def _parquet(self, rows: Sequence[Row], place: Place, following: str | None) -> Chunk:
        """A row group; a file without any has one without rows."""
        if not rows and (following is not None or place.size):
            piece, metadata = b"", ""
        else:
            columns = self._source.columns
            piece = await asyncio.to_thread(parquet_files.row_group, rows, columns, place.size)
            metadata = parquet_files.metadata_of(piece).hex()
        after = Place(following, place.pieces + 1, place.size + len(piece), metadata)
        return Chunk(output=piece, written=len(rows), cursor=_plain(after))

    async def _footer(self, job: Job, place: Place) -> bytes:
        metadata = [each async for each in self._metadata(job, place)]
        return await asyncio.to_thread(parquet_files.footer, metadata)

    async def _metadata(self, job: Job, place: Place) -> AsyncIterator[bytes]:
        """Of every piece; the one before this chunk is still being committed while this is prepared."""
        for step in range(place.pieces - 1):
            piece = await self._written.output(job.workspace_id, job.id, step)
            if piece:
                yield parquet_files.metadata_of(piece)
        if place.metadata:
            yield bytes.fromhex(place.metadata)


def _plain(place: Place) -> Any:
    return msgspec.to_builtins(place)
