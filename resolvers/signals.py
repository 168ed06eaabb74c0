"""Signals: pushing values that rules read."""

import strawberry

from domain import signals
from domain.access import Scope
from resolvers.outcomes import outcome
from schema.context import Info
from schema.scalars import JSON
from schema.signals import SignalsPayload


@strawberry.type
class SignalMutations:
    """Pushing signals."""

    @strawberry.mutation(
        description=(
            'Set values that rules read, such as {"stock.sku-1": 0}; null removes one. Every redirect '
            "process knows them within a second."
        ),
        metadata={"scope": Scope.LINKS_WRITE},
    )
    async def set_signals(self, info: Info, values: JSON) -> SignalsPayload:
        """What is not named stays."""
        stores, workspace_id = info.context.stores, info.context.viewer.workspace_id
        changed = signals.change(values, workspace_id, stores.signals, stores.signal_news)
        return SignalsPayload.of(await outcome(changed))
