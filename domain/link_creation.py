"""The work of bulk creations: what the rows of a call or a file ask for, with a template or written out."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from domain import jobs, uploads, written_links
from domain.bulk_creations import WORK, CreateLinks
from domain.chunks import Chunk
from domain.drafts import Draft
from domain.errors import Rejected, UserError
from domain.jobs import Job
from domain.link_rows import LinkRows, Reader, Wanted
from domain.template_rows import TemplateRows
from domain.templates import Template
from domain.uploads import UploadFormat
from domain.workbenches import Workbench


class LinkCreation:
    """Makes links of the rows of an upload; see domain.chunks.Work."""

    name = WORK

    def __init__(self, rows: LinkRows) -> None:
        self._rows = rows

    async def chunk(self, job: Job, cursor: Any) -> Chunk:
        """The links of one chunk of the upload; chunks are counted by the cursor."""
        spec, number = jobs.spec_of(job, CreateLinks), int(cursor or 0)
        chunk = await self._rows.chunk(job, spec.upload_id, number, lambda bench: _reader(spec, bench))
        return msgspec.structs.replace(chunk, last=number + 1 >= spec.chunks)


class _FromTemplate:
    """Rows are values of a template's variables."""

    def __init__(self, template: Template, spec: CreateLinks, now: datetime) -> None:
        self._rows = TemplateRows(template, spec.campaign_id, spec.channel)
        self._now = now
        self._cells = spec.format is UploadFormat.CSV

    def read(self, row: dict[str, Any]) -> Wanted:
        """What the template makes of them; the link is of the moment that its `expiresAfter` counts from."""
        if (secret := uploads.secret(row)) is not None:
            raise Rejected(secret)
        values = written_links.with_attributes(row) if self._cells else row
        draft, origin = self._rows.draft(values, self._now)
        return Wanted(draft, {"origin": origin, "created_at": self._now, "updated_at": self._now})

    def named(self, error: UserError) -> UserError:
        """As it is: the template's fields are the link's."""
        return error


class _WrittenOut:
    """Rows are links."""

    def __init__(self, spec: CreateLinks) -> None:
        self._read = _READERS[spec.format]
        self._changes: dict[str, Any] = {} if spec.campaign_id is None else {"campaign_id": spec.campaign_id}
        channel = spec.channel
        self._utm = {} if channel is None else {"source": channel.source, "medium": channel.medium}

    def read(self, row: dict[str, Any]) -> Wanted:
        """The draft that it is, in the job's campaign and channel."""
        draft = self._read(row)
        changes = {**self._changes, **({"utm": {**(draft.utm or {}), **self._utm}} if self._utm else {})}
        return Wanted(msgspec.structs.replace(draft, **changes) if changes else draft)

    def named(self, error: UserError) -> UserError:
        """As it is."""
        return error


def _reader(spec: CreateLinks, bench: Workbench) -> Reader:
    if spec.template is None:
        return _WrittenOut(spec)
    return _FromTemplate(spec.template, spec, bench.clock())


def _inline(row: Mapping[str, Any]) -> Draft:
    """A draft that came with a call, whose types GraphQL has judged."""
    return msgspec.convert(row, Draft)


_READERS: dict[UploadFormat, Callable[[dict[str, Any]], Draft]] = {
    UploadFormat.INLINE: _inline,
    UploadFormat.JSON_LINES: written_links.draft,
    UploadFormat.CSV: lambda row: written_links.draft(written_links.from_cells(row)),
}
