"""Campaigns as the API shows them."""

from datetime import datetime

import strawberry

from domain import campaigns, instants, money, paging
from domain.access import Scope
from domain.errors import Rejected
from domain.jobs import Job
from domain.link_lists import LinkFilter
from schema import analytics
from schema.analytics import Analytics
from schema.bulk_jobs import BulkJob
from schema.context import Context, Info
from schema.link_lists import newest_links
from schema.links import Link
from schema.money import Money
from schema.nodes import Node
from schema.paging import Connection, connection
from schema.payloads import UserError
from schema.scalars import JSON, DateTime
from schema.utm import Utm


@strawberry.type(description="A way that a campaign reaches people: email, social, paid …")
class Channel:
    """The API's view of domain.campaigns.Channel."""

    name: str = strawberry.field(description="Unique in the campaign.")
    source: str = strawberry.field(description="utm_source of its links.")
    medium: str = strawberry.field(description="utm_medium of its links.")


@strawberry.type(
    description="What UTM parameters of a campaign's links must be; what does not fit is refused."
)
class UtmPolicy:
    """The API's view of domain.campaigns.UtmPolicy."""

    required: list[str] = strawberry.field(description="Parameters that no link may lack.")
    allowed: JSON = strawberry.field(
        description='Values of each parameter that is limited, as in {"medium": ["email", "social"]}.'
    )
    lowercase: bool = strawberry.field(description="Whether capitals are refused.")

    @classmethod
    def of(cls, policy: campaigns.UtmPolicy) -> "UtmPolicy":
        """The same policy."""
        allowed = {name: list(values) for name, values in policy.allowed.items()}
        return cls(required=list(policy.required), allowed=JSON(allowed), lowercase=policy.lowercase)


@strawberry.type(description="Links that are counted together and share UTM parameters.")
class Campaign(Node):
    """The API's view of domain.campaigns.Campaign."""

    version: int = strawberry.field(description="Counts the changes from 1; give it to updates to lock.")
    name: str = strawberry.field(description="For people.")
    key: str = strawberry.field(description="utm_campaign of its links; unique, and never changes.")
    channels: list[Channel] = strawberry.field(description="createCampaignLinks makes a link for each.")
    utm: Utm = strawberry.field(
        description="What links get, when they join, where they say nothing of their own; "
        "`campaign` is the key. A later change of it reaches links that have a parameter from here."
    )
    utm_policy: UtmPolicy = strawberry.field(
        description="Judges links when they join and when their parameters change."
    )
    starts_at: DateTime | None = strawberry.field(
        description="For people and figures; links have times of their own."
    )
    ends_at: DateTime | None = strawberry.field(
        description="For people and figures; links have times of their own."
    )
    cost: Money | None = strawberry.field(description="What it costs in all.")
    created_at: DateTime = strawberry.field(description="When it was made.")
    updated_at: DateTime = strawberry.field(description="When it was last changed.")
    spent: strawberry.Private[money.Money | None]
    analytics: Analytics = analytics.field(
        "clicks on links while they were in it", lambda wanted, campaign: wanted.in_campaign(campaign.id)
    )

    @strawberry.field(
        description="Return on ad spend: revenue of its clicks in the currency of its cost, as a multiple of "
        "that; null without a cost.",
        metadata={"scope": Scope.ANALYTICS_READ},
    )
    async def roas(self, info: Info) -> float | None:
        """Revenue over all time, divided by the cost."""
        cost = self.spent
        if cost is None or cost.minor_units == 0:
            return None
        revenue = await info.context.loaders.campaign_revenues.load(self.id)
        return revenue.amounts.get(cost.currency, 0) / cost.minor_units

    @strawberry.field(
        description="Return on investment: what its revenue is more than its cost, as a multiple of that.",
        metadata={"scope": Scope.ANALYTICS_READ},
    )
    async def roi(self, info: Info) -> float | None:
        """(revenue - cost) / cost."""
        cost = self.spent
        if cost is None or cost.minor_units == 0:
            return None
        revenue = await info.context.loaders.campaign_revenues.load(self.id)
        return (revenue.amounts.get(cost.currency, 0) - cost.minor_units) / cost.minor_units

    @strawberry.field(description="Its links, newest first.", metadata={"scope": Scope.LINKS_READ})
    async def links(self, info: Info, first: int | None = None, after: str | None = None) -> Connection[Link]:
        """Reads one page behind a cursor."""
        asked = LinkFilter(campaign_id=self.id, now=info.context.clock())
        return await newest_links(asked, first, after, info.context)

    @classmethod
    def of(cls, campaign: campaigns.Campaign) -> "Campaign":
        """The campaign as it is now."""
        return cls(
            id=strawberry.ID(campaign.id),
            version=campaign.version,
            name=campaign.name,
            key=campaign.key,
            channels=[Channel(name=c.name, source=c.source, medium=c.medium) for c in campaign.channels],
            utm=Utm.of(campaign.utm),
            utm_policy=UtmPolicy.of(campaign.utm_policy),
            starts_at=_instant(campaign.starts_at),
            ends_at=_instant(campaign.ends_at),
            cost=None if campaign.cost is None else Money.of(campaign.cost),
            spent=campaign.cost,
            created_at=DateTime(instants.written(campaign.created_at)),
            updated_at=DateTime(instants.written(campaign.updated_at)),
        )


@strawberry.type(description="The answer of a change of one campaign.")
class CampaignPayload:
    """The campaign, or why there is none."""

    campaign: Campaign | None = strawberry.field(description="The campaign as it is now; null on failure.")
    bulk_job: BulkJob | None = strawberry.field(
        description="What brings changed UTM parameters to its links; null: there is nothing to bring."
    )
    user_errors: list[UserError] = strawberry.field(description="Why nothing was changed; empty on success.")

    @classmethod
    def of(cls, outcome: campaigns.Campaign | Rejected, job: Job | None = None) -> "CampaignPayload":
        """The payload of an edit, and of the job that follows it."""
        if isinstance(outcome, Rejected):
            errors = [UserError.of(error) for error in outcome.errors]
            return cls(campaign=None, bulk_job=None, user_errors=errors)
        bulk_job = None if job is None else BulkJob.of(job)
        return cls(campaign=Campaign.of(outcome), bulk_job=bulk_job, user_errors=[])


async def listed_campaigns(window: paging.Window, name: str, context: Context) -> Connection[Campaign]:
    """The connection of one stretch of the campaigns.

    Args:
        name: what its cursors belong to; see domain.paging.window.
    """
    store, workspace_id = context.stores.campaigns, context.viewer.workspace_id

    async def counted(limit: int) -> int:
        return await store.count(workspace_id, limit=limit)

    return connection(
        await store.page(workspace_id, window),
        list_name=name,
        node=Campaign.of,
        key=lambda campaign: (campaign.id,),
        counted=counted,
    )


def _instant(at: datetime | None) -> DateTime | None:
    return None if at is None else DateTime(instants.written(at))
