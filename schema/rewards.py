"""Rewards as the API shows them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Optional

import strawberry

from domain import instants, paging, rewards
from domain.access import Scope
from domain.errors import Rejected
from domain.rewards import RewardFilter
from schema.context import Context, Info
from schema.money import Money
from schema.nodes import Node
from schema.paging import Connection, connection
from schema.payloads import UserError
from schema.promotions import Promotion
from schema.scalars import DateTime

if TYPE_CHECKING:
    from schema.conversions import Conversion
    from schema.participants import Participant

Earned = rewards.Reward

RewardRole = rewards.RewardRole
strawberry.enum(RewardRole, name="RewardRole", description="As what a participant earned it.")
RewardState = rewards.RewardState
strawberry.enum(
    RewardState,
    name="RewardState",
    description="PENDING until its hold ends, HELD until somebody has looked at it.",
)


@strawberry.type(description="What a participant earned by a conversion.")
class Reward(Node):
    """The API's view of domain.rewards.Reward."""

    role: RewardRole = strawberry.field(description="As what it was earned.")
    amount: Money = strawberry.field(
        description="Negative where something is claimed back that had been paid before a refund."
    )
    state: RewardState = strawberry.field(description="Where it is.")
    reason: str | None = strawberry.field(description="Why it is held, declined or reversed, for people.")
    due_at: DateTime = strawberry.field(description="When its hold ends.")
    payment_reference: str | None = strawberry.field(description="What markRewardsPaid named.")
    created_at: DateTime = strawberry.field(description="When it was earned.")
    source: strawberry.Private[rewards.Reward]

    @strawberry.field(
        description="The promotion whose rule it is.", metadata={"scope": Scope.PROMOTIONS_READ}
    )
    async def promotion(self, info: Info) -> Promotion:
        """One round trip for all rewards of an answer; promotions are never deleted."""
        found = await info.context.loaders.promotions.load(self.source.promotion_id)
        assert found is not None  # noqa: S101 - a reward is kept only in a promotion that exists
        return Promotion.of(found)

    @strawberry.field(
        description="Whose it is; without an address once the person was erased.",
        metadata={"scope": Scope.REFERRALS_READ},
    )
    async def participant(
        self, info: Info
    ) -> Annotated["Participant", strawberry.lazy("schema.participants")]:
        """One round trip for all rewards of an answer; participants are never deleted."""
        from schema.participants import Participant

        found = await info.context.loaders.participants.load(self.source.participant_id)
        assert found is not None  # noqa: S101 - a reward is kept only for a participant that exists
        return Participant.of(found) or Participant.nobody(found)

    @strawberry.field(description="The conversion that earned it.", metadata={"scope": Scope.REFERRALS_READ})
    async def conversion(
        self, info: Info
    ) -> Optional[Annotated["Conversion", strawberry.lazy("schema.conversions")]]:  # noqa: UP045 - a lazy type knows no |
        """One round trip for all rewards of an answer."""
        from schema.conversions import Conversion

        found = await info.context.loaders.conversions.load(self.source.conversion_id)
        return None if found is None else Conversion.of(found)

    @classmethod
    def of(cls, reward: rewards.Reward) -> "Reward":
        """The reward as it is now."""
        return cls(
            id=strawberry.ID(reward.id),
            role=reward.role,
            amount=Money.of(reward.amount),
            state=reward.state,
            reason=reward.reason,
            due_at=DateTime(instants.written(reward.due_at)),
            payment_reference=reward.payment_reference,
            created_at=DateTime(instants.written(reward.created_at)),
            source=reward,
        )


@strawberry.type(description="The answer of a decision on one reward.")
class RewardPayload:
    """The reward, or why it was not decided on."""

    reward: Reward | None = strawberry.field(description="The reward as it is now; null on failure.")
    user_errors: list[UserError] = strawberry.field(description="Why nothing was changed; empty on success.")

    @classmethod
    def of(cls, outcome: rewards.Reward | Rejected) -> "RewardPayload":
        """The payload of a decision."""
        if isinstance(outcome, Rejected):
            return cls(reward=None, user_errors=[UserError.of(error) for error in outcome.errors])
        return cls(reward=Reward.of(outcome), user_errors=[])


@strawberry.type(description="The answer of a change of several rewards: all of them were changed, or none.")
class RewardsPayload:
    """The rewards, or why none was changed."""

    rewards: list[Reward] = strawberry.field(description="As they are now, in the order of the ids.")
    user_errors: list[UserError] = strawberry.field(description="Why nothing was changed; empty on success.")

    @classmethod
    def of(cls, outcome: Sequence[Earned] | Rejected) -> "RewardsPayload":
        """The payload of a change."""
        if isinstance(outcome, Rejected):
            return cls(rewards=[], user_errors=[UserError.of(error) for error in outcome.errors])
        return cls(rewards=[Reward.of(reward) for reward in outcome], user_errors=[])


async def listed_rewards(
    wanted: RewardFilter, window: paging.Window, name: str, context: Context
) -> Connection[Reward]:
    """One page of the workspace's rewards, newest first.

    Args:
        name: what its cursors belong to; see domain.paging.window.
    """
    store, workspace_id = context.stores.rewards, context.viewer.workspace_id
    return connection(
        await store.page(workspace_id, wanted, window),
        list_name=name,
        node=Reward.of,
        key=lambda reward: (reward.id,),
        counted=lambda limit: store.count(workspace_id, wanted, limit=limit),
    )
