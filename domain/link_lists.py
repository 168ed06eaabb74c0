"""Lists of links: which links are asked for, in which order, and where each stands in it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Protocol

import msgspec

from domain.links import Link, LinkStatus
from domain.paging import Key, Page, Window
from domain.terms import Asked


class LinkOrder(StrEnum):
    """In which order links are listed."""

    NEWEST = "NEWEST"
    OLDEST = "OLDEST"
    RECENTLY_UPDATED = "RECENTLY_UPDATED"
    MOST_CLICKED = "MOST_CLICKED"


_INSTANT_MS = Annotated[int, msgspec.Meta(ge=-62_135_596_800_000, le=253_402_300_799_999)]  # years 1 to 9999
_CLICKS = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_PLACES: Final[Mapping[LinkOrder, Any]] = {
    LinkOrder.NEWEST: tuple[str],
    LinkOrder.OLDEST: tuple[str],
    LinkOrder.RECENTLY_UPDATED: tuple[_INSTANT_MS, str],
    LinkOrder.MOST_CLICKED: tuple[_CLICKS, str],
}


def shape_of_places(order: LinkOrder) -> Any:
    """The type of the places in lists of an order."""
    return _PLACES[order]


class LinkFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which links are listed: those that all conditions hold for; None is none, an empty list never holds.

    Args:
        terms: what the links' terms have to be, see domain.terms.
        tags: links with any of them.
        status: links that are in any of them at `now`.
        now: the moment that `status` is judged at.
    """

    ids: tuple[str, ...] | None = None
    terms: tuple[Asked, ...] = ()
    domain: str | None = None
    tags: tuple[str, ...] | None = None
    status: tuple[LinkStatus, ...] | None = None
    external_ids: tuple[str, ...] | None = None
    campaign_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    now: datetime

    @property
    def matches_nothing(self) -> bool:
        """Whether a list of it is empty."""
        none = Asked()
        return () in (self.ids, self.tags, self.status, self.external_ids) or none in self.terms


class Listed(msgspec.Struct, frozen=True):
    """A link and its place in the list that it was read from."""

    link: Link
    place: Key


class LinkLists(Protocol):
    """Where lists of links are read. Each method raises errors.Unavailable while the database is away."""

    async def page(
        self, workspace_id: str, asked: LinkFilter, order: LinkOrder, window: Window
    ) -> Page[Listed]:
        """One stretch of the links that `asked` matches."""
        ...

    async def count(self, workspace_id: str, asked: LinkFilter, *, limit: int) -> int:
        """How many links `asked` matches; counts no further than `limit`."""
        ...
