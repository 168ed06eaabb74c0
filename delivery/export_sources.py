"""What exports are made of: clicks, oldest first, roll-ups, day by day, and what is kept of a person."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import MappingProxyType
from typing import Final

import msgspec

from domain import click_rows, exports, jobs, rollup_rows, subjects
from domain.exports import ClickStretches, ExportClicks, ExportRollups
from domain.file_rows import Columns, Row
from domain.jobs import Job
from domain.rollup_rows import START, Mark
from domain.rollups import HOURS, TIME, Asked, Rollups
from domain.subjects import ExportSubject, Subjects

DAYS: Final = 60
"""Days of roll-ups that are looked at together; those on which nothing was counted are passed over."""


class ClickSource:
    """Clicks of a filter and a period; places are ids of clicks. See delivery.exports.Source."""

    work = exports.CLICKS_WORK
    columns = click_rows.COLUMNS

    def __init__(self, clicks: ClickStretches) -> None:
        self._clicks = clicks

    def start(self, job: Job) -> str:
        """The first id of the period."""
        return jobs.spec_of(job, ExportClicks).first

    async def read(self, job: Job, start: str) -> AsyncGenerator[tuple[str, Row | None], None]:
        """The clicks from `start` on."""
        spec = jobs.spec_of(job, ExportClicks)
        following: str | None = start
        while following is not None:
            clicks, following = await self._clicks.stretch(
                job.workspace_id, spec.wanted, start=following, before=spec.before
            )
            for click in clicks:
                yield click.id, click_rows.row(click)
            if following is not None:
                yield following, None


class _Place(msgspec.Struct, array_like=True, frozen=True):
    """Where roll-ups are read: an hour since the Unix epoch, and the row of its day that was written last."""

    hour: int
    behind: Mark = START


class RollupSource:
    """Roll-ups of a scope and a period, in whole hours. See delivery.exports.Source."""

    work = exports.ROLLUPS_WORK
    columns = rollup_rows.COLUMNS

    def __init__(self, rollups: Rollups) -> None:
        self._rollups = rollups

    def start(self, job: Job) -> str:
        """The first hour."""
        return _text(_Place(jobs.spec_of(job, ExportRollups).first_hour))

    async def read(self, job: Job, start: str) -> AsyncGenerator[tuple[str, Row | None], None]:
        """The rows from `start` on; a day that has too many for one piece is gone on with in the next one."""
        spec, place = jobs.spec_of(job, ExportRollups), msgspec.json.decode(start, type=_Place)
        while place.hour < spec.end_hour:
            end = min(spec.end_hour, (place.hour // HOURS + DAYS) * HOURS)
            asked = Asked(spec.scope, TIME, place.hour, end)
            (time,) = await self._rollups.read(job.workspace_id, [asked])
            for day in rollup_rows.hours_of_days(time):
                first = max(day, place.hour)
                questions = rollup_rows.asked(spec.scope, first, min(day + HOURS, end))
                answers = await self._rollups.read(job.workspace_id, questions)
                behind = place.behind if first == place.hour else START
                for mark, row in rollup_rows.of_day(first, answers, behind):
                    yield _text(_Place(first, behind)), row
                    behind = mark
            place = _Place(end)
            yield _text(place), None


def _text(place: _Place) -> str:
    return msgspec.json.encode(place).decode()


class SubjectSource:
    """What is kept of a person; places are numbers of rows. See delivery.exports.Source."""

    work = subjects.EXPORT_WORK
    columns: Columns = MappingProxyType({})
    """There are none: rows of all kinds follow each other, and the file is JSON Lines."""

    def __init__(self, store: Subjects) -> None:
        self._subjects = store

    def start(self, _job: Job) -> str:
        """The first row."""
        return "0"

    async def read(self, job: Job, start: str) -> AsyncGenerator[tuple[str, Row | None], None]:
        """The rows from `start` on."""
        spec, number = jobs.spec_of(job, ExportSubject), 0
        async with aclosing(
            self._subjects.rows(job.workspace_id, spec.email_key, spec.participant_id)
        ) as rows:
            async for row in rows:
                if number >= int(start):
                    yield str(number), row
                number += 1
