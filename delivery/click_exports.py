"""The work of exports: clicks, oldest first, become the pieces of a file, one a chunk."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from delivery import parquet_files
from domain import click_rows, jobs
from domain.chunks import Chunk
from domain.click_exports import WORK, ClickStretches, ExportClicks, ExportFormat
from domain.clicks import Click
from domain.job_files import JobFiles
from domain.jobs import Job

STRETCHES: Final = 20
"""Stretches that one chunk reads at most: with a filter that finds little, it still ends soon."""
_ROWS: Final = {ExportFormat.JSONL: 5_000, ExportFormat.CSV: 5_000, ExportFormat.PARQUET: 20_000}
"""From so many rows on a piece is large enough."""


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a chunk begins.

    Args:
        start: id of the next click; None: all are written, only the footer is missing.
        pieces: how many chunks there were before.
        size: bytes of the file before.
        metadata: of a Parquet file, those of the piece before, in hexadecimal: it may not be committed yet.
    """

    start: str | None
    pieces: int = 0
    size: int = 0
    metadata: str = ""


class ClickExport:
    """Writes clicks into a job's file; see domain.chunks.Work.

    Args:
        clicks: where they are read.
        written: where the pieces are read that the job has written so far.
    """

    name = WORK

    def __init__(self, clicks: ClickStretches, written: JobFiles) -> None:
        self._clicks = clicks
        self._written = written

    async def chunk(self, job: Job, cursor: Any) -> Chunk:
        """The next piece of the file."""
        spec = jobs.spec_of(job, ExportClicks)
        place = Place(spec.first) if cursor is None else msgspec.convert(cursor, Place)
        if place.start is None:
            return Chunk(output=await self._footer(job, place), last=True)
        clicks, following = await self._read(job.workspace_id, spec, place.start)
        if spec.format is ExportFormat.PARQUET:
            return await _parquet(clicks, place, following)
        piece = click_rows.json_lines(clicks)
        if spec.format is ExportFormat.CSV:
            piece = (b"" if cursor else click_rows.csv_header()) + click_rows.csv_lines(clicks)
        after = Place(following, place.pieces + 1)
        return Chunk(output=piece, written=len(clicks), cursor=_plain(after), last=following is None)

    async def _read(
        self, workspace_id: str, spec: ExportClicks, start: str
    ) -> tuple[list[Click], str | None]:
        found: list[Click] = []
        following: str | None = start
        for _ in range(STRETCHES):
            clicks, following = await self._clicks.stretch(
                workspace_id, spec.wanted, start=following or "", before=spec.before
            )
            found += clicks
            if following is None or len(found) >= _ROWS[spec.format]:
                break
        return found, following

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


async def _parquet(clicks: list[Click], place: Place, following: str | None) -> Chunk:
    """A row group; a file without any has one without rows."""
    if not clicks and (following is not None or place.size):
        piece, metadata = b"", ""
    else:
        piece = await asyncio.to_thread(parquet_files.row_group, clicks, place.size)
        metadata = parquet_files.metadata_of(piece).hex()
    after = Place(following, place.pieces + 1, place.size + len(piece), metadata)
    return Chunk(output=piece, written=len(clicks), cursor=_plain(after))


def _plain(place: Place) -> Any:
    return msgspec.to_builtins(place)
