"""Rewards: reading them, deciding on them, and saying what was paid."""

import strawberry

from domain import paging, reward_reviews
from domain.access import Scope
from domain.reward_reviews import Verdict
from domain.rewards import RewardFilter
from resolvers.outcomes import outcome
from schema.context import Info
from schema.paging import Connection
from schema.rewards import Reward, RewardPayload, RewardsPayload, RewardState, listed_rewards

_WRITE = {"scope": Scope.PROMOTIONS_WRITE}


@strawberry.type
class RewardQueries:
    """Reading rewards."""

    @strawberry.field(
        description="The workspace's rewards, newest first.", metadata={"scope": Scope.REFERRALS_READ}
    )
    async def rewards(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        state: RewardState | None = None,
    ) -> Connection[Reward]:
        """Reads one page behind a cursor."""
        name = f"{info.context.viewer.workspace_id}/rewards/{state or ''}"
        window = paging.window(name, first=first, after=after, last=None, before=None, shape=tuple[str])
        return await listed_rewards(RewardFilter(state=state), window, name, info.context)


@strawberry.type
class RewardMutations:
    """Deciding on rewards."""

    @strawberry.mutation(
        description="Approve or decline a reward that is PENDING, HELD or APPROVED; what is approved by hand "
        "does not wait for its hold.",
        metadata=_WRITE,
    )
    async def review_reward(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002 - the API's name
        approve: bool,
        reason: str | None = None,
    ) -> RewardPayload:
        """Done again, it changes nothing."""
        context = info.context
        verdict = Verdict(approve=approve, reason=reason, by=context.viewer.key_id)
        work = reward_reviews.review(
            context.viewer.workspace_id, id, verdict, context.stores.rewards, context.clock
        )
        return RewardPayload.of(await outcome(work))

    @strawberry.mutation(
        description="Say that APPROVED rewards were paid, at most 1,000, all of them or none; `reference` "
        "names the payment. Done again with the same reference, it changes nothing.",
        metadata=_WRITE,
    )
    async def mark_rewards_paid(self, info: Info, ids: list[strawberry.ID], reference: str) -> RewardsPayload:
        """Negative ones, which claim something back, are settled the same way."""
        context = info.context
        work = reward_reviews.mark_paid(
            context.viewer.workspace_id, ids, reference, context.stores.rewards, context.clock
        )
        return RewardsPayload.of(await outcome(work))
