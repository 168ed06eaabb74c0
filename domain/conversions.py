"""A conversion: something that a customer did, what it was worth, and which clicks it is credited to."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from domain.money import Money


class AttributionModel(StrEnum):
    """How a conversion is shared out among the clicks that led to it."""

    LAST = "LAST"
    FIRST = "FIRST"
    LINEAR = "LINEAR"
    TIME_DECAY = "TIME_DECAY"
    POSITION = "POSITION"


class Credit(msgspec.Struct, frozen=True, kw_only=True):
    """A click's share of a conversion; the shares of one conversion make 1.

    Args:
        why: the reason in words, for people who ask.
    """

    click_id: str
    link_id: str
    share: float
    model: AttributionModel
    why: str


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """What was paid back of a conversion.

    Args:
        refund_id: the caller's, unique in its conversion: told again, it is the same refund.
    """

    refund_id: str
    amount: Money
    at: datetime


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a conversion; only refunds and late clicks make new ones.

    Args:
        event: what happened, such as "purchase" or "signup".
        order_id: the caller's name of the order.
        identity: what makes two calls tell the same conversion; unique in the workspace.
        at: when it happened, as the caller says.
        received_at: when we heard of it.
        click_id: the click that the call named, itself or by its AID.
        link_id: the link of that click, or of the referral's code.
        referral_id: the referral that it came from.
        promotion_id: that referral's promotion.
        customer_key: stands for whoever did it (domain.emails.hidden of the customer's id or address).
        person_key: stands for the person behind the address that the call named.
        credits: shares of clicks, in the order of the clicks.
    """

    id: str
    workspace_id: str
    event: str
    order_id: str | None = None
    identity: bytes
    amount: Money | None = None
    at: datetime
    received_at: datetime
    click_id: str | None = None
    link_id: str | None = None
    referral_id: str | None = None
    promotion_id: str | None = None
    customer_key: bytes | None = None
    person_key: bytes | None = None
    properties: Mapping[str, Any] = {}
    credits: tuple[Credit, ...] = ()
    refunds: tuple[Refund, ...] = ()
    version: int = 1

    @property
    def refunded(self) -> Money | None:
        """What was paid back of it in all; None: nothing, or there was no amount."""
        if self.amount is None or not self.refunds:
            return None
        total = sum(each.amount.minor_units for each in self.refunds)
        return Money(minor_units=total, currency=self.amount.currency)


class Conversions(Protocol):
    """Where conversions are read. Each method raises errors.Unavailable while the database is away."""

    async def by_ids(self, workspace_id: str, conversion_ids: Sequence[str]) -> dict[str, Conversion]:
        """Those that exist, by id."""
        ...

    async def by_identity(self, workspace_id: str, identity: bytes) -> Conversion | None:
        """The conversion that was told with this identity, or None."""
        ...
