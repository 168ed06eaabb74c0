"""Campaign drafts: what a caller wants a campaign to be, and the judgement of it, field by field."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from domain import fields, money, texts
from domain.campaigns import Channel, UtmPolicy
from domain.errors import Rejected, UserError, UserErrorCode
from domain.fields import Check
from domain.money import Money
from domain.utm import LONGEST, NAMES

MAX_CHANNELS: Final = 50
MAX_ALLOWED: Final = 500


class CampaignDraft(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that a caller gave, as they were given; UNSET: not given, None: cleared or the default.

    Args:
        utm_policy: `required`, `allowed` and `lowercase` as far as given.
        cost: amount and currency.
    """

    name: str | UnsetType | None = UNSET
    key: str | UnsetType | None = UNSET
    channels: Sequence[Channel] | UnsetType | None = UNSET
    utm: Mapping[str, str | None] | UnsetType | None = UNSET
    utm_policy: Mapping[str, Any] | UnsetType | None = UNSET
    starts_at: str | UnsetType | None = UNSET
    ends_at: str | UnsetType | None = UNSET
    cost: tuple[str, str] | UnsetType | None = UNSET


def checked(draft: CampaignDraft) -> dict[str, Any]:
    """The fields of a campaign that a draft sets, canonical.

    Raises:
        Rejected: with every field that breaks a rule.
    """
    values, errors = fields.judged(draft, _CHECKS, _DEFAULTS, ())
    if "name" in values and values["name"] is None:
        errors.append(UserError(UserErrorCode.REQUIRED, "A campaign needs a name.", ("name",)))
    if errors:
        raise Rejected(*errors)
    return values


def _key(given: str, hosts: Sequence[str]) -> str:
    key = fields.text("key", LONGEST)(given, hosts)
    if key is None:
        raise fields.refused("key", "The key is empty; leave it out to get one from the name.")
    return key


def _channels(given: Sequence[Channel], _hosts: Sequence[str]) -> tuple[Channel, ...]:
    if len(given) > MAX_CHANNELS:
        message = f"There are {len(given):,} channels; a campaign has at most {MAX_CHANNELS}."
        raise fields.refused("channels", message)
    errors: list[UserError] = []
    seen: set[str] = set()
    for number, channel in enumerate(given):
        found = _of_channel(channel)
        if channel.name.casefold() in seen:
            message = f"There is another channel {channel.name!r}; give each its own name."
            found.append(UserError(UserErrorCode.DUPLICATE, message, ("name",)))
        seen.add(channel.name.casefold())
        errors += [error.under("channels", str(number)) for error in found]
    if errors:
        raise Rejected(*errors)
    return tuple(Channel(each.name.strip(), each.source.strip(), each.medium.strip()) for each in given)


def _of_channel(channel: Channel) -> list[UserError]:
    errors = []
    for name, longest in (("name", 50), ("source", LONGEST), ("medium", LONGEST)):
        value = getattr(channel, name)
        problem = texts.problem(value, longest=longest)
        if problem is None and not value.strip():
            problem = "is empty; each channel has a name, a source and a medium."
        if problem is not None:
            errors.append(UserError(UserErrorCode.INVALID, f"The channel's {name} {problem}", (name,)))
    return errors


def _policy(given: Mapping[str, Any], _hosts: Sequence[str]) -> UtmPolicy:
    required = given.get("required") or ()
    allowed = given.get("allowed")
    limits = {} if allowed is None else _limits(allowed)
    lowercase = given.get("lowercase") is not False
    for value in (each for values in limits.values() for each in values if lowercase):
        if value != value.lower():
            message = f"Links could never have {value!r}: write it in lower case, or set lowercase to false."
            raise _unfit_policy("allowed", message)
    return UtmPolicy(
        required=tuple(dict.fromkeys(_parameter(name, "required") for name in required)),
        allowed=limits,
        lowercase=lowercase,
    )


def _limits(given: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(given, dict):
        raise _unfit_policy(
            "allowed", 'Allowed values are a JSON object such as {"medium": ["email", "social"]}.'
        )
    limits = {_parameter(name, "allowed"): _values(name, values) for name, values in given.items()}
    if sum(map(len, limits.values())) > MAX_ALLOWED:
        raise _unfit_policy("allowed", f"A policy lists at most {MAX_ALLOWED} allowed values.")
    return limits


def _values(name: str, given: object) -> tuple[str, ...]:
    if not isinstance(given, list) or not given or not all(isinstance(each, str) for each in given):
        raise _unfit_policy(
            "allowed", f"The allowed values of {name[:50]!r} are a list of one or more strings."
        )
    for value in given:
        problem = texts.problem(value, longest=LONGEST)
        if problem is not None or not value:
            raise _unfit_policy(
                "allowed", f"An allowed value of {name!r} {problem or 'is empty; leave it out.'}"
            )
    return tuple(dict.fromkeys(given))


def _parameter(given: str, where: str) -> str:
    """The name of a UTM parameter, with or without its utm_."""
    name = given.removeprefix("utm_")
    if name not in NAMES:
        raise _unfit_policy(where, f"{given[:50]!r} is no UTM parameter; there are {', '.join(NAMES)}.")
    return name


def _unfit_policy(where: str, message: str) -> Rejected:
    return Rejected(UserError(UserErrorCode.INVALID, message, ("utm_policy", where)))


def _cost(given: tuple[str, str], _hosts: Sequence[str]) -> Money:
    try:
        return money.checked(*given)
    except Rejected as rejected:
        raise Rejected(*(error.under("cost") for error in rejected.errors)) from None


_DEFAULTS: Final[dict[str, Any]] = {"channels": (), "utm_policy": UtmPolicy()}
_CHECKS: Final[dict[str, Check]] = {
    "name": fields.text("name", 200),
    "key": _key,
    "channels": _channels,
    "utm": fields.parameters,
    "utm_policy": _policy,
    "starts_at": fields.instant("starts_at"),
    "ends_at": fields.instant("ends_at"),
    "cost": _cost,
}
