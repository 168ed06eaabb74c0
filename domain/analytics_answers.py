"""Answers: tables of counts from roll-ups, and from clicks where roll-ups do not tell."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec

from domain import analytics_parts, analytics_plans, rollups
from domain.analytics import Need
from domain.analytics_parts import Part, Reading
from domain.errors import LimitExceeded
from domain.rollups import Rollups, Table

MAX_CLICKS: Final = 250_000
"""Clicks that the questions of one call may read one by one: about a second of the database's work."""
MAX_ASKED: Final = 1_000
"""Questions for roll-ups of one call: totals of so many links, or breakdowns of half as many."""
MAX_READINGS: Final = 20
"""Times that they may go and read clicks."""


class ClickCounts(Protocol):
    """Where clicks are counted one by one; raises errors.Unavailable while MongoDB is away."""

    async def read(self, workspace_id: str, reading: Reading) -> Mapping[str, Table]:
        """The table of each link that the filter names, or, where it names none, one under the empty name.

        Raises:
            LimitExceeded: it takes too long.
        """
        ...


class Journals(Protocol):
    """Where it is known how far journals are shipped; raises errors.Unavailable while MongoDB is away."""

    async def as_of(self) -> datetime:
        """Every click that was answered before is in the ledger."""
        ...


class Answers:
    """Counts tables; see domain.analytics.Analytics.

    Args:
        rollups: asked once for everything that they can tell.
        clicks: asked for the rest: once for all links of which the same is asked.
        journals: asked how fresh all that is.
    """

    def __init__(self, rollups: Rollups, clicks: ClickCounts, journals: Journals) -> None:
        self._rollups = rollups
        self._clicks = clicks
        self._journals = journals

    async def as_of(self) -> datetime:
        """Every click that was answered before is in the figures: readers add what is not folded in yet."""
        return await self._journals.as_of()

    async def tables(self, workspace_id: str, needs: Sequence[Need]) -> list[Table]:
        """The table of each need; raises LimitExceeded."""
        parts = [analytics_parts.part(need) for need in needs]
        answers = await self._answers(workspace_id, parts)
        collected = [part.collected(own) for part, own in zip(parts, answers, strict=True)]
        untold = [place for place, table in enumerate(collected) if table is None]
        if untold:
            for place in untold:
                parts[place] = analytics_parts.read(
                    needs[place], analytics_plans.plan(needs[place].of.wanted)
                )
            counts = await self._answers(workspace_id, [parts[place] for place in untold])
            for place, own in zip(untold, counts, strict=True):
                answers[place] = own
        examined = sum(_clicks(own) for part, own in zip(parts, answers, strict=True) if part.counted)
        if examined > MAX_CLICKS:
            raise LimitExceeded(_too_many(examined))
        tables = [table or {} for table in collected]
        await self._add_clicks(workspace_id, parts, tables)
        return tables

    async def _answers(self, workspace_id: str, parts: Sequence[Part]) -> list[analytics_parts.Answers]:
        """What roll-ups answer to the questions of each part."""
        asked = [each for part in parts for each in part.asked]
        if len(asked) > MAX_ASKED:
            raise LimitExceeded(
                f"The figures of this call need {len(asked):,} roll-ups; at most {MAX_ASKED:,} are possible. "
                "Ask for fewer figures, or filter by fewer links."
            )
        answers = iter(await self._rollups.read(workspace_id, asked))
        return [list(itertools.islice(answers, len(part.asked))) for part in parts]

    async def _add_clicks(self, workspace_id: str, parts: Sequence[Part], tables: Sequence[Table]) -> None:
        """Read what roll-ups do not tell, the same of many links at once."""
        groups: dict[Reading, list[tuple[frozenset[str], Table]]] = {}
        for part, table in zip(parts, tables, strict=True):
            if part.reading is not None:
                links = part.reading.wanted.link_ids
                groups.setdefault(_of_any_link(part.reading), []).append((links or frozenset(), table))
        if len(groups) > MAX_READINGS:
            raise LimitExceeded(
                f"The questions of this call need clicks read one by one {len(groups)} times; at most "
                f"{MAX_READINGS} are possible. Ask for fewer of them, or for ranges of full hours."
            )
        for reading, members in groups.items():
            links = frozenset().union(*(links for links, _ in members))
            found = await self._clicks.read(workspace_id, _of_links(reading, links))
            for own, table in members:
                for name in own or ("",):
                    rollups.added(table, found.get(name, {}))


def _of_any_link(reading: Reading) -> Reading:
    if reading.wanted.link_ids is None:
        return reading
    return _of_links(reading, frozenset({"any"}))


def _of_links(reading: Reading, link_ids: frozenset[str]) -> Reading:
    wanted = msgspec.structs.replace(reading.wanted, link_ids=link_ids or None)
    return msgspec.structs.replace(reading, wanted=wanted)


def _clicks(answers: analytics_parts.Answers) -> int:
    """How many clicks were counted."""
    return sum(sum(rollups.by_kind(row).values()) for each in answers for row in each.values())


def _too_many(clicks: int) -> str:
    return (
        f"These filters need {clicks:,} clicks read one by one; at most {MAX_CLICKS:,} are possible. "
        "Ask for a shorter range, or filter by one thing besides links, a campaign, a template or a tag."
    )
