"""Promotions as the API shows them."""

import strawberry

from domain import instants, paging, promotions
from domain.access import Scope
from domain.errors import Rejected
from schema.context import Context, Info
from schema.money import Money
from schema.nodes import Node
from schema.paging import Connection, connection
from schema.payloads import UserError
from schema.promotion_stats import PromotionStats
from schema.scalars import JSON, DateTime, Url

STATS_POINTS = 20
"""What counting a promotion costs besides a point for each object."""

PromotionStatus = promotions.PromotionStatus
strawberry.enum(
    PromotionStatus, name="PromotionStatus", description="Whether a promotion takes part in anything."
)
RewardReceiver = promotions.RewardReceiver
strawberry.enum(RewardReceiver, name="RewardReceiver", description="Who is rewarded for a conversion.")


@strawberry.type(description="What a conversion earns.")
class RewardRule:
    """The API's view of domain.promotions.RewardRule."""

    receiver: RewardReceiver = strawberry.field(description="Who gets a reward.")
    referrer: Money | None = strawberry.field(description="A fixed amount for who referred.")
    referrer_percent: float | None = strawberry.field(
        description="A share of the conversion's amount for who referred, such as 7.5."
    )
    referee: Money | None = strawberry.field(description="A fixed amount for who was referred.")

    @classmethod
    def of(cls, rule: promotions.RewardRule) -> "RewardRule":
        """The same rule."""
        points = rule.referrer_basis_points
        return cls(
            receiver=rule.receiver,
            referrer=None if rule.referrer is None else Money.of(rule.referrer),
            referrer_percent=None if points is None else points / 100,
            referee=None if rule.referee is None else Money.of(rule.referee),
        )


@strawberry.type(description="What people are rewarded for when they bring others.")
class Promotion(Node):
    """The API's view of domain.promotions.Promotion."""

    version: int = strawberry.field(description="Counts the changes from 1.")
    uid: str = strawberry.field(description="Its name in calls; unique, and never changes.")
    name: str = strawberry.field(description="For people; mails may print it.")
    status: PromotionStatus = strawberry.field(description="Whether it takes part in anything.")
    target_url: Url = strawberry.field(description="Where referral links lead that name nothing else.")
    allowed_hosts: list[str] = strawberry.field(
        description="Hosts that a call may name instead; the target's own is always among them."
    )
    reward: RewardRule = strawberry.field(description="What a conversion earns.")
    qualifying_event: str = strawberry.field(description="The event of conversions that earn something.")
    hold_days: int = strawberry.field(
        description="Days between a conversion and the approval of its rewards."
    )
    max_rewards_per_referrer: int | None = strawberry.field(
        description="How many rewards one participant may earn as a referrer; null: any number."
    )
    aid_parameter: str = strawberry.field(
        description="Query parameter by which destinations get the attribution id."
    )
    mail: JSON | None = strawberry.field(description="Sender and texts of its mails; null: it sends none.")
    starts_at: DateTime | None = strawberry.field(description="From when on it counts; null: at once.")
    ends_at: DateTime | None = strawberry.field(description="Until when; null: for good.")
    created_at: DateTime = strawberry.field(description="When it was made.")
    updated_at: DateTime = strawberry.field(description="When it was last changed.")
    source: strawberry.Private[promotions.Promotion]

    @strawberry.field(
        description="Its figures over all time.",
        metadata={"scope": Scope.ANALYTICS_READ, "cost": STATS_POINTS},
    )
    async def stats(self, info: Info) -> PromotionStats:
        """Three round trips for all promotions of an answer."""
        return PromotionStats.of(await info.context.loaders.promotion_stats.load(self.id), self.source)

    @classmethod
    def of(cls, promotion: promotions.Promotion) -> "Promotion":
        """The promotion as it is now."""
        starts, ends = promotion.starts_at, promotion.ends_at
        return cls(
            id=strawberry.ID(promotion.id),
            version=promotion.version,
            uid=promotion.uid,
            name=promotion.name,
            status=promotion.status,
            target_url=Url(promotion.target_url),
            allowed_hosts=list(promotion.allowed_hosts),
            reward=RewardRule.of(promotion.reward),
            qualifying_event=promotion.qualifying_event,
            hold_days=promotion.hold_days,
            max_rewards_per_referrer=promotion.max_rewards_per_referrer,
            aid_parameter=promotion.aid_parameter,
            mail=_mail(promotion),
            starts_at=None if starts is None else DateTime(instants.written(starts)),
            ends_at=None if ends is None else DateTime(instants.written(ends)),
            created_at=DateTime(instants.written(promotion.created_at)),
            updated_at=DateTime(instants.written(promotion.updated_at)),
            source=promotion,
        )


@strawberry.type(description="The answer of a change of one promotion.")
class PromotionPayload:
    """The promotion, or why there is none."""

    promotion: Promotion | None = strawberry.field(description="The promotion as it is now; null on failure.")
    user_errors: list[UserError] = strawberry.field(description="Why nothing was changed; empty on success.")

    @classmethod
    def of(cls, outcome: promotions.Promotion | Rejected) -> "PromotionPayload":
        """The payload of an edit."""
        if isinstance(outcome, Rejected):
            return cls(promotion=None, user_errors=[UserError.of(error) for error in outcome.errors])
        return cls(promotion=Promotion.of(outcome), user_errors=[])


async def listed_promotions(window: paging.Window, name: str, context: Context) -> Connection[Promotion]:
    """One page of the workspace's promotions, newest first."""
    store, workspace_id = context.stores.promotions, context.viewer.workspace_id
    page = await store.page(workspace_id, window)
    return connection(
        page,
        list_name=name,
        node=Promotion.of,
        key=lambda promotion: (promotion.id,),
        counted=lambda limit: store.count(workspace_id, limit=limit),
    )


def _mail(promotion: promotions.Promotion) -> JSON | None:
    """As `createPromotion` takes it."""
    if not promotion.mails:
        return None
    texts = {
        tag: {"subject": each.subject, "text": each.text, **({"html": each.html} if each.html else {})}
        for tag, each in promotion.mails.items()
    }
    return JSON({**({"from": promotion.mail_from} if promotion.mail_from else {}), "texts": texts})
