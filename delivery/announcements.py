"""News of committed clicks on their way to Redis: the ledger never waits for it."""

import asyncio
import logging
from typing import Final

from delivery.counts import Counts
from domain import clicks
from domain.clicks import ClicksCommitted
from domain.errors import Unavailable
from domain.ledgers import Announcements

CLICKS_PER_MESSAGE: Final = 100
"""About 50 kB: large enough to be cheap, small enough for every reader's buffer."""
MESSAGES_WAITING: Final = 200

_log = logging.getLogger(__name__)


class Outbox:
    """A short queue in front of Redis; what cannot be told is left for feeds to find in the ledger."""

    def __init__(self, announcements: Announcements, counts: Counts) -> None:
        self._announcements = announcements
        self._counts = counts
        self._waiting: asyncio.Queue[tuple[str, ClicksCommitted]] = asyncio.Queue(MESSAGES_WAITING)
        self._failing = False

    def put(self, workspace_id: str, committed: ClicksCommitted) -> None:
        """Queue news of one workspace, in pieces of CLICKS_PER_MESSAGE."""
        for piece in clicks.pieces(committed, CLICKS_PER_MESSAGE):
            try:
                self._waiting.put_nowait((workspace_id, piece))
            except asyncio.QueueFull:
                self._counts.announcements_lost += len(piece.clicks)

    async def keep(self) -> None:
        """Publish for ever, in the order of the commits."""
        while True:
            workspace_id, piece = await self._waiting.get()
            try:
                await self._announcements.publish(workspace_id, piece)
            except Unavailable as error:
                self._counts.announcements_lost += len(piece.clicks)
                if not self._failing:
                    _log.warning("clicks are not announced, feeds read them from the ledger: %s", error)
                self._failing = True
            else:
                self._failing = False
