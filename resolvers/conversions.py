"""Conversions: telling what customers did, and what was paid back of it."""

import strawberry

from domain import conversion_recording, refunds
from domain.access import Scope
from domain.conversion_recording import Outcome
from domain.errors import Rejected
from resolvers.outcomes import outcome
from schema.context import Info
from schema.conversions import ConversionPayload, RecordConversionInput, RefundConversionInput

_WRITE = {"scope": Scope.CONVERSIONS_WRITE}


@strawberry.type
class ConversionMutations:
    """Telling of conversions."""

    @strawberry.mutation(
        description="Keep a conversion: it is credited to the clicks that led to it, and rewarded by its "
        "promotion's rule.",
        metadata=_WRITE,
    )
    async def record_conversion(self, info: Info, input: RecordConversionInput) -> ConversionPayload:  # noqa: A002
        """Repeated, also at the same time, it gives the same one."""
        books = await info.context.books()
        return ConversionPayload.of(await outcome(conversion_recording.record(input.to_domain(), books)))

    @strawberry.mutation(
        description="Take back from a conversion what was paid back of it, and from its rewards what they "
        "do not earn any more.",
        metadata=_WRITE,
    )
    async def refund_conversion(self, info: Info, input: RefundConversionInput) -> ConversionPayload:  # noqa: A002
        """Repeated, also at the same time, it takes back once."""
        books = await info.context.books()
        made = await outcome(refunds.refund(input.to_domain(), books))
        return ConversionPayload.of(made if isinstance(made, Rejected) else Outcome(conversion=made))
