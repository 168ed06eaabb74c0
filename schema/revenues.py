"""Revenues as the API shows them: what the clicks of some figures are credited with."""

from collections.abc import Awaitable, Callable

import strawberry

from domain.revenues import Revenue
from schema.context import Context, Info
from schema.money import Money
from schema.scalars import BigInt

Earned = Callable[[Context], Awaitable[Revenue]]
"""Reads a revenue where it is asked for: figures of clicks alone cost no look at conversions."""


@strawberry.type
class Earning:
    """Fields of everything that has a revenue."""

    earned: strawberry.Private[Earned]

    @strawberry.field(
        description="Conversions that are credited to these clicks; each counts once, at the click with the "
        "largest share."
    )
    async def conversions(self, info: Info) -> BigInt:
        """Gathered with other questions."""
        return BigInt((await self.earned(info.context)).conversions)

    @strawberry.field(
        description="Money that is credited to these clicks by their shares, net of refunds, by currency."
    )
    async def revenue(self, info: Info) -> list[Money]:
        """Gathered with other questions."""
        return [Money.of(amount) for amount in (await self.earned(info.context)).money]


async def rate(earned: Earned, clicks: int, context: Context) -> float:
    """Conversions for each click; 0 where there is no click."""
    return (await earned(context)).conversions / clicks if clicks else 0.0
