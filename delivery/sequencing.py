"""Sequencing: events get their numbers and are told to whoever listens; the database never waits for it."""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Final, Protocol

from domain.errors import Unavailable
from domain.events import Numbered
from domain.feeds import Committed

LOOK_SECONDS: Final = 0.1
"""How often it looks for new events while it has the lease; on average an event waits for half of that."""
LEASE_SECONDS: Final = 3.0
"""How often it asks for the lease, which lasts for ten."""
AGAIN_SECONDS: Final = 2.0
"""How long it waits while MongoDB is away."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """Totals since the process started.

    Args:
        events_numbered: events that got their numbers.
        events_lost: events that Redis was not told of; feeds find them in the database.
    """

    events_numbered: int = 0
    events_lost: int = 0


class Sequences(Protocol):
    """Where events are numbered; raises errors.Unavailable."""

    async def lease(self) -> bool:
        """Take or lengthen the right to number; False: another process has it."""
        ...

    async def number(self) -> Numbered:
        """Number some events."""
        ...


class Announcements(Protocol):
    """Tells feeds; raises errors.Unavailable while Redis is away."""

    async def publish(self, workspace_id: str, committed: Committed) -> None:
        """Tell every listener."""
        ...


class Sequencer:
    """Numbers events for as long as it has the lease, and asks for that as long as it has not."""

    def __init__(self, sequences: Sequences, announcements: Announcements, counts: Counts) -> None:
        self._sequences = sequences
        self._announcements = announcements
        self._counts = counts

    async def keep(self) -> None:
        """Number for ever."""
        asked, held = 0.0, False
        while True:
            try:
                if time.monotonic() - asked >= LEASE_SECONDS:
                    held, asked = await self._sequences.lease(), time.monotonic()
                if not held:
                    await asyncio.sleep(LEASE_SECONDS)  # the interval itself is the point
                elif not await self.once():
                    await asyncio.sleep(LOOK_SECONDS)
            except Unavailable as error:
                _log.warning("events wait until MongoDB is back: %s", error)
                await asyncio.sleep(AGAIN_SECONDS)

    async def once(self) -> bool:
        """Number what waits, as far as one transaction goes; False: nothing did."""
        numbered = await self._sequences.number()
        self._counts.events_numbered += numbered.count
        for workspace_id, committed in numbered.news:
            try:
                await self._announcements.publish(workspace_id, committed)
            except Unavailable:
                self._counts.events_lost += len(committed.items)
        return numbered.count > 0
