"""Exports: clicks or roll-ups of a period, as a job that writes a file."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from domain import analytics_plans, ids, instants, jobs
from domain.click_filters import ClickFilter
from domain.clicks import Click
from domain.errors import BadRequest
from domain.file_rows import FileFormat
from domain.ids import Ids
from domain.instants import Clock
from domain.jobs import BulkKind, Job, JobNews, Jobs
from domain.periods import Period
from domain.rollups import HOUR_MS, Scope

CLICKS_WORK: Final = "export-clicks"
ROLLUPS_WORK: Final = "export-rollups"


class Exported(StrEnum):
    """What a file is made of."""

    CLICKS = "CLICKS"
    ROLLUPS = "ROLLUPS"


class ExportClicks(msgspec.Struct, frozen=True, kw_only=True):
    """What a job that exports clicks has to know.

    Args:
        wanted: which clicks.
        first: the id from which on clicks are in the period: ids begin with the click's instant.
        before: the id below which they are.
        format: of the file.
    """

    wanted: ClickFilter
    first: str
    before: str
    format: FileFormat


class ExportRollups(msgspec.Struct, frozen=True, kw_only=True):
    """What a job that exports roll-ups has to know.

    Args:
        scope: whose clicks.
        first_hour: since the Unix epoch.
        end_hour: behind the last one.
        format: of the file.
    """

    scope: Scope
    first_hour: int
    end_hour: int
    format: FileFormat


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
    exported: Exported,
    wanted: ClickFilter,
    period: Period,
    kind: FileFormat,
    *,
    workspace_id: str,
    actor: str,
    store: Jobs,
    news: JobNews,
    clock: Clock,
    make_ids: Ids,
) -> Job:
    """Begin an export of a period until now at the latest, as far as its clicks are in the ledger then.

    Raises:
        BadRequest: there are no roll-ups of what the filter wants.
        Rejected: too many jobs of the workspace wait or run.
    """
    end = min(period.end, instants.milliseconds(clock()))  # or what comes in while it runs might be in it
    spec = (
        ExportClicks(wanted=wanted, first=_id(period.start), before=_id(end), format=kind)
        if exported is Exported.CLICKS
        else ExportRollups(
            scope=scope_of(wanted),
            first_hour=period.start // HOUR_MS,
            end_hour=-(-end // HOUR_MS),
            format=kind,
        )
    )
    job = jobs.new(
        BulkKind.EXPORT,
        _WORKS[exported],
        spec,
        workspace_id=workspace_id,
        actor=actor,
        total=0,
        clock=clock,
        ids=make_ids,
    )
    return await jobs.start(job, store, news)


def scope_of(wanted: ClickFilter) -> Scope:
    """Whose roll-ups a filter means.

    Raises:
        BadRequest: those of nobody, or of several.
    """
    plan = analytics_plans.plan(wanted)
    if not plan.enough or plan.limited is not None or len(plan.scopes) != 1 or wanted.kinds is not None:
        raise BadRequest(
            "Roll-ups are kept of the workspace, a link, a campaign, a template and a tag: "
            "let the filter name one of these and nothing else, or export clicks."
        )
    return plan.scopes[0]


def format_of(job: Job) -> FileFormat:
    """The format of an export's file."""
    return FileFormat(job.spec["format"])


def size_of(job: Job) -> int:
    """Bytes of the file of an export that has succeeded, as its last cursor says (delivery.exports.Place)."""
    return int(job.cursor.get("size", 0))


def _id(at_ms: int) -> str:
    return ids.of("clk", at_ms, bytes(10))


_WORKS: Final[Mapping[Exported, str]] = {Exported.CLICKS: CLICKS_WORK, Exported.ROLLUPS: ROLLUPS_WORK}
