"""Routes whose time is nearly up: whether they still hold is asked for many of them in one question."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from domain.errors import Unavailable
from redirect.entries import Address, Entry

TOGETHER: Final = 0.1
"""Share of the time for which a route is believed that the first of them waits for others."""
AT_ONCE: Final = 200
"""Routes in one question: its answer keeps the loop for about a millisecond."""


class Confirmations:
    """Keeps routes that visitors ask for believed, in the background.

    The version of a link says whether its route still holds: nothing else is read of those that do.

    Args:
        ask: the versions that links have now, without those that are gone; raises errors.Unavailable.
        confirmed: what holds, and when it was asked for.
        doubted: what does not, or takes more than a version to know.
        now: monotonic seconds.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[Address]], Awaitable[Mapping[Address, int]]],
        confirmed: Callable[[Entry, float], None],
        doubted: Callable[[Address], None],
        now: Callable[[], float],
    ) -> None:
        self._ask = ask
        self._confirmed = confirmed
        self._doubted = doubted
        self._now = now
        self._waiting: list[Entry] = []
        self._asking: asyncio.Task[None] | None = None

    def add(self, entry: Entry, wait_seconds: float) -> None:
        """Have a believed route confirmed, after `wait_seconds` at most; once until its time is up."""
        entry.due = entry.until
        self._waiting.append(entry)
        if self._asking is None:
            self._asking = asyncio.create_task(self._work(wait_seconds))

    async def _work(self, wait_seconds: float) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(wait_seconds)
                entries, self._waiting = self._waiting, []
                for first in range(0, len(entries), AT_ONCE):
                    await self._settle(entries[first : first + AT_ONCE])
        except Unavailable:
            self._waiting.clear()  # counted and logged; each asks for itself when its time is up
        finally:
            self._asking = None

    async def _settle(self, entries: list[Entry]) -> None:
        asked_at = self._now()
        versions = await self._ask([entry.address for entry in entries])
        for entry in entries:
            if not entry.until:
                continue  # edited or doubted meanwhile: the next visitor asks
            route = entry.route
            if versions.get(entry.address) == route.link_version and not route.counts:
                self._confirmed(entry, asked_at)
            else:
                self._doubted(entry.address)
