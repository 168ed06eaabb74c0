"""Clicks that are too old leave the ledger: a little at a time, for as long as there are any."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain import retention
from domain.errors import Unavailable
from domain.retention import OldClicks
from domain.workspaces import Retentions

EVERY_SECONDS: Final = 3_600.0
AGAIN_SECONDS: Final = 10.0
"""How long it waits while MongoDB is away."""

_PAGE: Final = 100

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """Totals since the process started.

    Args:
        clicks_removed: clicks that were older than their workspace keeps them.
        rounds: times that all workspaces were looked at.
    """

    clicks_removed: int = 0
    rounds: int = 0


class Retention:
    """Looks at every workspace once an hour. Several processes may: what one removes the others do not find.

    Args:
        workspaces: those that keep clicks for a limited time.
        clicks: where they are removed.
        clock: the time.
        counts: what happened so far.
    """

    def __init__(
        self, workspaces: Retentions, clicks: OldClicks, clock: Callable[[], datetime], counts: Counts
    ) -> None:
        self._workspaces = workspaces
        self._clicks = clicks
        self._clock = clock
        self._counts = counts

    async def keep(self) -> None:
        """Remove for ever."""
        while True:
            try:
                await self.round()
            except Unavailable as error:
                _log.warning("old clicks stay until MongoDB is back: %s", error)
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                await asyncio.sleep(EVERY_SECONDS)  # the interval itself is the point

    async def round(self) -> None:
        """Remove everything that is too old now; raises errors.Unavailable."""
        after = ""
        while page := await self._workspaces.limited(after, _PAGE):
            for workspace in page:
                before = retention.bound(workspace, self._clock())
                if before is not None:
                    await self._remove(workspace.id, before)
            after = page[-1].id
        self._counts.rounds += 1

    async def _remove(self, workspace_id: str, before: str) -> None:
        removed = retention.AT_ONCE
        while removed:
            began = time.monotonic()
            removed = await self._clicks.remove(workspace_id, before, retention.AT_ONCE)
            self._counts.clicks_removed += removed
            if removed:
                await asyncio.sleep(time.monotonic() - began)  # half of the time is everybody else's
