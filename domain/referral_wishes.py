"""Wishes for referral links: what a call asks for, and the judgement of it, field by field."""

import re
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from domain import consents, emails, fields, promotion_edits, referrals, targets
from domain.consents import Said
from domain.emails import Email
from domain.errors import Rejected, UserError, UserErrorCode
from domain.participants import Consent
from domain.promotion_drafts import host_of
from domain.promotions import Promotion, RewardReceiver
from domain.signups import Desk

LONGEST: Final = 200
_LOCALE: Final = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,3}", re.ASCII)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A referral link as it was asked for.

    Args:
        on_behalf_of: the agent or system that asks through the key.
    """

    promotion_uid: str
    email: str
    consent: Said | None = None
    reward_receiver: RewardReceiver | None = None
    target_url: str | None = None
    product_id: str | None = None
    on_behalf_of: str | None = None
    locale: str | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A wish that can be granted.

    Args:
        email_key: see domain.participants.Participant; so are person_key and locale.
        identity: see domain.referrals.Referral.
        receiver: None: whom the promotion's rule names.
    """

    promotion: Promotion
    email: Email
    email_key: bytes
    person_key: bytes
    identity: bytes
    consent: Consent
    receiver: RewardReceiver | None
    target_url: str
    product_id: str | None
    on_behalf_of: str | None
    locale: str | None


def checked(wish: Wish, promotion: Promotion | None, desk: Desk) -> Wanted:
    """The wish, vetted.

    Args:
        promotion: the one that it names, or None where there is none.

    Raises:
        Rejected: with everything that stands against it; no message repeats the address.
    """
    errors: list[UserError] = []
    values: dict[str, Any] = {}
    for name, check in (
        ("consent", lambda: consents.checked(wish.consent, desk.bench.clock())),
        ("email", lambda: emails.checked(wish.email)),
        ("promotion", lambda: _running(promotion, desk)),
        ("product_id", lambda: _text("product_id", wish.product_id)),
        ("on_behalf_of", lambda: _caller(wish.on_behalf_of)),
        ("locale", lambda: locale(wish.locale)),
    ):
        try:
            values[name] = check()
        except Rejected as rejected:
            errors += rejected.errors
    if not errors:
        errors += _unfit(wish, values)
    if errors:
        raise Rejected(*errors)
    return _wanted(wish, values, desk)


def locale(given: str | None) -> str | None:
    """The language tag of a call (BCP 47), its subtags behind hyphens.

    Raises:
        Rejected: it is none; the message does not repeat what may be an address in the wrong column.
    """
    if given is None or not given.strip():
        return None
    if _LOCALE.fullmatch(given.strip()) is None:
        raise fields.refused("locale", "The locale is no language tag such as de or pt-BR.")
    return given.strip().replace("_", "-")


def _running(promotion: Promotion | None, desk: Desk) -> Promotion:
    promotion = promotion_edits.found(promotion, "promotion_uid")
    now = desk.bench.clock()
    if promotion.running(now):
        return promotion
    if promotion.starts_at is not None and now < promotion.starts_at:
        reason = "has not begun yet"
    elif promotion.ends_at is not None and now >= promotion.ends_at:
        reason = "is over"
    else:
        reason = f"is {promotion.status.value}"
    message = f"The promotion {promotion.uid!r} {reason}; it gives out no links."
    raise fields.refused("promotion_uid", message, UserErrorCode.NOT_ALLOWED)


def _unfit(wish: Wish, values: dict[str, Any]) -> list[UserError]:
    """What stands against the wish in this promotion, for this person."""
    errors: list[UserError] = []
    promotion, email = values["promotion"], values["email"]
    try:
        values["target_url"] = _target(wish.target_url, promotion)
    except Rejected as rejected:
        errors += rejected.errors
    receiver, given = promotion.reward.receiver, wish.reward_receiver
    if given is not None and given is not receiver and receiver is not RewardReceiver.BOTH:
        message = f"The promotion rewards the {receiver.value} alone."
        errors.append(UserError(UserErrorCode.NOT_ALLOWED, message, ("reward_receiver",)))
    for name in ("target_url", "product_id"):
        if email.identity in unquote(getattr(wish, name) or "").lower():
            message = f"The {name} holds the person's address, which links must not tell; leave it out."
            errors.append(UserError(UserErrorCode.NOT_ALLOWED, message, (name,)))
    return errors


def _target(given: str | None, promotion: Promotion) -> str:
    """Where the link is to lead: a host that the promotion allows, read as a browser reads it."""
    if given is None or not given.strip():
        return promotion.target_url
    try:
        url = targets.canonical(given, ())
    except targets.Unfit as reason:
        raise fields.refused("target_url", f"The targetUrl {reason}", reason.code) from None
    host = host_of(url)
    if host not in promotion.allowed_hosts:
        message = f"The promotion leads to {', '.join(promotion.allowed_hosts)}, not to {host[:100]}."
        raise fields.refused("target_url", message, UserErrorCode.NOT_ALLOWED)
    return url


def _text(name: str, given: str | None) -> str | None:
    return None if given is None else fields.text(name, LONGEST)(given, ())


def _caller(given: str | None) -> str | None:
    """Who asks: a name that is kept with the referral, beside which no address may stand."""
    caller = _text("on_behalf_of", given)
    if caller is None:
        return None
    return fields.anonymous("on_behalf_of", caller, "Name the agent or system that asks")


def _wanted(wish: Wish, values: dict[str, Any], desk: Desk) -> Wanted:
    email, promotion = values["email"], values["promotion"]
    email_key = desk.key_of(email.identity)
    target_url, product_id = values["target_url"], values["product_id"]
    return Wanted(
        promotion=promotion,
        email=email,
        email_key=email_key,
        person_key=desk.key_of(email.person),
        identity=referrals.identity(promotion.id, email_key, target_url, product_id),
        consent=values["consent"],
        receiver=wish.reward_receiver,
        target_url=target_url,
        product_id=product_id,
        on_behalf_of=values["on_behalf_of"],
        locale=values["locale"],
    )
