"""Links as the API shows and takes them."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Optional

import strawberry

from domain import addresses, instants, links, paging, targets
from domain.access import Scope
from domain.click_filters import EVERY_CLICK
from domain.errors import Rejected
from schema import analytics, qr_codes, revisions
from schema.analytics import Analytics
from schema.clicks import Click, ClickFilter, LinkStats, listed
from schema.context import Context, Info
from schema.nodes import Node
from schema.paging import Connection
from schema.payloads import UserError
from schema.revisions import LinkRevision
from schema.rules import Rule, Variant
from schema.scalars import JSON, DateTime, Url
from schema.utm import Utm
from schema.visits import Decision, VisitInput, explained

if TYPE_CHECKING:
    from schema.campaigns import Campaign
    from schema.templates import Template

LinkStatus = links.LinkStatus
strawberry.enum(LinkStatus, name="LinkStatus", description="What a visitor meets at this moment.")


@strawberry.type(description="A short address and where it leads.")
class Link(Node):
    """The API's view of domain.links.Link."""

    domain: str = strawberry.field(description="Host of the short URL.")
    slug: str = strawberry.field(description="Path of the short URL, as it was given. Case does not count.")
    short_url: Url = strawberry.field(description="What people click.")
    destination: Url = strawberry.field(
        description="Canonical and without UTM parameters: those are in `utm`."
    )
    final_destination: Url = strawberry.field(description="Where a visitor is sent: destination and utm.")
    status: LinkStatus = strawberry.field(description="What a visitor meets at this moment.")
    title: str | None = strawberry.field(description="For people.")
    notes: str | None = strawberry.field(description="For people; may have several lines.")
    tags: list[str] = strawberry.field(description="Names to list and count links by.")
    external_id: str | None = strawberry.field(description="Its id elsewhere; unique with `externalSource`.")
    external_source: str | None = strawberry.field(
        description='Where `externalId` is from, such as "hubspot".'
    )
    attributes: JSON = strawberry.field(description="What is known of the recipient or subject; an object.")
    utm: Utm = strawberry.field(description="Campaign parameters that the destination gets.")
    rules: list[Rule] = strawberry.field(description="Asked in this order; the first that matches decides.")
    variants: list[Variant] = strawberry.field(
        description="Share, instead of `destination`, the visits that no rule matches."
    )
    redirect_code: int = strawberry.field(description="301, 302, 307 or 308.")
    forward_query: bool = strawberry.field(
        description="Whether the visitor's query parameters are added to the destination."
    )
    starts_at: DateTime | None = strawberry.field(
        description="From when on it leads anywhere; null: at once."
    )
    expires_at: DateTime | None = strawberry.field(description="Until when; null: for good.")
    click_limit: int | None = strawberry.field(
        description="How many people it lets through, never more; null: everybody."
    )
    fallback: Url | None = strawberry.field(
        description="Where paused, expired, full and archived links send people; null: a page says so."
    )
    aid_parameter: str | None = strawberry.field(
        description="Query parameter by which destinations get an id of the click; null: they get none."
    )
    has_password: bool = strawberry.field(description="Whether visitors have to know a password.")
    template_version: int | None = strawberry.field(
        description="The version of `template` that made it, or last changed it; null: no template did."
    )
    version: int = strawberry.field(description="Counts the changes from 1; give it to updates to lock.")
    created_at: DateTime = strawberry.field(description="When it was made.")
    updated_at: DateTime = strawberry.field(description="When it was last changed.")
    qr_code: str = qr_codes.field()
    analytics: Analytics = analytics.field("its clicks", lambda wanted, link: wanted.on(link.id))

    campaign_id: strawberry.Private[str | None]
    source: strawberry.Private[links.Link]

    @strawberry.field(description="The campaign that it belongs to.", metadata={"scope": Scope.LINKS_READ})
    async def campaign(
        self, info: Info
    ) -> Optional[Annotated["Campaign", strawberry.lazy("schema.campaigns")]]:  # noqa: UP045 - a lazy type
        """One round trip for all links of an answer."""
        from schema.campaigns import Campaign

        found = await info.context.loaders.campaigns.load(self.campaign_id) if self.campaign_id else None
        return None if found is None else Campaign.of(found)

    @strawberry.field(description="The template that made it.", metadata={"scope": Scope.LINKS_READ})
    async def template(
        self, info: Info
    ) -> Optional[Annotated["Template", strawberry.lazy("schema.templates")]]:  # noqa: UP045 - a lazy type
        """One round trip for all links of an answer."""
        from schema.templates import Template

        origin = self.source.origin
        found = await info.context.loaders.templates.load(origin.template_id) if origin else None
        return None if found is None else Template.of(found)

    @strawberry.field(
        description="What this visit would get, and why, by the code that redirects; records nothing.",
        metadata={"scope": Scope.LINKS_READ, "cost": 5},
    )
    async def explain(self, info: Info, visit: VisitInput) -> Decision:
        """Decides with a trace."""
        return await explained(self.source, visit, info.context)

    @strawberry.field(description="Figures of all time.", metadata={"scope": Scope.ANALYTICS_READ})
    async def stats(self, info: Info) -> LinkStats:
        """One round trip for all links of an answer."""
        return LinkStats.of(await info.context.loaders.stats.load(self.id))

    @strawberry.field(
        description="Clicks on this link, newest first.", metadata={"scope": Scope.ANALYTICS_READ}
    )
    async def clicks(  # noqa: PLR0917 - the arguments of a connection; GraphQL calls them by name
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        filter: ClickFilter | None = None,  # noqa: A002 - the API's name
    ) -> Connection[Click]:
        """Reads one page behind or before a cursor."""
        wanted = (EVERY_CLICK if filter is None else filter.to_domain()).on(self.id)
        name = f"{info.context.viewer.workspace_id}/clicks"
        window = paging.window(name, first=first, after=after, last=last, before=before)
        return await listed(wanted, window, name, info.context)

    @strawberry.field(
        description="What each version changed, newest first.", metadata={"scope": Scope.LINKS_READ}
    )
    async def revisions(
        self, info: Info, first: int | None = None, after: str | None = None
    ) -> Connection[LinkRevision]:
        """Reads one page behind a cursor."""
        return await revisions.listed(self.id, first, after, info.context)

    @classmethod
    def of(cls, link: links.Link, context: Context) -> "Link":
        """The link as it is at this moment."""
        return cls(
            id=strawberry.ID(link.id),
            domain=link.domain,
            slug=link.slug,
            short_url=Url(addresses.short_url(link.domain, link.slug, context.short_base)),
            destination=Url(link.destination),
            final_destination=Url(targets.final_destination(link)),
            status=link.status(context.clock()),
            title=link.title,
            notes=link.notes,
            tags=list(link.tags),
            external_id=link.external_id,
            external_source=link.external_source,
            attributes=JSON(dict(link.attributes)),
            utm=Utm.of(link.utm),
            rules=[Rule.of(rule) for rule in link.rules],
            variants=[Variant.of(variant) for variant in link.variants],
            redirect_code=link.redirect_code,
            forward_query=link.forward_query,
            starts_at=_instant(link.starts_at),
            expires_at=_instant(link.expires_at),
            click_limit=link.click_limit,
            fallback=None if link.fallback is None else Url(link.fallback),
            aid_parameter=link.aid_parameter,
            has_password=link.password is not None,
            campaign_id=link.campaign_id,
            source=link,
            template_version=None if link.origin is None else link.origin.template_version,
            version=link.version,
            created_at=DateTime(instants.written(link.created_at)),
            updated_at=DateTime(instants.written(link.updated_at)),
        )


@strawberry.type(description="The answer of a change of one link.")
class LinkPayload:
    """The link, or why there is none."""

    link: Link | None = strawberry.field(description="The link as it is now; null on failure.")
    warnings: list[str] = strawberry.field(description="What was done but deserves a second look.")
    user_errors: list[UserError] = strawberry.field(description="Why nothing was changed; empty on success.")

    @classmethod
    def of(cls, outcome: links.Link | Rejected, context: Context) -> "LinkPayload":
        """The payload of an edit."""
        link, warnings, errors = _seen(outcome, context)
        return cls(link=link, warnings=warnings, user_errors=errors)


@strawberry.type(description="What became of one row.")
class LinkResult:
    """The link of a row, or why there is none."""

    link: Link | None = strawberry.field(description="The link; null on failure.")
    warnings: list[str] = strawberry.field(description="What was done but deserves a second look.")
    user_errors: list[UserError] = strawberry.field(
        description="Why there is no link; paths start with the number of the row, from 0."
    )

    @classmethod
    def of(cls, outcome: links.Link | Rejected, row: int, context: Context) -> "LinkResult":
        """The result of row `row`."""
        if isinstance(outcome, Rejected):
            outcome = Rejected(*(error.under(str(row)) for error in outcome.errors))
        link, warnings, errors = _seen(outcome, context)
        return cls(link=link, warnings=warnings, user_errors=errors)


@strawberry.type(description="The answer of a batch: each row succeeds or fails alone.")
class LinksPayload:
    """One result a row, in the order of the input."""

    results: list[LinkResult] = strawberry.field(description="One a row, in the order of the input.")
    succeeded: int = strawberry.field(description="How many rows have a link.")
    failed: int = strawberry.field(description="How many have none.")
    user_errors: list[UserError] = strawberry.field(description="What stands against the call as a whole.")

    @classmethod
    def of(cls, outcomes: Sequence[links.Link | Rejected] | Rejected, context: Context) -> "LinksPayload":
        """The payload of a batch, or of one that was refused as a whole."""
        if isinstance(outcomes, Rejected):
            errors = [UserError.of(error) for error in outcomes.errors]
            return cls(results=[], succeeded=0, failed=0, user_errors=errors)
        failed = sum(isinstance(outcome, Rejected) for outcome in outcomes)
        results = [LinkResult.of(outcome, row, context) for row, outcome in enumerate(outcomes)]
        return cls(results=results, succeeded=len(results) - failed, failed=failed, user_errors=[])


def _seen(outcome: links.Link | Rejected, context: Context) -> tuple[Link | None, list[str], list[UserError]]:
    if isinstance(outcome, Rejected):
        return None, [], [UserError.of(error) for error in outcome.errors]
    warning = targets.warning(outcome.destination)
    return Link.of(outcome, context), [] if warning is None else [warning], []


def _instant(at: datetime | None) -> DateTime | None:
    return None if at is None else DateTime(instants.written(at))
