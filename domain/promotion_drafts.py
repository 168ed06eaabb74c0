"""Promotion drafts: what a caller wants a promotion to be, and the judgement of it, field by field."""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import ada_url
import msgspec
from msgspec import UNSET, UnsetType

from domain import aids, fields, mail_texts, money, targets
from domain.errors import Rejected, UserError, UserErrorCode
from domain.fields import Check
from domain.money import Money
from domain.promotions import MailTexts, PromotionStatus, RewardReceiver, RewardRule

LONGEST_UID: Final = 64
LONGEST_HOLD_DAYS: Final = 730
MAX_HOSTS: Final = 100
MAX_REWARDS: Final = 1_000_000_000
_UID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_EVENT: Final = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)


class RewardDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A reward's rule as it was given: amounts and currencies as texts."""

    receiver: RewardReceiver
    referrer: tuple[str, str] | None = None
    referrer_percent: float | None = None
    referee: tuple[str, str] | None = None


class PromotionDraft(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that a caller gave, as they were given; UNSET: not given, None: cleared or the default."""

    name: str | UnsetType | None = UNSET
    status: PromotionStatus | UnsetType | None = UNSET
    target_url: str | UnsetType | None = UNSET
    allowed_hosts: Sequence[str] | UnsetType | None = UNSET
    reward: RewardDraft | UnsetType | None = UNSET
    qualifying_event: str | UnsetType | None = UNSET
    hold_days: int | UnsetType | None = UNSET
    max_rewards_per_referrer: int | UnsetType | None = UNSET
    aid_parameter: str | UnsetType | None = UNSET
    mail: Any = UNSET
    starts_at: str | UnsetType | None = UNSET
    ends_at: str | UnsetType | None = UNSET


def checked(draft: PromotionDraft, hosts: Sequence[str]) -> dict[str, Any]:
    """The fields of a promotion that a draft sets, canonical.

    Args:
        hosts: the workspace's own hosts of short links, where no promotion may lead.

    Raises:
        Rejected: with every field that breaks a rule.
    """
    values, errors = fields.judged(draft, _CHECKS, _DEFAULTS, hosts)
    errors += [
        UserError(UserErrorCode.REQUIRED, f"A promotion needs {what}.", (name,))
        for name, what in _NEEDED.items()
        if name in values and values[name] is None
    ]
    if errors:
        raise Rejected(*errors)
    if "mail" in values:
        values["mail_from"], values["mails"] = values.pop("mail")
    return values


def uid(given: str) -> str:
    """The UID of a new promotion.

    Raises:
        Rejected: it is none.
    """
    return _word("uid", _UID, LONGEST_UID, "summer-2026")(given.strip(), ())


def host_of(url: str) -> str:
    """The host of a canonical URL, as allowed hosts have it: with its port, if that is not the usual one."""
    return str(ada_url.URL(url).host).rstrip(".")


def _word(name: str, pattern: re.Pattern[str], longest: int, example: str) -> Callable[..., str]:
    def check(given: str, _hosts: Sequence[str]) -> str:
        if len(given) > longest or pattern.fullmatch(given) is None:
            message = f"{given[:50]!r} is not 1 to {longest} letters, digits and - _ . such as {example!r}."
            raise fields.refused(name, message)
        return given

    return check


def _target(given: str, hosts: Sequence[str]) -> str:
    try:
        return targets.canonical(given, hosts)
    except targets.Unfit as reason:
        raise fields.refused("target_url", f"The targetUrl {reason}", reason.code) from None


def _allowed_hosts(given: Sequence[str], hosts: Sequence[str]) -> tuple[str, ...]:
    if len(given) > MAX_HOSTS:
        message = f"There are {len(given):,} hosts; a promotion has at most {MAX_HOSTS}."
        raise fields.refused("allowed_hosts", message)
    return tuple(dict.fromkeys(_host(each, hosts) for each in given))


def _host(given: str, hosts: Sequence[str]) -> str:
    """A host as browsers write it: lower case, IDN in punycode."""
    text = given.strip()
    named = text if not set(text) & set("/\\?#@ ") else ""
    try:
        return host_of(targets.canonical(f"https://{named}/", hosts))
    except targets.Unfit as reason:
        message = f"The allowed host {given[:100]!r} {reason}"
        raise fields.refused("allowed_hosts", message, reason.code) from None


def _reward(given: RewardDraft, _hosts: Sequence[str]) -> RewardRule:
    errors: list[UserError] = []
    referrer, referee = _amount("referrer", given.referrer, errors), _amount("referee", given.referee, errors)
    share = None if given.referrer_percent is None else _basis_points(given.referrer_percent, errors)
    if referrer is not None and share is not None:
        errors.append(_unfit("referrer_percent", "Give a fixed amount or a percentage, not both."))
    wanted = {
        "referrer": (RewardReceiver.REFERRER, given.referrer, given.referrer_percent),
        "referee": (RewardReceiver.REFEREE, given.referee, None),
    }
    for name, (receiver, *amounts) in wanted.items():
        gets = given.receiver in {receiver, RewardReceiver.BOTH}
        if gets and all(amount is None for amount in amounts):
            message = f"The receiver is {given.receiver.value}; say what the {name} gets."
            errors.append(UserError(UserErrorCode.REQUIRED, message, (name,)))
        elif not gets and any(amount is not None for amount in amounts):
            errors.append(_unfit(name, f"The receiver is {given.receiver.value}: the {name} gets nothing."))
    if errors:
        raise Rejected(*(error.under("reward") for error in errors))
    return RewardRule(
        receiver=given.receiver, referrer=referrer, referrer_basis_points=share, referee=referee
    )


def _amount(name: str, given: tuple[str, str] | None, errors: list[UserError]) -> Money | None:
    if given is None:
        return None
    try:
        amount = money.checked(*given)
    except Rejected as rejected:
        errors += [error.under(name) for error in rejected.errors]
        return None
    if amount.minor_units == 0:
        errors.append(_unfit(name, "A reward of nothing is none; leave it out."))
    return amount


def _basis_points(given: float, errors: list[UserError]) -> int | None:
    """Hundredths of a percent, exactly: what a float prints is what its caller wrote."""
    points = Decimal(repr(given)).scaleb(2)
    if not points.is_finite() or not 0 < points <= 10_000 or points != points.to_integral_value():
        message = f"{given} is no percentage above 0 and up to 100 with at most 2 decimals, such as 7.5."
        errors.append(_unfit("referrer_percent", message))
        return None
    return int(points)


def _unfit(name: str, message: str) -> UserError:
    return UserError(UserErrorCode.INVALID, message, (name,))


def _number(name: str, lowest: int, highest: int) -> Callable[[int, Sequence[str]], int]:
    def check(given: int, _hosts: Sequence[str]) -> int:
        if not lowest <= given <= highest:
            raise fields.refused(name, f"{given:,} is not within {lowest} and {highest:,}.")
        return given

    return check


def _aid_parameter(given: str, _hosts: Sequence[str]) -> str:
    problem = aids.problem(given)
    if problem is not None:
        raise fields.refused("aid_parameter", problem)
    return given


def _mail(given: Any, _hosts: Sequence[str]) -> tuple[str | None, Mapping[str, MailTexts]]:
    return mail_texts.checked(given)


def _status(given: PromotionStatus, _hosts: Sequence[str]) -> PromotionStatus:
    return given


_NEEDED: Final = {
    "name": "a name",
    "status": "a status",
    "target_url": "a target URL",
    "reward": "a reward rule",
}
_DEFAULTS: Final[dict[str, Any]] = {
    "allowed_hosts": (),
    "qualifying_event": "purchase",
    "hold_days": 14,
    "aid_parameter": "aid",
    "mail": (None, {}),
}
_CHECKS: Final[dict[str, Check]] = {
    "name": fields.text("name", 200),
    "status": _status,
    "target_url": _target,
    "allowed_hosts": _allowed_hosts,
    "reward": _reward,
    "qualifying_event": _word("qualifying_event", _EVENT, 64, "purchase"),
    "hold_days": _number("hold_days", 0, LONGEST_HOLD_DAYS),
    "max_rewards_per_referrer": _number("max_rewards_per_referrer", 1, MAX_REWARDS),
    "aid_parameter": _aid_parameter,
    "mail": _mail,
    "starts_at": fields.instant("starts_at"),
    "ends_at": fields.instant("ends_at"),
}
