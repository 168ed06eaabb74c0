"""Stretches of journals, read and classified while the ledger is busy with the one before."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from delivery.journals import Frame, Journal
from domain import ledgers
from domain.agents import Agent
from domain.journals import click_id, decode
from domain.ledgers import MAX_ENTRIES, Entry, Stretch

_AT_ONCE: Final = 5
"""Records that are classified before the ledger gets its turn: a fraction of a millisecond. It needs several
turns for each answer of the database, which has nothing to do meanwhile."""

_log = logging.getLogger(__name__)


class Read(NamedTuple):
    """A stretch, and how many of its records could not be read."""

    stretch: Stretch
    unreadable: int


class Stretches:
    """Reads journals, one stretch ahead.

    Args:
        agents: reads an agent string, see agents.Agents.read.
    """

    def __init__(self, agents: Callable[[str], Agent]) -> None:
        self._agents = agents
        self._ahead: dict[str, Read] = {}

    async def next(self, journal: Journal) -> Read | None:
        """The stretch that goes on where the journal is; None while there is nothing new."""
        ahead = self._ahead.pop(journal.id, None)
        if ahead is not None and ahead.stretch.start == journal.offset:
            return ahead
        return await self._read(journal, journal.offset)

    async def look_ahead(self, journal: Journal, start: int) -> None:
        """Read the stretch that begins at `start`, so that it is there when it is asked for."""
        ahead = await self._read(journal, start)
        if ahead is not None:
            self._ahead[journal.id] = ahead

    def forget(self, journal_id: str) -> None:
        """Let go of what was read ahead."""
        self._ahead.pop(journal_id, None)

    async def _read(self, journal: Journal, start: int) -> Read | None:
        frames, end = journal.frames(MAX_ENTRIES, start)
        if end == start:
            return None
        entries: list[Entry] = []
        for place in range(0, len(frames), _AT_ONCE):
            entries += self._entries(journal.id, frames[place : place + _AT_ONCE])
            await asyncio.sleep(0)
        stretch = Stretch(journal.id, start, end, tuple(entries))
        return Read(stretch, len(frames) - len(entries))

    def _entries(self, journal_id: str, frames: list[Frame]) -> list[Entry]:
        """Classified entries of `frames`; what cannot be read is passed over, or it would block the rest."""
        entries = []
        for frame in frames:
            try:
                record = decode(frame.payload)
                identity = click_id(journal_id, frame.offset, record.at_ms, record.noise)
                entries.append(ledgers.entry(identity, record, self._agents))
            except (msgspec.MsgspecError, ValueError, OverflowError) as error:
                _log.error("journal %s: the record at %d is unreadable: %s", journal_id, frame.offset, error)
        return entries
