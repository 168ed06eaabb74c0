"""Promotions: looking them up, making and changing them."""

import strawberry

from domain import paging, promotion_edits
from domain.access import Scope
from domain.promotion_edits import Desk
from resolvers.outcomes import outcome
from schema.context import Context, Info
from schema.paging import Connection
from schema.promotion_inputs import CreatePromotionInput, UpdatePromotionInput
from schema.promotions import Promotion, PromotionPayload, listed_promotions

_READ = {"scope": Scope.PROMOTIONS_READ}
_WRITE = {"scope": Scope.PROMOTIONS_WRITE}


@strawberry.type
class PromotionQueries:
    """Reading promotions."""

    @strawberry.field(description="One promotion; null where there is none.", metadata=_READ)
    async def promotion(self, info: Info, uid: str) -> Promotion | None:
        """Another workspace's promotion is not found."""
        found = await info.context.stores.promotions.by_uid(info.context.viewer.workspace_id, uid)
        return None if found is None else Promotion.of(found)

    @strawberry.field(description="Promotions of the workspace, newest first.", metadata=_READ)
    async def promotions(
        self, info: Info, first: int | None = None, after: str | None = None
    ) -> Connection[Promotion]:
        """Reads one page behind a cursor."""
        name = f"{info.context.viewer.workspace_id}/promotions"
        window = paging.window(name, first=first, after=after, last=None, before=None, shape=tuple[str])
        return await listed_promotions(window, name, info.context)


@strawberry.type
class PromotionMutations:
    """Making and changing promotions."""

    @strawberry.mutation(description="Make a promotion.", metadata=_WRITE)
    async def create_promotion(self, info: Info, input: CreatePromotionInput) -> PromotionPayload:  # noqa: A002
        """All of it or nothing."""
        desk = await _desk(info.context)
        return PromotionPayload.of(await outcome(promotion_edits.create(input.uid, input.to_domain(), desk)))

    @strawberry.mutation(description="Change what is given of a promotion.", metadata=_WRITE)
    async def update_promotion(self, info: Info, input: UpdatePromotionInput) -> PromotionPayload:  # noqa: A002
        """What is absent stays."""
        desk = await _desk(info.context)
        edit = promotion_edits.change(input.uid, input.to_domain(), input.seen_version, desk)
        return PromotionPayload.of(await outcome(edit))


async def _desk(context: Context) -> Desk:
    bench = await context.workbench()
    return Desk(
        workspace_id=bench.workspace_id,
        hosts=bench.hosts,
        promotions=context.stores.promotions,
        clock=bench.clock,
        ids=bench.ids,
    )
