"""GET /exports/<job id>: the file of an export, whole or a range of its bytes, read while it is sent."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from app.entrances import Call
from domain import exports
from domain.access import Scope
from domain.errors import ApiError, NotFound
from domain.file_rows import FileFormat
from domain.job_files import JobFiles
from domain.jobs import BulkKind, Job, Jobs, JobState
from domain.subjects import EXPORT_WORK

PATH: Final = "/exports"
POINTS: Final = 100
"""What a download costs of a key's budget."""
_ADDRESS: Final = re.compile(r"/exports/([^/]{1,64})")
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_SENT_AT_ONCE: Final = 256 * 1024
_FILES: Final[Mapping[FileFormat, tuple[str, str]]] = {
    FileFormat.JSONL: ("application/jsonl; charset=utf-8", "jsonl"),
    FileFormat.CSV: ("text/csv; charset=utf-8; header=present", "csv"),
    FileFormat.PARQUET: ("application/vnd.apache.parquet", "parquet"),
}


class Unfinished(ApiError):
    """The file is not whole yet."""

    code, status = "NOT_FOUND", 404


class Exports:
    """Gives files of exports.

    Args:
        jobs: where jobs are kept.
        files: where their files are kept.
    """

    method, scope, points = "GET", Scope.ANALYTICS_READ, POINTS

    def __init__(self, jobs: Jobs, files: JobFiles) -> None:
        self._jobs = jobs
        self._files = files

    async def answer(self, call: Call) -> None:
        """Send the file, or the one range of bytes that is asked for (RFC 9110, section 14).

        Raises:
            NotFound: there is no such export, it is another workspace's, or not finished.
            Unavailable: the database does not answer; where bytes are out already, they break off.
        """
        job = await self._job(call)
        sizes = await self._files.sizes(job.workspace_id, job.id)
        total = sum(size for _, size in sizes)
        if total != exports.size_of(job):
            raise NotFound("The file of this export has begun to expire; export anew.")
        asked = _asked(dict(call.scope["headers"]).get(b"range"), total)
        if asked == (0, 0):
            await _begin(call, job, 416, [(b"content-range", f"bytes */{total}".encode())], 0)
            await call.send({"type": "http.response.body", "body": b""})
            return
        start, end = asked or (0, total)
        partial = [(b"content-range", f"bytes {start}-{end - 1}/{total}".encode())] if asked else []
        await _begin(call, job, 206 if asked else 200, partial, end - start)
        async for piece in self._pieces(job, sizes, start, end):
            await call.send({"type": "http.response.body", "body": piece, "more_body": True})
        await call.send({"type": "http.response.body", "body": b""})

    async def _job(self, call: Call) -> Job:
        address = _ADDRESS.fullmatch(call.scope["path"].rstrip("/"))
        job_id = address[1] if address else ""
        job = (await self._jobs.by_ids(call.viewer.workspace_id, [job_id])).get(job_id)
        hidden = job is not None and job.work == EXPORT_WORK and not call.viewer.may(Scope.REFERRALS_READ)
        if job is None or job.kind is not BulkKind.EXPORT or hidden:
            raise NotFound("There is no such export, or not any more.")
        if job.state is not JobState.SUCCEEDED:
            raise Unfinished(f"The export is {job.state.value}; its file is there once it has SUCCEEDED.")
        return job

    async def _pieces(
        self, job: Job, sizes: Sequence[tuple[int, int]], start: int, end: int
    ) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `end`, one piece of the file in memory at a time."""
        offset = 0
        for step, size in sizes:
            if offset < end and offset + size > start:
                piece = await self._files.output(job.workspace_id, job.id, step) or b""
                wanted = memoryview(piece)[max(0, start - offset) : end - offset]
                for first in range(0, len(wanted), _SENT_AT_ONCE):
                    yield bytes(wanted[first : first + _SENT_AT_ONCE])
            offset += size


def _asked(header: bytes | None, total: int) -> tuple[int, int] | None:
    """The range that is asked for: first byte and end. None: the whole file; (0, 0): there are no such bytes.

    Several ranges, other units and what cannot be read are answered with the whole file, as may be done.
    """
    match = _RANGE.fullmatch((header or b"").decode("latin-1").strip())
    if match is None or match[0] == "bytes=-":
        return None
    if not match[1]:
        start, end = max(0, total - int(match[2])), total
    else:
        start, end = int(match[1]), min(total, int(match[2]) + 1) if match[2] else total
        if match[2] and int(match[2]) < int(match[1]):
            return None
    return (start, end) if start < end else (0, 0)


async def _begin(call: Call, job: Job, status: int, more: Sequence[tuple[bytes, bytes]], length: int) -> None:
    media, ending = _FILES[exports.format_of(job)]
    headers = [
        (b"content-type", media.encode()),
        (b"content-length", str(length).encode()),
        (b"content-disposition", f'attachment; filename="{job.id}.{ending}"'.encode()),
        (b"accept-ranges", b"bytes"),
        (b"etag", f'"{job.id}"'.encode()),  # a finished file never changes
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-request-id", call.request_id.encode()),
        *more,
    ]
    await call.send({"type": "http.response.start", "status": status, "headers": headers})
