"""Retention: clicks that are older than their workspace keeps them are removed, their figures stay."""

from datetime import datetime, timedelta
from typing import Final, Protocol

from domain import ids, instants
from domain.workspaces import Workspace

AT_ONCE: Final = 1_000
"""Clicks of one removal: short enough that nobody waits for it."""


class OldClicks(Protocol):
    """Where clicks are removed; raises errors.Unavailable while MongoDB is away."""

    async def remove(self, workspace_id: str, before: str, limit: int) -> int:
        """Remove at most `limit` clicks whose id is below `before`, the oldest first; how many there were.

        Ahead of them their workspace's `clicks_removed_before` moves on.
        """
        ...


def bound(workspace: Workspace, now: datetime) -> str | None:
    """The id below which clicks are too old, for ids begin with the click's instant; None: none are."""
    oldest_ms = _limit(workspace, now)
    return None if oldest_ms is None else ids.of("clk", max(0, oldest_ms), bytes(10))


def kept_from(workspace: Workspace, now: datetime) -> int | None:
    """From when on clicks are there, milliseconds since the Unix epoch; None: all are.

    A limit that is raised or cleared brings none back: what an earlier one removed counts as well.
    """
    limit, removed = _limit(workspace, now), workspace.clicks_removed_before
    if removed is None:
        return limit
    return max(limit or 0, instants.milliseconds(removed))


def _limit(workspace: Workspace, now: datetime) -> int | None:
    if workspace.click_retention_days is None:
        return None
    return instants.milliseconds(now - timedelta(days=workspace.click_retention_days))
