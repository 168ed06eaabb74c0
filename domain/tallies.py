"""Tallies: figures of links that are kept current by adding committed clicks to what was read once."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from domain.clicks import Click, ClickKind, LinkStats
from domain.feeds import Heads
from domain.visits import Outcome

WAITING: Final = 10_000
"""Clicks on a link that are kept while its figures are being read; with more they are read again."""


@dataclass(slots=True)
class _Row:
    """One link's figures.

    Args:
        stats: None: they were not read yet.
        heads: up to which clicks of each slot `stats` were read.
        waiting: clicks since reading began; None: nothing is being read, clicks are added at once.
    """

    stats: LinkStats | None = None
    heads: Heads = field(default_factory=dict)
    waiting: list[Click] | None = field(default_factory=list)


class Snapshots(Protocol):
    """Where figures are read that tallies begin with; raises errors.Unavailable while MongoDB is away."""

    async def at_heads(
        self, workspace_id: str, link_ids: Sequence[str]
    ) -> tuple[Mapping[str, LinkStats], Heads]:
        """The figures of links, and the heads of the workspace's feeds at the same moment."""
        ...


class LiveStats(Protocol):
    """Figures of links as they change."""

    def follow(
        self, workspace_id: str, link_ids: Sequence[str], every_seconds: float
    ) -> AsyncGenerator[Sequence[LinkStats], None]:
        """All of them, then those that changed, at most once in `every_seconds`. Close it after use.

        Raises:
            Unavailable: MongoDB did not answer at the beginning; later it is waited for.
        """
        ...


class Tally:
    """The figures of the watched links of one workspace. It must hear every click that is committed.

    A link's figures are read together with the feed heads that they stand for. Clicks above the heads are
    added, those below are in them already: whichever comes first, nothing is counted twice. Where clicks are
    missing between two that it hears, all figures are read again: they never drift.

    Args:
        place: how far the feed was when it began to hear.
    """

    def __init__(self, place: Heads) -> None:
        self.unread: set[str] = set()
        self.holes = 0
        self._place = dict(place)
        self._rows: dict[str, _Row] = {}

    def __getitem__(self, link_id: str) -> LinkStats | None:
        return self._rows[link_id].stats

    def watch(self, link_ids: Collection[str]) -> None:
        """Keep the figures of these links too; they are `unread` until `read`."""
        for link_id in link_ids:
            if link_id not in self._rows:
                self._rows[link_id] = _Row()
                self.unread.add(link_id)

    def forget(self, link_ids: Collection[str]) -> None:
        """Keep the figures of these links no longer."""
        for link_id in link_ids:
            self._rows.pop(link_id, None)
            self.unread.discard(link_id)

    def hear(self, slot: int, clicks: Sequence[Click]) -> set[str]:
        """Add the next clicks of a slot; the links whose figures that changed."""
        place = self._place.get(slot, 0)
        if clicks[0].seq > place + 1:
            self.holes += 1
            self._start_again(self._rows)
        self._place[slot] = max(place, clicks[-1].seq)
        return {
            click.link_id
            for click in clicks
            if click.seq > place and click.link_id is not None and self._add(click)
        }

    def read(self, figures: Mapping[str, LinkStats], heads: Heads, holes: int) -> set[str]:
        """Take figures as they were at `heads`; the links whose figures that changed.

        Args:
            holes: how many there were when reading began; with one more the figures are of no use.
        """
        changed: set[str] = set()
        if holes != self.holes:
            return changed
        for link_id, stats in figures.items():
            row = self._rows.get(link_id)
            if row is None or row.waiting is None:
                continue
            self.unread.discard(link_id)
            if len(row.waiting) > WAITING:
                self._start_again([link_id])
                continue
            before, missed = row.stats, row.waiting
            row.stats, row.heads, row.waiting = stats, heads, None
            for click in missed:
                self._add(click)
            if row.stats != before:
                changed.add(link_id)
        return changed

    def _add(self, click: Click) -> bool:
        row = self._rows.get(click.link_id or "")
        if row is None or click.outcome is not Outcome.REDIRECT:
            return False
        if row.waiting is not None:
            if len(row.waiting) <= WAITING:
                row.waiting.append(click)
            return False
        if row.stats is None or click.seq <= row.heads.get(click.slot, 0):
            return False
        before, row.stats = row.stats, counted(row.stats, click)
        return row.stats is not before

    def _start_again(self, link_ids: Collection[str]) -> None:
        for link_id in link_ids:
            self._rows[link_id].waiting = []
            self.unread.add(link_id)


def counted(stats: LinkStats, click: Click) -> LinkStats:
    """The figures of a link with one more redirect; a kind that has no figure changes nothing."""
    if click.kind is ClickKind.BOT:
        return msgspec.structs.replace(stats, bots=stats.bots + 1)
    if click.kind is not ClickKind.HUMAN:
        return stats
    last = stats.last_click_at
    return msgspec.structs.replace(
        stats,
        clicks=stats.clicks + 1,
        uniques=stats.uniques + click.unique,
        last_click_at=click.at if last is None or click.at > last else last,
    )
