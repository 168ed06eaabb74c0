"""A link: the short address of a destination, and what may be done with it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from domain.passwords import Sealed
from domain.utm import Utm
from domain.variants import Variant


class LinkStatus(StrEnum):
    """What a visitor meets at this moment; worked out from the link and the clock, never stored."""

    ACTIVE = "ACTIVE"
    SCHEDULED = "SCHEDULED"
    PAUSED = "PAUSED"
    EXPIRED = "EXPIRED"
    ARCHIVED = "ARCHIVED"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Where visits go for which a condition holds: to a destination, to one of its variants, or nowhere.

    Args:
        name: unique in its link; what clicks remember.
        when: the condition in canonical form, see domain.grammar.
        destination: canonical URL, without the link's UTM parameters.
        block: nobody whom it matches gets through.
    """

    name: str
    when: Mapping[str, Any]
    destination: str | None = None
    variants: tuple[Variant, ...] = ()
    block: bool = False


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What a link was made from by a template, so that it can be rendered again (see domain/origins.py).

    Args:
        template_version: the one that it was last rendered by.
        values: of the template's variables as they were given, one JSON object as text.
        own: names of fields that its row or a later edit set; a re-rendering leaves them alone.
    """

    template_id: str
    template_version: int
    values: str
    own: tuple[str, ...] = ()


class Link(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """One version of a link.

    Args:
        domain: host of the short URL, lower-case ASCII, with its port where that is not the scheme's.
        slug: as given or generated, NFC; shown and used in the short URL.
        slug_key: the slug's identity (see slugs.key_of); (domain, slug_key) is unique.
        destination: canonical WHATWG URL without UTM parameters.
        rules: asked in this order; the first that matches decides.
        variants: share, instead of the destination, the visits that no rule matches.
        click_limit: how many people it lets through, see domain.seats; None: everybody.
        password: what visitors have to know; only its hash is kept.
        aid_parameter: query parameter that tells destinations of the click, see domain.aids; None: none does.
        origin: the template that made it; None: none did.
        version: counts the changes, from 1; the optimistic lock.
        changed_by: who made this version: id of a key, or name of a job.
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
    rules: tuple[Rule, ...] = ()
    variants: tuple[Variant, ...] = ()
    redirect_code: int = 302
    forward_query: bool = False
    starts_at: datetime | None = None
    expires_at: datetime | None = None
    click_limit: int | None = None
    fallback: str | None = None
    password: Sealed | None = None
    paused: bool = False
    campaign_id: str | None = None
    aid_parameter: str | None = None
    archived_at: datetime | None = None
    origin: Origin | None = None
    version: int = 1
    changed_by: str = ""
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


class Conflict(StrEnum):
    """Why a store could not keep a link."""

    SLUG = "slug"
    EXTERNAL_ID = "external_id"
    STALE = "version"


class LinkChanged(msgspec.Struct, array_like=True, frozen=True):
    """Told to every redirect process when a link was made, edited, archived or deleted (channel `links`)."""

    domain: str
    slug_key: str
    version: int


class LinkChanges(Protocol):
    """Who is told that links changed, after it is committed."""

    async def publish(self, changes: Sequence[LinkChanged]) -> None:
        """Tell every redirect process; takes at most 100 ms, and failing is counted, never raised."""
        ...


class Links(Protocol):
    """Where links are kept. Each method raises errors.Unavailable while the database is away."""

    async def add(self, workspace_id: str, link: Link) -> frozenset[Conflict]:
        """Keep one new link; the answer is empty when it was kept."""
        ...

    async def add_many(self, workspace_id: str, links: Sequence[Link]) -> dict[str, frozenset[Conflict]]:
        """Keep new links, all but those in conflict, together.

        Returns:
            The conflicts of each link that was not kept, by its id.
        """
        ...

    async def by_id(self, workspace_id: str, link_id: str) -> Link | None:
        """The link, or None."""
        ...

    async def by_ids(self, workspace_id: str, link_ids: Sequence[str]) -> dict[str, Link]:
        """Those that exist, by id."""
        ...

    async def by_slug(self, workspace_id: str, domain: str, slug_key: str) -> Link | None:
        """The link of a short address, or None."""
        ...

    async def by_external_id(self, workspace_id: str, external_id: str) -> Link | None:
        """The link of an external id; of several sources the one without a name, then the first by name."""
        ...

    async def update(self, workspace_id: str, old: Link, new: Link) -> Conflict | None:
        """Replace `old` by `new`, if `old` is still what is kept, and keep what that changes as a revision.

        Returns:
            None when it is done, otherwise what stands against it; then nothing changed.
        """
        ...

    async def remove(self, workspace_id: str, link: Link, deleted_at: datetime) -> Conflict | None:
        """Leave a tombstone in place of `link`, if that is still what is kept: its slug stays taken.

        Its revisions go with it.
        """
        ...
