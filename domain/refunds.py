"""Refunds: what is paid back of a conversion, told once or many times, and what it does to its rewards."""

from typing import Final

import msgspec

from domain import conversion_drafts, conversions, credit_rows, earnings, fields
from domain.books import Books
from domain.conversions import Conversion, Refund, Revised
from domain.errors import Rejected, Unavailable, UserError, UserErrorCode
from domain.money import Money

MOST: Final = 1_000
"""Refunds of one conversion."""
_ATTEMPTS: Final = 100


class RefundDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A refund as it is told; see the API's RefundConversionInput.

    Args:
        amount: amount and currency; None: what is left.
    """

    refund_id: str
    conversion_id: str | None = None
    event: str | None = None
    order_id: str | None = None
    amount: tuple[str, str] | None = None


async def refund(draft: RefundDraft, books: Books) -> Conversion:
    """Take an amount back from a conversion and its rewards; a refund that is known changes nothing.

    Raises:
        Rejected: REQUIRED, INVALID, NOT_FOUND, LIMIT_EXCEEDED; then nothing was changed.
        Unavailable: others changed the same conversion all the time.
    """
    refund_id = conversion_drafts.required("refund_id", draft.refund_id)
    fields.anonymous("refund_id", refund_id, "Name the refund")
    amount = conversion_drafts.paid("amount", draft.amount)
    for _ in range(_ATTEMPTS):
        conversion = await _found(draft, books)
        if any(each.refund_id == refund_id for each in conversion.refunds):
            return conversion
        told = Refund(refund_id=refund_id, amount=_amount(amount, conversion), at=books.clock())
        revised = await _revised(conversion, told, books)
        if await books.conversions.revise(books.workspace_id, revised):
            return revised.new
    raise Unavailable("Other calls are changing the same conversion; try again.")


async def _found(draft: RefundDraft, books: Books) -> Conversion:
    by_id = draft.conversion_id is not None
    if by_id and draft.order_id is not None:
        raise fields.refused("order_id", "There is a conversionId as well; give one of them.")
    if by_id:
        wanted = draft.conversion_id or ""
        found = (await books.conversions.by_ids(books.workspace_id, [wanted])).get(wanted)
    else:
        if draft.event is None or draft.order_id is None:
            message = "Give conversionId, or event and orderId."
            raise fields.refused("conversion_id", message, UserErrorCode.REQUIRED)
        identities = conversions.identities(draft.event.strip(), draft.order_id.strip(), None)
        found = await books.conversions.by_identities(books.workspace_id, identities)
    if found is None:
        name = "conversion_id" if by_id else "order_id"
        raise fields.refused(name, "There is no such conversion.", UserErrorCode.NOT_FOUND)
    return found


def _amount(given: Money | None, conversion: Conversion) -> Money | None:
    """What is taken back: what was given, or what is left.

    Raises:
        Rejected: there is not so much left, or not in this currency.
    """
    whole = conversion.amount
    if conversion.undone:
        raise fields.refused("amount", "All of the conversion was refunded before.")
    if len(conversion.refunds) >= MOST:
        message = f"The conversion has {MOST:,} refunds; there are no more."
        raise fields.refused("refund_id", message, UserErrorCode.LIMIT_EXCEEDED)
    if whole is None:
        if given is not None:
            raise fields.refused("amount", "The conversion has no amount; leave it out.")
        return None
    if given is None:
        return Money(minor_units=conversion.net, currency=whole.currency)
    if given.currency != whole.currency:
        message = f"The conversion is in {whole.currency}, not in {given.currency}."
        raise Rejected(UserError(UserErrorCode.INVALID, message, ("amount", "currency")))
    left = Money(minor_units=conversion.net, currency=whole.currency)
    if not 0 < given.minor_units <= left.minor_units:
        message = f"{given.amount} {given.currency} is not within 0 and the {left.amount} that are left."
        raise Rejected(UserError(UserErrorCode.INVALID, message, ("amount", "amount")))
    return given


async def _revised(old: Conversion, refund: Refund, books: Books) -> Revised:
    new = msgspec.structs.replace(old, refunds=(*old.refunds, refund), version=old.version + 1)
    rewards = await books.rewards.of_conversions(books.workspace_id, [old.id]) if old.referral_id else {}
    changed, made = earnings.after_refund(rewards.get(old.id, []), new, refund, books.ids)
    parts = tuple(credit_rows.parts(new))
    return Revised(old=old, new=new, at=refund.at, parts=parts, changed=changed, made=made)
