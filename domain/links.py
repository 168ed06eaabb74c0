"""A link: the short address of a destination, and what may be done with it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from domain.utm import Utm


class LinkStatus(StrEnum):
    """What a visitor meets at this moment; worked out from the link and the clock, never stored."""

    ACTIVE = "ACTIVE"
    SCHEDULED = "SCHEDULED"
    PAUSED = "PAUSED"
    EXPIRED = "EXPIRED"
    ARCHIVED = "ARCHIVED"


class Link(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """One version of a link.

    Args:
        domain: host of the short URL, lower-case ASCII, with its port where that is not the scheme's.
        slug: as given or generated, NFC; shown and used in the short URL.
        slug_key: the slug's identity (see slugs.key_of); (domain, slug_key) is unique.
        destination: canonical WHATWG URL without UTM parameters.
        version: counts the changes, from 1; the optimistic lock.
        archived_at: since when the link is archived, or None.
    """

    id: str
    workspace_id: str
    domain: str
    slug: str
    slug_key: str
    destination: str
    title: str | None = None
    notes: str | None = None
    tags: tuple[str, ...] = ()
    external_id: str | None = None
    external_source: str | None = None
    attributes: Mapping[str, Any] = {}
    utm: Utm = Utm()
    redirect_code: int = 302
    forward_query: bool = False
    starts_at: datetime | None = None
    expires_at: datetime | None = None
    fallback: str | None = None
    paused: bool = False
    archived_at: datetime | None = None
    version: int = 1
    created_at: datetime
    updated_at: datetime

    def status(self, now: datetime) -> LinkStatus:
        """What a visitor meets at `now`."""
        if self.archived_at is not None:
            return LinkStatus.ARCHIVED
        if self.paused:
            return LinkStatus.PAUSED
        if self.expires_at is not None and now >= self.expires_at:
            return LinkStatus.EXPIRED
        if self.starts_at is not None and now < self.starts_at:
            return LinkStatus.SCHEDULED
        return LinkStatus.ACTIVE


class LinkChanged(msgspec.Struct, array_like=True, frozen=True):
    """Told to every redirect process when a link was made, edited, archived or deleted (channel `links`)."""

    domain: str
    slug_key: str
    version: int
