"""The work of bulk creations: a chunk of rows becomes links, judged as createLink judges them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from domain import campaigns, creations, jobs
from domain.bulk_creations import WORK, CreateLinks
from domain.chunks import Chunk, New
from domain.drafts import Draft
from domain.errors import Rejected, UserError, UserErrorCode
from domain.jobs import Job, RowResult
from domain.links import Link, Origin
from domain.template_rows import TemplateRows
from domain.uploads import Row, Uploads
from domain.workbenches import Workbench, Workshop

_BREATH_ROWS: Final = 32
"""After so many rows whoever waits gets the processor: the chunk before is being written meanwhile."""

Made = tuple[Draft, Origin | None]


class LinkCreation:
    """Makes links of the rows of an upload; see domain.chunks.Work.

    Args:
        workshop: where workbenches come from.
        uploads: where the rows are.
        breathe: lets others go on for a moment, asyncio.sleep(0) in a process.
    """

    name = WORK

    def __init__(self, workshop: Workshop, uploads: Uploads, breathe: Callable[[], Awaitable[None]]) -> None:
        self._workshop = workshop
        self._uploads = uploads
        self._breathe = breathe

    async def chunk(self, job: Job, cursor: Any) -> Chunk:
        """The links of one chunk of the upload; chunks are counted by the cursor."""
        spec, number = jobs.spec_of(job, CreateLinks), int(cursor or 0)
        rows = await self._uploads.chunk(job.workspace_id, spec.upload_id, number)
        if rows is None:
            message = "The rows of the job are not kept any more; start it again."
            raise Rejected(UserError(UserErrorCode.NOT_FOUND, message))
        bench = await self._workshop.bench(job)
        drafts = await self._drafts(rows.read(), spec, bench)
        made = await self._made(drafts, bench)
        spares = [_spare(draft, link) for draft, link in zip(drafts, made, strict=True)]
        creations.refuse_twins(made, spares, bench, first=rows.first)
        return Chunk(
            made=[
                New(rows.first + place, link, spare)
                for place, (link, spare) in enumerate(zip(made, spares, strict=True))
                if isinstance(link, Link)
            ],
            results=[
                RowResult(rows.first + place, errors=link.errors)
                for place, link in enumerate(made)
                if isinstance(link, Rejected)
            ],
            cursor=number + 1,
            last=number + 1 >= spec.chunks,
        )

    async def _drafts(
        self, rows: Sequence[Row], spec: CreateLinks, bench: Workbench
    ) -> list[Made | Rejected]:
        draft = _reader(spec, bench)
        drafts: list[Made | Rejected] = []
        for place, row in enumerate(rows):
            if place % _BREATH_ROWS == 0:
                await self._breathe()
            try:
                drafts.append(Rejected(row) if isinstance(row, UserError) else draft(row))
            except Rejected as rejected:
                drafts.append(rejected)
        return drafts

    async def _made(self, drafts: Sequence[Made | Rejected], bench: Workbench) -> list[Link | Rejected]:
        named = [each[0].campaign_id for each in drafts if not isinstance(each, Rejected)]
        known = await campaigns.known(named, bench.workspace_id, bench.campaigns)
        made: list[Link | Rejected] = []
        for place, each in enumerate(drafts):
            if place % _BREATH_ROWS == 0:
                await self._breathe()
            if isinstance(each, Rejected):
                made.append(each)
                continue
            draft, origin = each
            link = creations.judged(draft, bench, known)
            if origin is not None and isinstance(link, Link):
                link = msgspec.structs.replace(link, origin=origin)
            made.append(link)
        return made


def _reader(spec: CreateLinks, bench: Workbench) -> Callable[[dict[str, Any]], Made]:
    """What makes drafts of the rows of a job."""
    if spec.template is None:
        return lambda row: (_written_out(row, spec), None)
    rows, now = TemplateRows(spec.template, spec.campaign_id, spec.channel), bench.clock()
    return lambda row: rows.draft(row, now)


def _written_out(row: dict[str, Any], spec: CreateLinks) -> Draft:
    draft = msgspec.convert(row, Draft)
    changes: dict[str, Any] = {} if spec.campaign_id is None else {"campaign_id": spec.campaign_id}
    if spec.channel is not None:
        given = draft.utm or {}
        changes["utm"] = {**given, "source": spec.channel.source, "medium": spec.channel.medium}
    return msgspec.structs.replace(draft, **changes) if changes else draft


def _spare(made: Made | Rejected, link: Link | Rejected) -> str | None:
    return "" if isinstance(made, Rejected) else creations.spare_slug(made[0], link)
