"""Orphan visits: those to slugs that do not exist, recorded for whoever alone owns the host."""

import asyncio
from collections.abc import Callable
from typing import Final

from domain.errors import Unavailable
from domain.visits import Outcome, Visit, VisitRecord
from domain.workspaces import Owners
from redirect.counts import Counts
from redirect.journal import Journal
from redirect.requests import Request
from redirect.visit import Reader

BELIEVED_SECONDS: Final = 60.0
"""How long the owner of a host is believed without asking again."""
HOSTS: Final = 1_000
ASK_SECONDS: Final = 0.25


class Orphans:
    """Records visits that found no link, once it is sure that there is none.

    A host that several workspaces share has no owner, and its visits are counted as misses only. Known links
    pay nothing for this; guessing clients are limited before they come here.

    Args:
        owners: whose a host is.
        reader: reads visits from requests.
        journal: this process's own.
        counts: see Counts.
        now: monotonic seconds.
    """

    def __init__(
        self, owners: Owners, reader: Reader, journal: Journal, counts: Counts, now: Callable[[], float]
    ) -> None:
        self._owners = owners
        self._reader = reader
        self._journal = journal
        self._counts = counts
        self._now = now
        self._known: dict[str, tuple[str | None, float]] = {}

    async def record(self, request: Request) -> None:
        """Put a visit into the journal; where nobody can tell whose it is, it is counted and let go."""
        try:
            owner = await self._owner(request.domain)
        except (Unavailable, TimeoutError):
            self._counts.orphans_lost += 1
            return
        if owner is None:
            return
        visit = self._reader.read(request.headers, request.peer, owner, request.method, request.query)
        self._journal.append(_record(visit, owner, request.slug_key))
        self._counts.orphans += 1

    async def _owner(self, host: str) -> str | None:
        owner, until = self._known.pop(host, (None, 0.0))
        if self._now() >= until:
            async with asyncio.timeout(ASK_SECONDS):
                owner = await self._owners.owner_of(host)
            until = self._now() + BELIEVED_SECONDS
        self._known[host] = (owner, until)
        if len(self._known) > HOSTS:
            del self._known[next(iter(self._known))]
        return owner


def _record(visit: Visit, workspace_id: str, slug_key: str) -> VisitRecord:
    return VisitRecord(
        at_ms=visit.at_ms,
        workspace_id=workspace_id,
        link_id=None,
        link_version=0,
        destination=None,
        outcome=Outcome.NOT_FOUND,
        purpose=visit.purpose,
        agent=visit.agent,
        languages=visit.languages,
        referrer=visit.referrer,
        country=visit.country,
        region=visit.region,
        city=visit.city,
        qr=visit.qr,
        slug=slug_key,
    )
