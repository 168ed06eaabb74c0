"""Which clicks are wanted, and where they are read."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec

from domain.attributes import Scalar
from domain.clicks import Click, ClickKind, Device
from domain.matches import Match
from domain.paging import Page, Window


class Linked(Protocol):
    """What is known of a link where something happened to it."""

    @property
    def link_id(self) -> str | None:
        """The link."""

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags then."""

    @property
    def campaign_id(self) -> str | None:
        """Its campaign then."""

    @property
    def template_id(self) -> str | None:
        """The template that made it."""

    @property
    def variant(self) -> str | None:
        """Where it led to."""

    @property
    def attributes(self) -> tuple[tuple[str, Scalar], ...]:
        """Its attributes then, see attributes.counted."""


class ClickFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which clicks are wanted: all given conditions hold; None is no condition, an empty one matches nothing.

    Args:
        link_ids: of any of these links.
        kinds: of any of these kinds.
        countries: ISO 3166-1 alpha-2 codes in capitals.
        devices: with any of these devices.
        tags: of a link that had any of these tags.
        campaign_id: of a link that was in this campaign.
        template_id: of a link that was made by this template.
        variants: that were sent to any of these variants.
        attribute: of a link with an attribute of this name that the match holds for, as far as clicks have
            attributes (attributes.counted).
        orphans: visits to slugs that do not exist, instead of clicks on links.
    """

    link_ids: frozenset[str] | None = None
    kinds: frozenset[ClickKind] | None = None
    countries: frozenset[str] | None = None
    devices: frozenset[Device] | None = None
    tags: frozenset[str] | None = None
    campaign_id: str | None = None
    template_id: str | None = None
    variants: frozenset[str] | None = None
    attribute: tuple[str, Match] | None = None
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
            and self._of_the_link(click)
        )

    def matches_link(self, about: Linked) -> bool:
        """Whether something about a link is wanted, by the link alone."""
        return (
            not self.orphans
            and (self.link_ids is None or about.link_id in self.link_ids)
            and (self.tags is None or not self.tags.isdisjoint(about.tags))
            and self._of_the_link(about)
        )

    def _of_the_link(self, click: Linked) -> bool:
        return (
            (self.campaign_id is None or click.campaign_id == self.campaign_id)
            and (self.template_id is None or click.template_id == self.template_id)
            and (self.variants is None or click.variant in self.variants)
            and (self.attribute is None or self.attribute[1].holds(_values(click, self.attribute[0])))
        )

    def on(self, link_id: str) -> "ClickFilter":
        """The same filter for the clicks of one link."""
        wanted = self.link_ids is None or link_id in self.link_ids
        return msgspec.structs.replace(self, link_ids=frozenset({link_id} if wanted else ()))

    def in_campaign(self, campaign_id: str) -> "ClickFilter":
        """The same filter for the clicks of one campaign."""
        if self.campaign_id not in (None, campaign_id):
            return msgspec.structs.replace(self, link_ids=frozenset())
        return msgspec.structs.replace(self, campaign_id=campaign_id)

    def by_template(self, template_id: str) -> "ClickFilter":
        """The same filter for the clicks on links of one template."""
        if self.template_id not in (None, template_id):
            return msgspec.structs.replace(self, link_ids=frozenset())
        return msgspec.structs.replace(self, template_id=template_id)


EVERY_CLICK: Final = ClickFilter()
ORPHANS: Final = ClickFilter(orphans=True)


def _values(click: Linked, name: str) -> list[Scalar]:
    return [value for path, value in click.attributes if path == name]


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
