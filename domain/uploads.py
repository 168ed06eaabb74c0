"""Uploads: rows that were handed in ahead of the job that works on them, kept in chunks."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec

from domain import instants
from domain.errors import Rejected, UserError, UserErrorCode, Verbatim
from domain.ids import Ids, prefix_of
from domain.instants import Clock

MAX_ROWS: Final = 1_000_000
MAX_BYTES: Final = 512 * 1024 * 1024
MAX_ROW_BYTES: Final = 64 * 1024
ROWS_PER_CHUNK: Final = 500
BYTES_PER_CHUNK: Final = 1024 * 1024
UNUSED: Final = timedelta(hours=24)
"""How long an upload waits for the job that it is for …"""
MAX_WAITING: Final = 100
"""… and how many of a workspace may do so: what no job has claimed takes room for nothing."""

HIDDEN: Final = "…"
"""What is kept of a secret in a row."""
_SECRET: Final = "password"  # noqa: S105 - the name of a column
_NO_SECRET: Final = frozenset({"", "false", "no", "0", "null"})

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode

Row = dict[str, Any] | UserError
"""A row as it was given, or why it is none."""


class UploadFormat(StrEnum):
    """What rows were given as."""

    INLINE = "INLINE"
    JSON_LINES = "JSON_LINES"
    CSV = "CSV"


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that arrived whole; one that broke off is none.

    Args:
        format: rows of CSV have texts only, under their columns' names.
        columns: of CSV, in the order of the file.
        rows: how many there are, those that fit nothing among them.
        chunks: how many chunks they are kept in, numbered from 0.
        expires_at: from when on it may be gone.
    """

    id: str
    workspace_id: str
    format: UploadFormat
    columns: tuple[str, ...] = ()
    rows: int
    chunks: int
    created_at: datetime
    expires_at: datetime


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """At most ROWS_PER_CHUNK rows, and BYTES_PER_CHUNK of them.

    Args:
        number: its place among the chunks of the upload, from 0.
        first: number of its first row in the upload, from 0.
        rows: a JSON array, null in the place of a row that is none.
        unfit: why a row is none, by its place in the chunk.
    """

    number: int
    first: int
    rows: bytes
    unfit: Mapping[int, UserError] = {}

    def read(self) -> list[Row]:
        """The rows, in order."""
        rows: list[Row] = _decode(self.rows)
        for place, error in self.unfit.items():
            rows[place] = error
        return rows


class Uploads(Protocol):
    """Where uploads are kept. Each method raises errors.Unavailable while the database is away."""

    async def add_chunk(self, workspace_id: str, upload_id: str, chunk: Chunk, expires_at: datetime) -> None:
        """Keep a chunk of an upload that is still coming in; a repeated call meets what it stored."""
        ...

    async def add(self, workspace_id: str, upload: Upload) -> None:
        """Make an upload usable whose chunks are all kept; they stay as long. May be repeated."""
        ...

    async def by_id(self, workspace_id: str, upload_id: str, now: datetime) -> Upload | None:
        """The upload, or None where there is none, or none any more."""
        ...

    async def chunk(self, workspace_id: str, upload_id: str, number: int) -> Chunk | None:
        """One chunk; None behind the last one, and when they are gone."""
        ...

    async def count(self, workspace_id: str, *, limit: int) -> int:
        """How many wait for a job; counts no further than `limit`."""
        ...

    async def keep(self, workspace_id: str, upload: Upload, until: datetime) -> bool:
        """Keep an upload and its chunks for a job at least until then; False: it is not whole any more."""
        ...

    async def remove(self, workspace_id: str, upload_id: str) -> None:
        """Drop an upload, or the chunks of one that broke off."""
        ...


class Packing:
    """Puts rows into chunks as they come, and forgets each chunk when it is full."""

    def __init__(self) -> None:
        self.rows = 0
        self.chunks = 0
        self._waiting: list[bytes] = []
        self._unfit: dict[int, UserError] = {}
        self._bytes = 0

    def add(self, row: bytes | UserError) -> Chunk | None:
        """Take one row, a JSON object in UTF-8 or why it is none; the chunk that was full without it."""
        size = len(row) if isinstance(row, bytes) else len(row.message)
        full = len(self._waiting) == ROWS_PER_CHUNK or self._bytes + size >= BYTES_PER_CHUNK
        chunk = self.rest() if full else None
        if isinstance(row, UserError):
            self._unfit[len(self._waiting)] = row
            row = b"null"
        self._waiting.append(row)
        self._bytes += size + 1
        self.rows += 1
        return chunk

    def rest(self) -> Chunk | None:
        """The chunk of what waits; None: nothing does."""
        if not self._waiting:
            return None
        chunk = Chunk(
            number=self.chunks,
            first=self.rows - len(self._waiting),
            rows=b"[" + b",".join(self._waiting) + b"]",
            unfit=self._unfit,
        )
        self.chunks += 1
        self._waiting, self._unfit, self._bytes = [], {}, 0
        return chunk


async def add_inline(
    rows: Iterable[object], *, workspace_id: str, store: Uploads, clock: Clock, ids: Ids
) -> Upload:
    """Keep rows that came with a call itself, for the job that it starts; repeated, it is the same upload.

    Args:
        rows: JSON values as they were given; a UserError in the place of a row that is known to be none.
    """
    now = clock()
    upload_id, expires_at = ids.at("upl", instants.milliseconds(now)), now + UNUSED
    packing = Packing()
    for row in rows:
        chunk = packing.add(row if isinstance(row, UserError) else packed(row))
        if chunk is not None:
            await store.add_chunk(workspace_id, upload_id, chunk, expires_at)
    rest = packing.rest()
    if rest is not None:
        await store.add_chunk(workspace_id, upload_id, rest, expires_at)
    upload = Upload(
        id=upload_id,
        workspace_id=workspace_id,
        format=UploadFormat.INLINE,
        rows=packing.rows,
        chunks=packing.chunks,
        created_at=now,
        expires_at=expires_at,
    )
    await store.add(workspace_id, upload)
    return upload


async def claimed(
    upload_id: str, until: datetime, workspace_id: str, store: Uploads, now: datetime
) -> Upload:
    """The upload of an id, which stays at least until then.

    Raises:
        Rejected: NOT_FOUND, there is none, or not any more.
    """
    found = await store.by_id(workspace_id, upload_id, now) if prefix_of(upload_id) == "upl" else None
    if found is None or not await store.keep(workspace_id, found, until):
        message = "There is no such upload any more; send the file again."
        raise Rejected(UserError(UserErrorCode.NOT_FOUND, message, ("file",)))
    return found


def packed(row: object) -> bytes | UserError:
    """A row as it is packed, or why it is none: it must be a JSON object of at most MAX_ROW_BYTES."""
    if not isinstance(row, dict):
        return unfit('A row is a JSON object such as {"destination": "https://example.com/"}.')
    encoded = _encode(row)
    return too_long(len(encoded)) if len(encoded) > MAX_ROW_BYTES else encoded


def without_secrets(row: dict[str, Any]) -> bool:
    """Forget what a row says under `password`, changing it in place: rows are kept for weeks.

    Where there was one, HIDDEN takes its place; other services' exports say "false" there, which goes.

    Returns:
        Whether the row has changed.
    """
    named = [name for name in row if name.strip().lower() == _SECRET]
    for name in named:
        if str(row[name] or "").strip().lower() in _NO_SECRET:
            del row[name]
        else:
            row[name] = HIDDEN
    return bool(named)


def secret(row: Mapping[str, Any]) -> UserError | None:
    """Why a row that had a secret makes no link: it would be open to everybody."""
    found = next((name for name, value in row.items() if name.strip().lower() == _SECRET and value), None)
    if found is None:
        return None
    message = "Passwords are not taken from rows; make this link with createLink."
    return UserError(UserErrorCode.INVALID, message, (Verbatim(found),))


def unfit(message: str, code: UserErrorCode = UserErrorCode.INVALID) -> UserError:
    """Why a row is none; without a field, for it has none."""
    return UserError(code, message)


def too_long(size_bytes: int) -> UserError:
    """Why a row of so many bytes is none."""
    message = f"The row has {size_bytes:,} bytes; at most {MAX_ROW_BYTES:,} are accepted."
    return unfit(message, UserErrorCode.LIMIT_EXCEEDED)
