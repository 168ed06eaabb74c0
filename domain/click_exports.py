"""Exports of clicks: what is asked for, as a job, and where the clicks are read."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from domain import ids, jobs
from domain.click_filters import ClickFilter
from domain.clicks import Click
from domain.ids import Ids
from domain.instants import Clock
from domain.jobs import BulkKind, Job, JobNews, Jobs
from domain.periods import Period

WORK: Final = "export-clicks"


class ExportFormat(StrEnum):
    """What an export's file is."""

    JSONL = "JSONL"
    CSV = "CSV"
    PARQUET = "PARQUET"


class ExportClicks(msgspec.Struct, frozen=True, kw_only=True):
    """What the job has to know.

    Args:
        wanted: which clicks.
        first: the id from which on clicks are in the range: ids begin with the click's instant.
        before: the id below which they are.
        format: of the file.
    """

    wanted: ClickFilter
    first: str
    before: str
    format: ExportFormat


class ClickStretches(Protocol):
    """Where exports read clicks; raises errors.Unavailable while MongoDB is away."""

    async def stretch(
        self, workspace_id: str, wanted: ClickFilter, *, start: str, before: str
    ) -> tuple[Sequence[Click], str | None]:
        """Of the next few thousand clicks from the id `start` on, by id, those that are wanted.

        Returns:
            They, and the id to go on with; None: there are no more below `before`.
        """
        ...


async def start(
    wanted: ClickFilter,
    period: Period,
    kind: ExportFormat,
    *,
    workspace_id: str,
    actor: str,
    store: Jobs,
    news: JobNews,
    clock: Clock,
    make_ids: Ids,
) -> Job:
    """Begin an export of the wanted clicks of a period, as far as they are in the ledger when it reads them.

    Raises:
        Rejected: too many jobs of the workspace wait or run.
    """
    spec = ExportClicks(wanted=wanted, first=_id(period.start), before=_id(period.end), format=kind)
    job = jobs.new(
        BulkKind.EXPORT,
        WORK,
        spec,
        workspace_id=workspace_id,
        actor=actor,
        total=0,
        clock=clock,
        ids=make_ids,
    )
    return await jobs.start(job, store, news)


def format_of(job: Job) -> ExportFormat:
    """The format of an export's file."""
    return jobs.spec_of(job, ExportClicks).format


def _id(at_ms: int) -> str:
    return ids.of("clk", at_ms, bytes(10))
