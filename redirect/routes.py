"""The route table: which links this process knows, how long it believes them, and how it learns of edits."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from domain import routes
from domain.errors import Unavailable
from domain.links import Link, LinkChanged
from domain.routes import Route, RouteSource
from redirect.breaker import Breaker
from redirect.confirmations import TOGETHER, Confirmations
from redirect.counts import Counts
from redirect.entries import Address, Entry, Load

BELIEVED_SECONDS: Final = 5.0
"""How long a route is believed without asking again, while news of edits come in."""
BELIEVED_DEAF_SECONDS: Final = 1.0
"""The same while they do not: an edit still arrives within a second."""
AHEAD: Final = 0.8
"""Share of that time after which the next visit has the route confirmed in the background."""
ROUTES: Final = 100_000
ALIASES: Final = 4
"""Spellings of one address that the hot path remembers."""
_ATTEMPTS: Final = 3
_UNKNOWN_EDIT: Final = 2**63
"""Stands for an edit that may have been missed: newer than every version."""

_log = logging.getLogger(__name__)


class Routes:
    """The links that visitors asked for lately, each believed for a few seconds.

    A slug that does not exist is never remembered: the next visitor may come for the link just made.
    While the database is away, what is in the table is used however old it is, and what is not is
    unknown, not missing.

    Args:
        source: where links are looked up.
        counts: see Counts.
        now: monotonic seconds.
        load_seconds: how long a look-up may take before the database counts as away.
        size: routes kept; the one that was looked up longest ago makes room.
    """

    def __init__(
        self,
        source: RouteSource,
        counts: Counts,
        now: Callable[[], float],
        *,
        load_seconds: float,
        size: int = ROUTES,
    ) -> None:
        self._source = source
        self._counts = counts
        self._now = now
        self._load_seconds = load_seconds
        self._size = size
        self._entries: dict[Address, Entry] = {}
        self._aliases: dict[bytes, Entry] = {}
        self._loads: dict[Address, Load] = {}
        self.clicks: dict[str, int] = {}
        """Human clicks by link, of links whose rules ask for them: as old as what is known of the link."""
        self._breaker = Breaker()
        self._confirmations = Confirmations(self._versions, self._believe, self._refresh, now)
        self._believed_seconds = BELIEVED_DEAF_SECONDS

    def __len__(self) -> int:
        return len(self._entries)

    def at_once(self, alias: bytes) -> Entry | None:
        """The hot path's look-up: the believed route of an address spelled like this (see `learn`).

        Call `renew` with it once the answer is on its way.
        """
        entry = self._aliases.get(alias)
        return entry if entry is not None and self._now() < entry.until else None

    def renew(self, entry: Entry) -> None:
        """Have a believed route confirmed in the background, if it is time: no visitor waits for that."""
        if self._now() >= entry.due:
            self._confirmations.add(entry, self._believed_seconds * TOGETHER)

    def knows(self, domain: str, slug_key: str) -> bool:
        """Whether the table has this link, believed or not."""
        return (domain, slug_key) in self._entries

    def learn(self, alias: bytes, entry: Entry) -> None:
        """Remember that the spelling `alias` (Host header and target, as sent) means `entry`."""
        if entry.route.plain and len(entry.aliases) < ALIASES and alias not in self._aliases and entry.until:
            entry.aliases.append(alias)
            self._aliases[alias] = entry

    async def find(self, domain: str, slug_key: str) -> Entry | None:
        """The route of a link as it is now, or None where we know that there is no such link.

        Raises:
            errors.Unavailable: the link is not in the table and the database does not answer.
        """
        address, now = (domain, slug_key), self._now()
        entry = self._entries.get(address)
        if entry is None:
            if address not in self._loads and not self._breaker.admits(now):
                raise Unavailable("the database is away", retry_after_seconds=1)
            return await self._load(address, now)
        if now < entry.until:
            self.renew(entry)
            return entry
        if not self._breaker.closed:
            self._refresh(address)
            self._counts.stale += 1
            return entry
        try:
            return await self._load(address, now)
        except Unavailable:
            if self._entries.get(address) is not entry:
                raise  # edited while the database went away: what we had is known to be wrong
            self._counts.stale += 1
            return entry

    def changed(self, change: LinkChanged) -> None:
        """A link was made, edited or deleted: what is known of it or just being looked up is outdated."""
        address = (change.domain, change.slug_key)
        entry = self._entries.get(address)
        if entry is not None and entry.route.link_version != change.version:
            self._drop(address)
        load = self._loads.get(address)
        if load is not None:
            load.edited_to = max(load.edited_to or 0, change.version)

    def listening(self) -> None:
        """News of edits come in (again): whatever was learnt before may have missed some."""
        self._believed_seconds = BELIEVED_SECONDS
        self._doubt_all()

    def deaf(self) -> None:
        """News of edits do not come in any more: ask more often."""
        self._believed_seconds = BELIEVED_DEAF_SECONDS
        self._doubt_all()

    def _doubt_all(self) -> None:
        for entry in self._entries.values():
            entry.due = entry.until = 0.0
        for load in self._loads.values():
            load.edited_to = _UNKNOWN_EDIT

    def _refresh(self, address: Address) -> None:
        """Look up in the background, unless somebody does or the database is known to be away."""
        now = self._now()
        if address not in self._loads and self._breaker.admits(now):
            self._start(address, now)

    async def _load(self, address: Address, arrived: float) -> Entry | None:
        """Look up together with others, but believe "no such link" only of a look-up begun after we came.

        An older one may have looked just before the link was made, and what was made redirects at once.
        """
        while True:
            load = self._loads.get(address) or self._start(address, self._now())
            entry = await asyncio.shield(load.task)
            if entry is not None or load.started >= arrived:
                return entry

    def _start(self, address: Address, now: float) -> Load:
        load = self._loads[address] = Load(now)
        load.task = asyncio.create_task(self._ask(address, load))
        load.task.add_done_callback(lambda task: self._finish(address, task))
        return load

    def _finish(self, address: Address, task: "asyncio.Task[Entry | None]") -> None:
        del self._loads[address]
        if not task.cancelled():
            task.exception()  # whoever waits gets it; of a look-up in the background it is counted and logged

    async def _ask(self, address: Address, load: Load) -> Entry | None:
        for _ in range(_ATTEMPTS):
            load.edited_to = None
            asked_at = self._now()
            found, route = await self._read(address)
            outdated = load.outdates(found)
            if not outdated:
                break
            self._counts.loads_repeated += 1
        if route is None:
            self._drop(address)
            return None
        entry = self._keep(address, route)
        if (
            not outdated
        ):  # one that edits overtake time and again serves those who wait; the next visitor asks
            self._believe(entry, asked_at)
        entry.ruled = found if isinstance(found, Link) and found.rules else None
        return entry

    async def _read(self, address: Address) -> tuple[Link | routes.Tombstone | None, Route | None]:
        async with self._asking():
            found = await self._source.by_slug(*address)
            route = self._route(address, found) if isinstance(found, Link) else None
            if route is not None and route.counts:
                await self._count(route)
        return found, route

    async def _versions(self, addresses: Sequence[Address]) -> Mapping[Address, int]:
        if not self._breaker.admits(self._now()):
            raise Unavailable("the database is away", retry_after_seconds=1)
        async with self._asking():
            return await self._source.versions(addresses)

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        """Around a question to the database: in time or Unavailable, and the breaker learns of it."""
        self._counts.loads += 1
        try:
            async with asyncio.timeout(self._load_seconds):
                yield
        except (Unavailable, TimeoutError) as error:
            self._counts.loads_failed += 1
            if self._breaker.closed:
                _log.warning("the database is away: known links are answered from the table")
            self._breaker.failed(self._now())
            raise Unavailable("the database is away", retry_after_seconds=1) from error
        if not self._breaker.closed:
            _log.warning("the database answers again")
            self._breaker.answered()

    async def _count(self, route: Route) -> None:
        clicks = await self._source.clicks(route.workspace_id, route.link_id)
        self.clicks.pop(route.link_id, None)
        self.clicks[route.link_id] = clicks
        if len(self.clicks) > self._size:
            del self.clicks[next(iter(self.clicks))]

    def _route(self, address: Address, link: Link) -> Route:
        """The route of a link; rules take long to work out, and are when something has changed."""
        entry = self._entries.get(address)
        if entry is not None and entry.ruled == link:
            return entry.route
        return routes.route(link)

    def _keep(self, address: Address, route: Route) -> Entry:
        """Put a link into the table, behind all that were looked up before; nothing is believed of it yet."""
        entry = self._entries.pop(address, None)
        if entry is None:
            entry = Entry()
        elif not route.plain:  # the short way may have led here until now
            self._forget_aliases(entry)
        entry.address = address
        entry.lead(route)
        entry.due = entry.until = 0.0
        self._entries[address] = entry
        if len(self._entries) > self._size:
            self._drop(next(iter(self._entries)))
        return entry

    def _believe(self, entry: Entry, asked_at: float) -> None:
        """What the database said of a route in the table, asked at `asked_at`, holds for a while."""
        entry.due = asked_at + self._believed_seconds * AHEAD
        entry.until = asked_at + self._believed_seconds
        self._entries[entry.address] = self._entries.pop(entry.address)

    def _drop(self, address: Address) -> None:
        entry = self._entries.pop(address, None)
        if entry is not None:
            entry.due = entry.until = 0.0
            self._forget_aliases(entry)

    def _forget_aliases(self, entry: Entry) -> None:
        for alias in entry.aliases:
            del self._aliases[alias]
        entry.aliases.clear()
