"""Link imports: the export of another shortener becomes links, with their slugs, tags and dates."""

from datetime import datetime
from typing import Any, Final

import msgspec

from domain import fields, instants, jobs, uploads
from domain.bulk_creations import Desk
from domain.chunks import Chunk
from domain.errors import UserError
from domain.import_columns import Columns
from domain.importers import IMPORTERS, ImportFormat
from domain.jobs import BulkKind, Job
from domain.link_rows import LinkRows, Wanted
from domain.uploads import UploadFormat
from domain.workbenches import Workbench

WORK: Final = "import_links"


class ImportLinks(msgspec.Struct, frozen=True, kw_only=True):
    """What the job has to know.

    Args:
        columns: of the file.
        domain: where the links go; None: the workspace's first host.
    """

    upload_id: str
    chunks: int
    format: ImportFormat
    columns: tuple[str, ...]
    domain: str | None = None


async def start(file: str, kind: ImportFormat, domain: str | None, bench: Workbench, desk: Desk) -> Job:
    """Judge an import as a whole and start its job; rows that do not fit stand in the job's results.

    Args:
        file: id of an upload, CSV.
        kind: whose export it is.
        domain: where the links go; None: the workspace's first host.

    Raises:
        Rejected: NOT_FOUND, INVALID, REQUIRED (a column is missing), LIMIT_EXCEEDED; no job was started.
    """
    host = None if domain is None else fields.domain(domain, bench.hosts)
    until = bench.clock() + jobs.KEPT
    upload = await uploads.claimed(file, until, bench.workspace_id, desk.uploads, bench.clock())
    if upload.format is not UploadFormat.CSV:
        raise fields.refused("file", "Exports are CSV: upload the file as text/csv.")
    Columns(IMPORTERS[kind], upload.columns)  # refuses what lacks a needed one
    spec = ImportLinks(
        upload_id=upload.id, chunks=upload.chunks, format=kind, columns=upload.columns, domain=host
    )
    job = jobs.new(
        BulkKind.IMPORT,
        WORK,
        spec,
        workspace_id=bench.workspace_id,
        actor=bench.actor,
        total=upload.rows,
        clock=bench.clock,
        ids=bench.ids,
    )
    return await jobs.start(job, desk.jobs, desk.news)


class LinkImport:
    """Makes links of the rows of an export; see domain.chunks.Work."""

    name = WORK

    def __init__(self, rows: LinkRows) -> None:
        self._rows = rows

    async def chunk(self, job: Job, cursor: Any) -> Chunk:
        """The links of one chunk of the upload; chunks are counted by the cursor."""
        spec, number = jobs.spec_of(job, ImportLinks), int(cursor or 0)
        chunk = await self._rows.chunk(job, spec.upload_id, number, lambda bench: _Reader(spec, bench))
        return msgspec.structs.replace(chunk, last=number + 1 >= spec.chunks)


class _Reader:
    """Rows are links of another shortener."""

    def __init__(self, spec: ImportLinks, bench: Workbench) -> None:
        self._columns = Columns(IMPORTERS[spec.format], spec.columns)
        self._domain = spec.domain
        self._bench = bench
        self._now = bench.clock()

    def read(self, row: dict[str, Any]) -> Wanted:
        """The link of a row; its id is of the moment that it was made, so that lists have it in its place."""
        imported = self._columns.read(row, self._domain, self._now)
        made_at = imported.created_at
        return Wanted(imported.draft, {} if made_at is None else self._made(made_at))

    def named(self, error: UserError) -> UserError:
        """The column that an error is about."""
        return self._columns.named(error)

    def _made(self, at: datetime) -> dict[str, Any]:
        return {"id": self._bench.ids.at("lnk", instants.milliseconds(at)), "created_at": at}
