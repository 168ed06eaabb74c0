"""How visits become ledger entries: classified, unique or not, numbered in the feeds of their slot."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import msgspec

from domain import journals, languages
from domain.agents import Agent
from domain.clicks import NO_UTM, Click, ClickKind, ClicksCommitted, LinkStats
from domain.utm import Utm
from domain.visitors import DAY_MS
from domain.visits import Outcome, Purpose, VisitRecord

MAX_ENTRIES: Final = 5_000
"""Clicks of one transaction, of a backlog: more would make it long, and a conflict expensive."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A click before its commit: not numbered yet, and not known to be unique.

    Args:
        click: with slot and seq 0 and unique false.
        visitor: names (visitor, link, UTC day) where the click can be unique, else None.
    """

    click: Click
    visitor: bytes | None


class Stretch(msgspec.Struct, frozen=True):
    """What one transaction moves from a journal into the ledger.

    Args:
        journal_id: the journal.
        start: offset where reading began; the ledger's own offset must be here.
        end: offset behind the last frame.
        entries: at most MAX_ENTRIES; fewer than the frames where some could not be read.
    """

    journal_id: str
    start: int
    end: int
    entries: tuple[Entry, ...]


class Moved(Exception):
    """The journal's offset in the ledger is not the stretch's start: read it again and go on from there."""


class JournalClosed(Exception):
    """The journal was shipped completely and closed before; only its folder is left."""


class Ledger(Protocol):
    """Where clicks are committed, each exactly once; raises errors.Unavailable while MongoDB is away."""

    @property
    def session(self) -> str:
        """Names this worker's transactions."""
        ...

    async def end(self, session: str) -> None:
        """End the transaction that a worker which is gone may have left open."""
        ...

    async def offset_of(self, journal_id: str) -> int:
        """Where shipping goes on, 0 for a new journal; raises JournalClosed."""
        ...

    async def commit(self, stretch: Stretch, slot: int) -> Mapping[str, ClicksCommitted]:
        """Store a stretch in one transaction; what was committed by workspace. Raises Moved."""
        ...

    async def whole(self, journal_ids: Collection[str], until: datetime) -> None:
        """Note that every click of some journals that was answered before `until` is in the ledger."""
        ...

    async def close(self, journal_id: str) -> None:
        """Mark a journal as shipped completely."""
        ...


class Slots(Protocol):
    """Leases of ledger slots, one for each worker; raises errors.Unavailable while MongoDB is away."""

    async def acquire(self, owner: str) -> int:
        """Lease the lowest slot that is free or whose lease ran out."""
        ...

    async def renew(self, slot: int, owner: str) -> bool:
        """Lengthen the lease; false when somebody else has it."""
        ...

    async def release(self, slot: int, owner: str) -> None:
        """Give the slot back for the next worker."""
        ...


class Announcements(Protocol):
    """Tells the API processes what was committed."""

    async def publish(self, workspace_id: str, committed: ClicksCommitted) -> None:
        """Raises errors.Unavailable while Redis is away; feeds then find the clicks in the ledger."""
        ...


def entry(click_id: str, record: VisitRecord, agents: Callable[[str], Agent]) -> Entry:
    """The entry of one journal record.

    Args:
        click_id: see journals.click_id.
        record: the facts of the visit.
        agents: reads an agent string, see agents.Agents.read.
    """
    agent = agents(record.agent)
    kind = kind_of(record.purpose, agent)
    belonging = journals.belonging_of(record)
    click = Click(
        id=click_id,
        workspace_id=record.workspace_id,
        slot=0,
        seq=0,
        at=_EPOCH + timedelta(milliseconds=record.at_ms),
        link_id=record.link_id,
        link_version=record.link_version,
        outcome=record.outcome,
        kind=kind,
        unique=False,
        final_destination=record.destination,
        country=record.country or None,
        region=record.region or None,
        city=record.city or None,
        device=agent.device,
        os=agent.os,
        browser=agent.browser,
        language=languages.preferred(record.languages),
        referrer=record.referrer or None,
        qr=record.qr,
        utm=_utm(record.utm),
        tags=record.tags,
        rule=record.rule,
        variant=record.variant,
        slug=record.slug,
        campaign_id=belonging.campaign_id,
        template_id=belonging.template_id,
        attributes=belonging.attributes,
        visitor=record.visitor if record.noise else b"",
    )
    countable = kind is ClickKind.HUMAN and record.outcome is Outcome.REDIRECT and record.visitor
    return Entry(click, _visitor(record) if countable else None)


def kind_of(purpose: Purpose, agent: Agent) -> ClickKind:
    """Who or what followed the link: a HEAD request or a prefetch is one whoever sends it."""
    if purpose is Purpose.HEAD:
        return ClickKind.HEAD
    return ClickKind.PREFETCH if purpose is Purpose.PREFETCH else agent.kind


def by_workspace(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Entries grouped by workspace, in journal order."""
    groups: dict[str, list[Entry]] = {}
    for item in entries:
        groups.setdefault(item.click.workspace_id, []).append(item)
    return groups


def number(
    entries: Sequence[Entry], *, slot: int, after: int, known: Collection[bytes], seen: set[bytes]
) -> ClicksCommitted:
    """Give the clicks of one workspace their places in its feed of `slot`, and say which are unique.

    Args:
        entries: in journal order.
        slot: the worker's slot.
        after: the feed's head; the first click becomes `after + 1`.
        known: visitors (see Entry) that the ledger has already.
        seen: visitors of this transaction; grows.
    """
    clicks = []
    for seq, item in enumerate(entries, after + 1):
        visitor = item.visitor
        unique = visitor is not None and visitor not in known and visitor not in seen
        if unique and visitor is not None:
            seen.add(visitor)
        clicks.append(msgspec.structs.replace(item.click, slot=slot, seq=seq, unique=unique))
    return ClicksCommitted(slot, after + 1, after + len(clicks), tuple(clicks))


class Figures:
    """What a transaction adds to the all-time figures of one link."""

    __slots__ = ("kinds", "last_click_at", "uniques")

    def __init__(self) -> None:
        self.kinds: dict[ClickKind, int] = {}
        self.uniques = 0
        self.last_click_at: datetime | None = None

    def add(self, click: Click) -> None:
        """Count one redirect."""
        self.kinds[click.kind] = self.kinds.get(click.kind, 0) + 1
        self.uniques += click.unique
        if click.kind is ClickKind.HUMAN and (self.last_click_at is None or click.at > self.last_click_at):
            self.last_click_at = click.at


def figures(clicks: Iterable[Click]) -> dict[tuple[str, str], Figures]:
    """What `clicks` add to the figures of each (workspace, link); totals count REDIRECT only."""
    added: dict[tuple[str, str], Figures] = {}
    for click in clicks:
        if click.link_id is not None and click.outcome is Outcome.REDIRECT:
            added.setdefault((click.workspace_id, click.link_id), Figures()).add(click)
    return added


def total(link_id: str, rows: Iterable[tuple[Mapping[str, int], int, datetime | None]]) -> LinkStats:
    """The figures of a link over the rows of every slot: (clicks by kind, uniques, last human click)."""
    humans = bots = uniques = 0
    last: datetime | None = None
    for kinds, row_uniques, at in rows:
        humans += kinds.get(ClickKind.HUMAN, 0)
        bots += kinds.get(ClickKind.BOT, 0)
        uniques += row_uniques
        last = at if last is None or (at is not None and at > last) else last
    return LinkStats(link_id=link_id, clicks=humans, uniques=uniques, bots=bots, last_click_at=last)


def _visitor(record: VisitRecord) -> bytes:
    """Names a visitor on a link on a UTC day: 16 bytes that say nothing once the day's salt is gone."""
    told_apart = f"{record.link_id}/{record.at_ms // DAY_MS}".encode()
    return hashlib.blake2b(told_apart, key=record.visitor[:64], digest_size=16).digest()


def _utm(values: tuple[str | None, str | None, str | None, str | None, str | None]) -> Utm:
    if values == (None, None, None, None, None):
        return NO_UTM
    source, medium, campaign, term, content = values
    return Utm(source=source, medium=medium, campaign=campaign, term=term, content=content)
