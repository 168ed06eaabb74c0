"""A conversion: something that a customer did, what it was worth, and which clicks it is credited to."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from domain.attributes import Scalar
from domain.attributions import Credit, Touch
from domain.clicks import NO_UTM, ClickKind, Device
from domain.money import Money
from domain.participants import Participant
from domain.rewards import Reward
from domain.utm import Utm

MAX_TOUCHES: Final = 500


class CreditRow(msgspec.Struct, frozen=True, kw_only=True):
    """What figures count of a conversion where one click, or none, is credited with it.

    It has the fields of the credited click by the same names, so that figures of both are asked for alike.

    Args:
        id: conversion and number of the row.
        at: when the conversion happened.
        counted: 1 in the row of the click with the largest share, else 0: a conversion counts once.
        minor_units: the click's part of the revenue, net of refunds.
        currency: of the revenue; None: there is none.
    """

    id: str
    workspace_id: str
    conversion_id: str
    at: datetime
    counted: int
    minor_units: int = 0
    currency: str | None = None
    click_id: str | None = None
    link_id: str | None = None
    kind: ClickKind = ClickKind.HUMAN
    rule: str | None = None
    variant: str | None = None
    country: str | None = None
    region: str | None = None
    city: str | None = None
    device: Device = Device.OTHER
    os: str | None = None
    browser: str | None = None
    language: str | None = None
    referrer: str | None = None
    utm: Utm = NO_UTM
    tags: tuple[str, ...] = ()
    campaign_id: str | None = None
    template_id: str | None = None
    attributes: tuple[tuple[str, Scalar], ...] = ()


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """What was paid back of a conversion.

    Args:
        refund_id: the caller's, unique in its conversion: told again, it is the same refund.
        amount: None where the conversion has none.
    """

    refund_id: str
    amount: Money | None
    at: datetime


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a conversion; refunds and late clicks make new ones.

    Args:
        event: what happened, such as "purchase" or "signup".
        order_id: the caller's name of the order.
        identities: what makes two calls tell the same conversion (see `identities`); each is unique in the
            workspace.
        at: when it happened, as the caller says.
        received_at: when we heard of it.
        touches: the clicks that the call named, themselves or by their AIDs, oldest first.
        link_id: the link of the last of them, or of the referral's code.
        referral_id: the referral that it came from.
        promotion_id: that referral's promotion.
        referrer_id: that referral's participant.
        customer_keys: stand for whoever did it, see domain.emails.hidden.
        visitor: the day's hash of who made the last of the clicks, where it is known.
        hasty: it followed its click more quickly than people are, see domain.suspicions.
        credits: shares of clicks, in the order of the clicks.
        recount_at: when its credits are to be worked out again; None: they are final as far as anybody knows.
        erased_at: when its customer was erased: it learns no visitor any more.
        version: counts the changes, from 1.
    """

    id: str
    workspace_id: str
    event: str
    order_id: str | None = None
    identities: tuple[bytes, ...]
    amount: Money | None = None
    at: datetime
    received_at: datetime
    touches: tuple[Touch, ...] = ()
    link_id: str | None = None
    referral_id: str | None = None
    promotion_id: str | None = None
    referrer_id: str | None = None
    customer_keys: tuple[bytes, ...] = ()
    visitor: bytes = b""
    hasty: bool = False
    properties: Mapping[str, Any] = {}
    credits: tuple[Credit, ...] = ()
    refunds: tuple[Refund, ...] = ()
    recount_at: datetime | None = None
    erased_at: datetime | None = None
    version: int = 1

    @property
    def refunded(self) -> Money | None:
        """What was paid back of it in all; None: nothing, or there was no amount."""
        if self.amount is None or not self.refunds:
            return None
        total = sum(each.amount.minor_units for each in self.refunds if each.amount is not None)
        return Money(minor_units=total, currency=self.amount.currency)

    @property
    def net(self) -> int:
        """What is left of its amount, minor units."""
        if self.amount is None:
            return 0
        refunded = self.refunded
        return self.amount.minor_units - (0 if refunded is None else refunded.minor_units)

    @property
    def undone(self) -> bool:
        """Whether all of it was paid back."""
        return bool(self.refunds) and self.net == 0

    @property
    def click_id(self) -> str | None:
        """The last click that the call named."""
        return self.touches[-1].click_id if self.touches else None


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a new conversion in one transaction.

    Args:
        rows: what figures count of it.
        window_days: of attribution: other conversions of its customer that its clicks may lie in the window
            of are counted again, where a click was not known before.
        rewards: what it earned.
        limit: how many rewards its referrer may have in the promotion; those beyond it are declined.
        referee: the participant who is rewarded as the referee and is new.
    """

    conversion: Conversion
    rows: tuple[CreditRow, ...]
    window_days: int
    rewards: tuple[Reward, ...] = ()
    limit: int | None = None
    referee: Participant | None = None


class Revised(msgspec.Struct, frozen=True, kw_only=True):
    """What changes with a conversion in one transaction.

    Args:
        at: when it changes.
        rows: what figures count of it from now on; None: as before, but for …
        parts: … the revenue, in the order of the rows; empty: that, too.
        changed: rewards as they were and as they are to be.
        made: rewards that are new.
    """

    old: Conversion
    new: Conversion
    at: datetime
    rows: tuple[CreditRow, ...] | None = None
    parts: tuple[int, ...] = ()
    changed: tuple[tuple[Reward, Reward], ...] = ()
    made: tuple[Reward, ...] = ()


class Lately(msgspec.Struct, frozen=True):
    """What is asked of a referrer's other conversions of the last time; see Conversion."""

    promotion_id: str | None
    visitor: bytes = b""
    hasty: bool = False


class Conversions(Protocol):
    """Where conversions are kept. Each method raises errors.Unavailable while the database is away."""

    async def by_ids(self, workspace_id: str, conversion_ids: Sequence[str]) -> dict[str, Conversion]:
        """Those that exist, by id."""
        ...

    async def by_identities(self, workspace_id: str, identities: Sequence[bytes]) -> Conversion | None:
        """The conversion that was told with any of these, the oldest one; or None."""
        ...

    async def rows(self, workspace_id: str, conversion_id: str) -> Sequence[CreditRow]:
        """What figures count of a conversion."""
        ...

    async def touches(
        self, workspace_id: str, customer_keys: Sequence[bytes], after: datetime, before: datetime
    ) -> Sequence[Touch]:
        """The last clicks of a customer that are known of a time, at most MAX_TOUCHES, oldest first."""
        ...

    async def lately(self, workspace_id: str, referrer_id: str, since: datetime) -> Sequence[Lately]:
        """The last conversions of a referrer that were told since then, at most MAX_TOUCHES."""
        ...

    async def add(self, workspace_id: str, recorded: Recorded) -> bool:
        """Keep a new conversion; False: another one has one of its identities, or its referee is there."""
        ...

    async def revise(self, workspace_id: str, revised: Revised) -> bool:
        """Replace a conversion; False: it, or one of its rewards, is not what was seen any more."""
        ...

    async def recount_all(self, workspace_id: str, at: datetime) -> None:
        """Have the credits of every conversion worked out again."""
        ...


def identities(event: str, order_id: str | None, dedupe_id: str | None) -> tuple[bytes, ...]:
    """What makes two calls tell the same conversion: its event and order, or the caller's own mark."""
    named = [("order", event, order_id)] if order_id is not None else []
    named += [("dedupe", "", dedupe_id)] if dedupe_id is not None else []
    return tuple(
        hashlib.blake2b("\0".join(map(str, each)).encode(), digest_size=16).digest() for each in named
    )
