"""Gates: what some links ask before a visit gets through, beyond what the visit tells: a password, a seat."""

import asyncio
from collections.abc import Callable
from typing import Final

from domain import ledgers, rules
from domain.agents import Agent
from domain.clicks import ClickKind
from domain.errors import Unavailable
from domain.routes import Decision, Route
from domain.seats import Seats
from domain.visits import Visit
from redirect.counts import Counts
from redirect.doors import Doors
from redirect.entries import Entry
from redirect.responses import Refused, whole

SEAT_SECONDS: Final = 1.0
"""How long a visitor waits for a seat: longer than for anything else, since nobody else can answer."""


class Gates:
    """Asks the database for seats. Who finds none is remembered no longer than the link's version.

    Args:
        doors: checks passwords.
        seats: where they are counted.
        agents: reads an agent string, see agents.Agents.read.
        counts: see Counts.
    """

    def __init__(self, doors: Doors, seats: Seats, agents: Callable[[str], Agent], counts: Counts) -> None:
        self.doors = doors
        self._seats = seats
        self._agents = agents
        self._counts = counts

    async def seated(self, entry: Entry, decision: Decision, visit: Visit) -> Decision:
        """The decision, or another one where it needs a seat and none is left.

        Only people take seats. Bots, previews, prefetches and HEAD get what a person would get now.

        Raises:
            Refused: nobody can tell at the moment.
        """
        route = entry.route
        if route.seats is None or not rules.needs_seat(route, decision):
            return decision
        entry.seating = entry.seating or asyncio.Lock()  # a crowd asks one by one, and not in vain
        try:
            async with asyncio.timeout(SEAT_SECONDS), entry.seating:
                if not entry.full and await self._free(route, route.seats, visit):
                    return decision
        except (Unavailable, TimeoutError) as error:
            self._counts.unavailable += 1
            raise Refused(503, retry_after_seconds=whole(None)) from error
        if entry.version == (route.link_id, route.link_version):
            entry.full = True
        return rules.full(route)

    async def _free(self, route: Route, seats: int, visit: Visit) -> bool:
        if ledgers.kind_of(visit.purpose, self._agents(visit.agent)) is ClickKind.HUMAN:
            return await self._seats.take(route.workspace_id, route.link_id, seats)
        taken = await self._seats.taken(route.workspace_id, [route.link_id])
        return taken[route.link_id] < seats
