"""Conversion drafts: what a call tells of a conversion, and the judgement of it, field by field."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from domain import attributes, conversions, emails, fields, money
from domain.emails import Email
from domain.errors import Rejected, UserError, UserErrorCode
from domain.money import Money

LONGEST: Final = 200
MAX_AIDS: Final = 100
SKEW: Final = timedelta(minutes=5)
"""How far a caller's clock may be ahead of ours."""
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_CUSTOMER: Final = "customer\0"
"""Keeps customers' ids apart from addresses, which they may look like."""

Hide = Callable[[str], bytes]
"""What stands for an address or a customer in this workspace, see domain.emails.hidden."""


class ConversionDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A conversion as it is told; see the API's RecordConversionInput.

    Args:
        amount: amount and currency.
    """

    event: str
    aid: str | None = None
    aids: Sequence[str] = ()
    click_id: str | None = None
    code: str | None = None
    external_customer_id: str | None = None
    email: str | None = None
    order_id: str | None = None
    dedupe_id: str | None = None
    amount: tuple[str, str] | None = None
    at: str | None = None
    properties: Any = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A draft that can be recorded.

    Args:
        aids: as they were told, each once.
        customer_keys: stand for the customer, the address' key first where there is one.
    """

    event: str
    order_id: str | None
    identities: tuple[bytes, ...]
    amount: Money | None
    at: datetime
    properties: Mapping[str, Any]
    aids: tuple[str, ...]
    click_id: str | None
    code: str | None
    email: Email | None
    customer_keys: tuple[bytes, ...]


def checked(draft: ConversionDraft, hide: Hide, now: datetime) -> Told:
    """The draft, vetted.

    Raises:
        Rejected: with everything that stands against it; no message repeats an address.
    """
    values: dict[str, Any] = {}
    errors: list[UserError] = []
    for name, check in (
        ("event", lambda: required("event", draft.event)),
        ("order_id", lambda: named("order_id", draft.order_id)),
        ("dedupe_id", lambda: named("dedupe_id", draft.dedupe_id)),
        ("external_customer_id", lambda: named("external_customer_id", draft.external_customer_id)),
        ("email", lambda: None if draft.email is None else emails.checked(draft.email)),
        ("amount", lambda: paid("amount", draft.amount)),
        ("at", lambda: _at(draft.at, now)),
        ("properties", lambda: _properties(draft.properties)),
        ("aids", lambda: _aids(draft)),
    ):
        try:
            values[name] = check()
        except Rejected as rejected:
            errors += rejected.errors
    if not errors and values["order_id"] is None and values["dedupe_id"] is None:
        message = "Give orderId or dedupeId: by it a repeated call is the same conversion."
        errors.append(UserError(UserErrorCode.REQUIRED, message, ("order_id",)))
    if errors:
        raise Rejected(*errors)
    customer, email = values.pop("external_customer_id"), values["email"]
    dedupe_id = values.pop("dedupe_id")
    known = [] if email is None else [hide(email.identity)]
    known += [] if customer is None else [hide(_CUSTOMER + customer)]
    return Told(
        **values,
        identities=conversions.identities(values["event"], values["order_id"], dedupe_id),
        click_id=draft.click_id,
        code=draft.code,
        customer_keys=tuple(known),
    )


def required(name: str, given: str) -> str:
    """The check of a name that must be there."""
    value = named(name, given)
    if value is None:
        raise fields.refused(name, f"The {_spoken(name)} is empty.", UserErrorCode.REQUIRED)
    return value


def named(name: str, given: str | None) -> str | None:
    """The check of a caller's own name for something; None where nothing is left of it."""
    if given is None:
        return None
    try:
        return fields.text(_spoken(name), LONGEST)(given, ())
    except Rejected as rejected:
        raise fields.refused(name, rejected.errors[0].message) from None


def paid(name: str, given: tuple[str, str] | None) -> Money | None:
    """The check of an amount."""
    if given is None:
        return None
    try:
        return money.checked(*given)
    except Rejected as rejected:
        (error,) = rejected.errors
        raise Rejected(UserError(error.code, error.message, (name, *error.field))) from None


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _at(given: str | None, now: datetime) -> datetime:
    if given is None:
        return now
    at = fields.instant("at")(given, ())
    if at > now + SKEW:
        raise fields.refused("at", f"{given[:50]} lies ahead; a conversion is told when it has happened.")
    if at < EARLIEST:
        raise fields.refused("at", f"{given[:50]} is before {EARLIEST:%Y}; nothing was sold by a link then.")
    return min(at, now)


def _properties(given: Any) -> Mapping[str, Any]:
    if given is None:
        return {}
    try:
        return attributes.checked(given)
    except Rejected as rejected:
        message = f"Properties have the form of attributes. {rejected.errors[0].message}"
        raise fields.refused("properties", message) from None


def _aids(draft: ConversionDraft) -> tuple[str, ...]:
    given = [*([draft.aid] if draft.aid else []), *(each for each in draft.aids if each)]
    if len(given) > MAX_AIDS:
        message = f"There are {len(given):,} attribution ids; one call takes {MAX_AIDS}."
        raise fields.refused("aids", message, UserErrorCode.LIMIT_EXCEEDED)
    return tuple(dict.fromkeys(given))
