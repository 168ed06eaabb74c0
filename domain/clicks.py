"""A click: one answered visit in the ledger, classified, and where it stands in the feeds."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from sys import getsizeof
from typing import Final, Protocol

import msgspec

from domain.attributes import Scalar
from domain.utm import Utm
from domain.visits import Outcome

FIXED_BYTES: Final = 1_200
"""A click's fixed part: the struct, its ids and its short texts, measured with tracemalloc."""
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


class Click(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One row of the ledger. It is written once and never changed.

    Args:
        id: made from (journal, offset), so that the same frame is the same click however often it is shipped.
        slot: the ledger slot that stored it; see `seq`.
        seq: position in the feed of (workspace, slot), from 1 without holes, in commit order.
        unique: first HUMAN redirect of this visitor on this link on this UTC day to reach the ledger.
        final_destination: where the visitor was sent; None where there was no redirect.
        slug: identity of the slug that was asked for, of a visit that found no link.
        campaign_id: the link's campaign at that moment; likewise template and attributes (visits.Belonging).
        visitor: the day's hash of who followed a link with an aid_parameter: who is rewarded for it must be
            somebody else; empty on other links.
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
    campaign_id: str | None = None
    template_id: str | None = None
    attributes: tuple[tuple[str, Scalar], ...] = ()
    visitor: bytes = b""

    @property
    def size_bytes(self) -> int:
        """What it takes in memory, at most: its texts of any length as they are, all else by FIXED_BYTES."""
        utm = self.utm
        texts = (
            *(self.final_destination, self.referrer),
            *(utm.source, utm.medium, utm.campaign, utm.term, utm.content),
        )
        named = sum(getsizeof(name) + getsizeof(value) for name, value in self.attributes)
        return FIXED_BYTES + sum(map(getsizeof, texts)) + sum(map(getsizeof, self.tags)) + named


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

    @property
    def items(self) -> tuple[Click, ...]:
        """The same, as feeds call what they carry."""
        return self.clicks


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
