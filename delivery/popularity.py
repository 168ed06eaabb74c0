"""Popularity of links, brought up to date in the background."""

import asyncio
import logging
from typing import Final

from domain import popularity
from domain.clicks import Stats
from domain.errors import Unavailable
from domain.popularity import Popularities

LOOK_SECONDS: Final = 20.0
"""How often a process looks whether a round is due; so one begins at most a minute after the last."""

_log = logging.getLogger(__name__)


class Popularity:
    """Takes its turn among all processes that do the same."""

    def __init__(self, store: Popularities, stats: Stats) -> None:
        self._store = store
        self._stats = stats

    async def keep(self) -> None:
        """Look for ever. While MongoDB is away the figures stay as they are, and the next round goes on."""
        while True:
            try:
                if await self._store.begin():
                    await popularity.round_of(self._store, self._stats)
            except Unavailable as error:
                _log.warning("popularity of links is not brought up to date: %s", error)
            await asyncio.sleep(LOOK_SECONDS)  # the interval itself is the point
