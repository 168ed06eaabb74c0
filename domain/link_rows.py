"""Rows of an upload that become links, chunk by chunk, judged as createLink judges them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from domain import campaigns, creations
from domain.chunks import Chunk, New
from domain.drafts import Draft
from domain.errors import Rejected, UserError, UserErrorCode
from domain.jobs import Job, RowResult
from domain.links import Link
from domain.uploads import Row, Uploads
from domain.workbenches import Workbench, Workshop

_BREATH_ROWS: Final = 32
"""After so many rows whoever waits gets the processor: the chunk before is being written meanwhile."""


class Wanted(msgspec.Struct, frozen=True, gc=False):
    """What a row asks for.

    Args:
        more: fields of the link that no draft has.
    """

    draft: Draft
    more: Mapping[str, Any] = {}


class Reader(Protocol):
    """Reads the rows of one job."""

    def read(self, row: dict[str, Any]) -> Wanted:
        """What a row asks for; raises Rejected."""
        ...

    def named(self, error: UserError) -> UserError:
        """An error of a link, with the path that it has in the row."""
        ...


class LinkRows:
    """Makes links of the rows of uploads.

    Args:
        workshop: where workbenches come from.
        uploads: where the rows are.
        breathe: lets others go on for a moment, asyncio.sleep(0) in a process.
    """

    def __init__(self, workshop: Workshop, uploads: Uploads, breathe: Callable[[], Awaitable[None]]) -> None:
        self._workshop = workshop
        self._uploads = uploads
        self._breathe = breathe

    async def chunk(
        self, job: Job, upload_id: str, number: int, reader_of: Callable[[Workbench], Reader]
    ) -> Chunk:
        """The links of one chunk of an upload; the next one starts behind it.

        Raises:
            Rejected: the rows are gone.
        """
        rows = await self._uploads.chunk(job.workspace_id, upload_id, number)
        if rows is None:
            message = "The rows of the job are not kept any more; start it again."
            raise Rejected(UserError(UserErrorCode.NOT_FOUND, message))
        bench = await self._workshop.bench(job)
        reader = reader_of(bench)
        wanted = await self._wanted(rows.read(), reader)
        made = await self._made(wanted, reader, bench)
        spares = [_spare(each, link) for each, link in zip(wanted, made, strict=True)]
        creations.refuse_twins(made, spares, bench, first=rows.first)
        return Chunk(
            made=[
                New(row, link, spare)
                for row, (link, spare) in enumerate(zip(made, spares, strict=True), rows.first)
                if isinstance(link, Link)
            ],
            results=[
                RowResult(row, errors=link.errors)
                for row, link in enumerate(made, rows.first)
                if isinstance(link, Rejected)
            ],
            cursor=number + 1,
        )

    async def _wanted(self, rows: Sequence[Row], reader: Reader) -> list[Wanted | Rejected]:
        wanted: list[Wanted | Rejected] = []
        for place, row in enumerate(rows):
            if place % _BREATH_ROWS == 0:
                await self._breathe()
            try:
                wanted.append(Rejected(row) if isinstance(row, UserError) else reader.read(row))
            except Rejected as rejected:
                wanted.append(rejected)
        return wanted

    async def _made(
        self, wanted: Sequence[Wanted | Rejected], reader: Reader, bench: Workbench
    ) -> list[Link | Rejected]:
        named = [each.draft.campaign_id for each in wanted if not isinstance(each, Rejected)]
        known = await campaigns.known(named, bench.workspace_id, bench.campaigns)
        made: list[Link | Rejected] = []
        for place, each in enumerate(wanted):
            if place % _BREATH_ROWS == 0:
                await self._breathe()
            if isinstance(each, Rejected):
                made.append(each)
                continue
            link = creations.judged(each.draft, bench, known)
            if isinstance(link, Rejected):
                link = Rejected(*map(reader.named, link.errors))
            elif each.more:
                link = msgspec.structs.replace(link, **each.more)
            made.append(link)
        return made


def _spare(wanted: Wanted | Rejected, link: Link | Rejected) -> str | None:
    return "" if isinstance(wanted, Rejected) else creations.spare_slug(wanted.draft, link)
