"""A click: one answered visit in the ledger, classified, and where it stands in the feeds."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from domain.paging import Page, Window
from domain.utm import Utm
from domain.visits import Outcome

NO_UTM: Final = Utm()
"""Of a link without parameters; being the default, it takes no room in the ledger."""


class ClickKind(StrEnum):
    """Who or what followed the link; totals count HUMAN unless asked otherwise."""

    HUMAN = "HUMAN"
    BOT = "BOT"
    PREFETCH = "PREFETCH"
    PREVIEW = "PREVIEW"
    HEAD = "HEAD"


class Device(StrEnum):
    """The visitor's device, as far as the agent says."""

    MOBILE = "MOBILE"
    TABLET = "TABLET"
    DESKTOP = "DESKTOP"
    TV = "TV"
    BOT = "BOT"
    OTHER = "OTHER"


class Click(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of the ledger. It is written once and never changed.

    Args:
        id: made from (journal, offset), so that the same frame is the same click however often it is shipped.
        slot: the ledger slot that stored it; see `seq`.
        seq: position in the feed of (workspace, slot), from 1 without holes, in commit order.
        unique: first HUMAN redirect of this visitor on this link on this UTC day to reach the ledger.
        final_destination: where the visitor was sent; None where there was no redirect.
        slug: identity of the slug that was asked for, of a visit that found no link.
    """

    id: str
    workspace_id: str
    slot: int
    seq: int
    at: datetime
    link_id: str | None
    link_version: int
    outcome: Outcome
    kind: ClickKind
    unique: bool
    final_destination: str | None = None
    rule: str | None = None
    variant: str | None = None
    country: str | None = None
    region: str | None = None
    city: str | None = None
    device: Device = Device.OTHER
    os: str | None = None
    browser: str | None = None
    language: str | None = None
    referrer: str | None = None
    qr: bool = False
    utm: Utm = NO_UTM
    tags: tuple[str, ...] = ()
    slug: str | None = None


class ClickFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which clicks are wanted: all given conditions hold; None is no condition, an empty one matches nothing.

    Args:
        link_ids: of any of these links.
        kinds: of any of these kinds.
        countries: ISO 3166-1 alpha-2 codes in capitals.
        devices: with any of these devices.
        tags: of a link that had any of these tags.
        orphans: visits to slugs that do not exist, instead of clicks on links.
    """

    link_ids: frozenset[str] | None = None
    kinds: frozenset[ClickKind] | None = None
    countries: frozenset[str] | None = None
    devices: frozenset[Device] | None = None
    tags: frozenset[str] | None = None
    orphans: bool = False

    def matches(self, click: Click) -> bool:
        """Whether `click` is wanted."""
        return (
            (click.link_id is None) is self.orphans
            and (self.link_ids is None or click.link_id in self.link_ids)
            and (self.kinds is None or click.kind in self.kinds)
            and (self.countries is None or click.country in self.countries)
            and (self.devices is None or click.device in self.devices)
            and (self.tags is None or not self.tags.isdisjoint(click.tags))
        )

    def on(self, link_id: str) -> "ClickFilter":
        """The same filter for the clicks of one link."""
        wanted = self.link_ids is None or link_id in self.link_ids
        return msgspec.structs.replace(self, link_ids=frozenset({link_id} if wanted else ()))


EVERY_CLICK: Final = ClickFilter()
ORPHANS: Final = ClickFilter(orphans=True)


class LinkStats(msgspec.Struct, frozen=True, kw_only=True):
    """All-time figures of one link; clicks and uniques count HUMAN redirects."""

    link_id: str
    clicks: int = 0
    uniques: int = 0
    bots: int = 0
    last_click_at: datetime | None = None


class ClicksCommitted(msgspec.Struct, array_like=True, frozen=True):
    """Told to every feed of a workspace after its clicks were committed (channel `clicks:<workspace id>`).

    Args:
        slot: the ledger slot.
        first: seq of the first click.
        last: seq of the last one; a reader that has not seen `first - 1` fills up from the ledger.
        clicks: the clicks in seq order.
    """

    slot: int
    first: int
    last: int
    clicks: tuple[Click, ...]


class Clicks(Protocol):
    """Where clicks are read; raises errors.Unavailable while MongoDB is away."""

    async def by_ids(self, workspace_id: str, click_ids: Sequence[str]) -> Mapping[str, Click]:
        """Those that exist, by id."""
        ...

    async def page(self, workspace_id: str, wanted: ClickFilter, window: Window) -> Page[Click]:
        """One stretch of the wanted clicks, newest first."""
        ...

    async def count(self, workspace_id: str, wanted: ClickFilter, *, limit: int) -> int:
        """How many clicks are wanted; counts no further than `limit`."""
        ...


class Stats(Protocol):
    """Where figures are read; raises errors.Unavailable while MongoDB is away."""

    async def by_links(self, workspace_id: str, link_ids: Sequence[str]) -> Mapping[str, LinkStats]:
        """The all-time figures of each link, zeroes for one without clicks."""
        ...


def pieces(committed: ClicksCommitted, size: int) -> Iterator[ClicksCommitted]:
    """The same news in messages of at most `size` clicks."""
    for start in range(0, len(committed.clicks), size):
        part = committed.clicks[start : start + size]
        yield ClicksCommitted(committed.slot, part[0].seq, part[-1].seq, part)
