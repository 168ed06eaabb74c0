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
        """Remove at most `limit` clicks whose id is below `before`, the oldest first; how many there were."""
        ...


def bound(workspace: Workspace, now: datetime) -> str | None:
    """The id below which clicks are too old, for ids begin with the click's instant; None: none are."""
    if workspace.click_retention_days is None:
        return None
    oldest = now - timedelta(days=workspace.click_retention_days)
    return ids.of("clk", max(0, instants.milliseconds(oldest)), bytes(10))
