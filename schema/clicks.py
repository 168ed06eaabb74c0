"""Clicks, their figures and their live feed as the API shows them."""

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, Final, Optional

import strawberry
from strawberry import UNSET
from strawberry.utils.str_converters import to_camel_case

from domain import click_filters, clicks, feeds, instants, matches, visits
from domain.access import Scope
from domain.errors import BadRequest
from domain.paging import Window
from domain.revenues import Revenue
from schema.context import Context, Info
from schema.inputs import written
from schema.matches import MatchInput
from schema.nodes import Node
from schema.paging import Connection, connection
from schema.revenues import Earned, Earning
from schema.scalars import BigInt, DateTime, Url
from schema.utm import Utm

if TYPE_CHECKING:
    from schema.links import Link

MAX_LISTED: Final = 250
Figures = clicks.LinkStats

Outcome = visits.Outcome
strawberry.enum(Outcome, name="Outcome", description="What a visit was answered; totals count REDIRECT.")
ClickKind = clicks.ClickKind
strawberry.enum(ClickKind, name="ClickKind", description="Who or what followed the link; totals count HUMAN.")
Device = clicks.Device
strawberry.enum(Device, name="Device", description="What the visitor holds, as far as the agent says.")
GapReason = feeds.GapReason
strawberry.enum(GapReason, name="GapReason", description="Why clicks could not be delivered.")


@strawberry.type(description="One answered visit. Nothing is thrown away, and no IP address is kept.")
class Click(Node):
    """The API's view of domain.clicks.Click."""

    at: DateTime = strawberry.field(description="When it was answered.")
    link_id: strawberry.ID | None = strawberry.field(
        description="The link, also when it is deleted; null: a visit to a slug that does not exist."
    )
    outcome: Outcome = strawberry.field(description="What was answered.")
    kind: ClickKind = strawberry.field(description="Who or what followed the link.")
    unique: bool = strawberry.field(
        description="First HUMAN redirect of this visitor on this link on this UTC day to reach the ledger."
    )
    final_destination: Url | None = strawberry.field(description="Where the visitor was sent.")
    rule: str | None = strawberry.field(description="The rule that decided.")
    variant: str | None = strawberry.field(description="The variant that was drawn.")
    country: str | None = strawberry.field(description="ISO 3166-1 alpha-2.")
    region: str | None = strawberry.field(description="ISO 3166-2.")
    city: str | None = strawberry.field(description="English name.")
    device: Device = strawberry.field(description="What the visitor holds.")
    os: str | None = strawberry.field(description='Such as "iOS".')
    browser: str | None = strawberry.field(description='Such as "Mobile Safari".')
    language: str | None = strawberry.field(description="The one that is preferred, BCP 47.")
    referrer: str | None = strawberry.field(description="Host of the page that the visitor came from.")
    qr: bool = strawberry.field(description="Whether a QR code was scanned.")
    utm: Utm = strawberry.field(description="Campaign parameters of the link at that moment.")
    slug: str | None = strawberry.field(description="What was asked for, where there is no such link.")

    @strawberry.field(
        description="The link as it is now; null when it is deleted.", metadata={"scope": Scope.LINKS_READ}
    )
    async def link(self, info: Info) -> Optional[Annotated["Link", strawberry.lazy("schema.links")]]:  # noqa: UP045 - a lazy type knows no |
        """One round trip for all clicks of an answer or event."""
        from schema.links import Link

        found = None if self.link_id is None else await info.context.loaders.links.load(self.link_id)
        return None if found is None else Link.of(found, info.context)

    @classmethod
    def of(cls, click: clicks.Click) -> "Click":
        """The same click."""
        return cls(
            id=strawberry.ID(click.id),
            at=DateTime(instants.written(click.at)),
            link_id=None if click.link_id is None else strawberry.ID(click.link_id),
            outcome=click.outcome,
            kind=click.kind,
            unique=click.unique,
            final_destination=None if click.final_destination is None else Url(click.final_destination),
            rule=click.rule,
            variant=click.variant,
            country=click.country,
            region=click.region,
            city=click.city,
            device=click.device,
            os=click.os,
            browser=click.browser,
            language=click.language,
            referrer=click.referrer,
            qr=click.qr,
            utm=Utm.of(click.utm),
            slug=click.slug,
        )


@strawberry.type(description="Figures of a link over all time; clicks and uniques count HUMAN redirects.")
class LinkStats(Earning):
    """The API's view of domain.clicks.LinkStats."""

    link_id: strawberry.ID = strawberry.field(description="The link.")
    clicks: BigInt = strawberry.field(description="Redirects of people.")
    uniques: BigInt = strawberry.field(description="Of these, the first of a visitor on a UTC day.")
    bots: BigInt = strawberry.field(description="Redirects of robots.")
    last_click_at: DateTime | None = strawberry.field(description="The latest redirect of a person.")

    @classmethod
    def of(cls, stats: Figures) -> "LinkStats":
        """The same figures."""
        last = stats.last_click_at
        return cls(
            link_id=strawberry.ID(stats.link_id),
            clicks=BigInt(stats.clicks),
            uniques=BigInt(stats.uniques),
            bots=BigInt(stats.bots),
            last_click_at=None if last is None else DateTime(instants.written(last)),
            earned=_earned(stats.link_id),
        )


@strawberry.type(description="What could not be delivered, and why: never a silent hole.")
class Gap:
    """The API's view of domain.feeds.Gap."""

    reason: GapReason = strawberry.field(description="Why.")
    missed: int | None = strawberry.field(description="How many clicks or events; null where nobody knows.")
    resume_from: str | None = strawberry.field(description="Cursor to go on from with `after`.")

    @classmethod
    def of(cls, gap: feeds.Gap) -> "Gap":
        """The same gap."""
        return cls(reason=gap.reason, missed=gap.missed, resume_from=gap.resume_from)


@strawberry.type(description="One frame of a live feed.")
class ClickBatch:
    """The API's view of domain.feeds.Batch."""

    clicks: list[Click] = strawberry.field(
        description="New clicks, at most 50; none in a sign of life.",
        metadata={"rows": feeds.ITEMS_PER_BATCH},
    )
    cursor: str = strawberry.field(description="Where the feed stands behind them, for `after`.")
    gap: Gap | None = strawberry.field(description="What could not be delivered.")

    @property
    def size(self) -> int:
        """How many clicks it holds; not a field of the API."""
        return len(self.clicks)

    @classmethod
    def of(cls, batch: feeds.Batch) -> "ClickBatch":
        """The same frame."""
        return cls(
            clicks=[Click.of(click) for click in batch.items],
            cursor=batch.cursor,
            gap=None if batch.gap is None else Gap.of(batch.gap),
        )


def _optional(description: str) -> Any:
    return strawberry.field(default=UNSET, description=description)


@strawberry.input(description="All given conditions hold. Null is refused; an empty list matches nothing.")
class ClickFilter:
    """Which clicks are wanted."""

    link_ids: list[strawberry.ID] | None = _optional("On any of these links.")
    tags: list[str] | None = _optional("On a link that had any of these tags then.")
    countries: list[str] | None = _optional("ISO 3166-1 alpha-2 codes.")
    devices: list[Device] | None = _optional("With any of these devices.")
    kinds: list[ClickKind] | None = _optional("Of any of these kinds.")
    campaign_id: strawberry.ID | None = _optional("On a link that was in this campaign then.")
    template_id: strawberry.ID | None = _optional("On a link that this template made.")
    variants: list[str] | None = _optional("Sent to any of these variants, by their keys.")
    attribute: MatchInput | None = _optional(
        "On a link that had such an attribute then. Clicks know the first 16 values, 200 characters of each."
    )

    def to_domain(self) -> click_filters.ClickFilter:
        """The filter of what was given.

        Raises:
            BadRequest: a condition is null or too long.
            Rejected: `attribute` breaks a rule.
        """
        values = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        given: dict[str, Any] = {
            name: _condition(name, value) for name, value in values.items() if value is not UNSET
        }
        if "countries" in given:
            given["countries"] = frozenset(country.upper() for country in given["countries"])
        return click_filters.ClickFilter(**given)


def _condition(name: str, value: Any) -> Any:
    shown = to_camel_case(name)
    if value is None:
        raise BadRequest(f"The filter's {shown} is null; leave it out instead.")
    if isinstance(value, str):
        return value
    if isinstance(value, MatchInput):
        asked = matches.checked(written(value))
        return asked["name"], matches.of(asked)
    if len(value) > MAX_LISTED:
        raise BadRequest(
            f"The filter's {shown} has {len(value):,} entries; at most {MAX_LISTED} are accepted."
        )
    return frozenset(value)


async def listed(
    wanted: click_filters.ClickFilter, window: Window, list_name: str, context: Context
) -> Connection[Click]:
    """One page of the workspace's clicks, newest first."""
    workspace_id, stored = context.viewer.workspace_id, context.stores.clicks
    return connection(
        await stored.page(workspace_id, wanted, window),
        list_name=list_name,
        node=Click.of,
        key=lambda click: (click.id,),
        counted=lambda limit: stored.count(workspace_id, wanted, limit=limit),
    )


def _earned(link_id: str) -> Earned:
    async def earned(context: Context) -> Revenue:
        return await context.loaders.revenues.load(link_id)

    return earned
