"""Drafts: what a caller wants a link to be, and the judgement of it, field by field."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from domain import aids, attributes, fields, passwords, rule_drafts, slugs, targets, utm, variants
from domain.errors import Rejected, UserError, UserErrorCode
from domain.fields import Check
from domain.passwords import Sealed, Vault

REDIRECT_CODES: Final = (301, 302, 307, 308)
MAX_PASSWORDS: Final = 20
"""Different ones that one call may set."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that a caller gave, as they were given; UNSET: not given, None: cleared or the default.

    Args:
        password: has to be sealed (see `sealed`) before the draft is judged.
        slug_yields: a taken slug gets a short suffix instead of being refused; templates ask for it.
    """

    destination: str | UnsetType | None = UNSET
    domain: str | UnsetType | None = UNSET
    slug: str | UnsetType | None = UNSET
    title: str | UnsetType | None = UNSET
    notes: str | UnsetType | None = UNSET
    tags: Sequence[str] | UnsetType | None = UNSET
    external_id: str | UnsetType | None = UNSET
    external_source: str | UnsetType | None = UNSET
    attributes: Any = UNSET
    utm: Mapping[str, str | None] | UnsetType | None = UNSET
    rules: Sequence[Any] | UnsetType | None = UNSET
    variants: Sequence[Any] | UnsetType | None = UNSET
    redirect_code: int | UnsetType | None = UNSET
    forward_query: bool | UnsetType | None = UNSET
    starts_at: str | UnsetType | None = UNSET
    expires_at: str | UnsetType | None = UNSET
    click_limit: int | UnsetType | None = UNSET
    fallback: str | UnsetType | None = UNSET
    password: str | Sealed | UnsetType | None = UNSET
    paused: bool | UnsetType | None = UNSET
    campaign_id: str | UnsetType | None = UNSET
    aid_parameter: str | UnsetType | None = UNSET
    slug_yields: bool = False


def checked(draft: Draft, hosts: Sequence[str], current: utm.Utm) -> dict[str, Any]:
    """The fields of a link that a draft sets, canonical and vetted.

    Args:
        draft: what was given.
        hosts: the workspace's hosts for short links, the default first.
        current: the UTM parameters that the draft's are merged into.

    Raises:
        Rejected: with every field that breaks a rule.
    """
    values, errors = fields.judged(draft, _CHECKS, _DEFAULTS, hosts)
    errors += [
        UserError(UserErrorCode.REQUIRED, f"The {name} cannot be cleared; give another.", (name,))
        for name in ("destination", "slug")
        if name in values and values[name] is None
    ]
    if errors:
        raise Rejected(*errors)
    return _with_utm(values, draft, current)


async def sealed(rows: Sequence[Draft], vault: Vault) -> list[Draft]:
    """Drafts whose passwords are hashed, for from here on nobody needs to know them.

    Rows with the same password share a hash. What is no password stays, and is refused when it is judged; so
    does what comes behind MAX_PASSWORDS different ones, for each takes a processor a tenth of a second.

    Raises:
        errors.Unavailable: too many are being hashed already.
    """
    given = dict.fromkeys(row.password for row in rows if isinstance(row.password, str))
    fit = [each for each in given if passwords.problem(each) is None]
    kept = {each: await vault.seal(each) for each in fit[:MAX_PASSWORDS]}
    return [
        msgspec.structs.replace(row, password=kept[row.password])
        if isinstance(row.password, str) and row.password in kept
        else row
        for row in rows
    ]


async def sealed_whole(rows: Sequence[Draft], vault: Vault) -> list[Draft | UserError]:
    """The same for rows that are kept before they are judged: no password may be among what is kept.

    Returns:
        For each row its draft, or why its password cannot be sealed.

    Raises:
        errors.Unavailable: too many are being hashed already.
    """
    made: list[Draft | UserError] = []
    for row in await sealed(rows, vault):
        try:
            if isinstance(row.password, str):
                _password(row.password, ())
            made.append(row)
        except Rejected as rejected:
            made.append(rejected.errors[0])
    return made


def _with_utm(values: dict[str, Any], draft: Draft, current: utm.Utm) -> dict[str, Any]:
    """Moves utm_* parameters of the destination over to `utm`, where explicit ones win."""
    merged = utm.Utm() if draft.utm is None else current
    if "destination" in values:
        values["destination"], found = utm.taken_from(values["destination"])
        merged = utm.merged(merged, found)
    explicit = draft.utm or {}
    values["utm"] = utm.merged(merged, explicit)
    return values


def _url(name: str) -> Callable[[str, Sequence[str]], str]:
    def check(given: str, hosts: Sequence[str]) -> str:
        try:
            return targets.canonical(given, hosts)
        except targets.Unfit as reason:
            raise Rejected(targets.problem(name, reason)) from None

    return check


def _slug(given: str, _hosts: Sequence[str]) -> str:
    error = slugs.check(given)
    if error is not None:
        raise Rejected(error)
    return slugs.tidy(given)


def _redirect_code(given: int, _hosts: Sequence[str]) -> int:
    if given not in REDIRECT_CODES:
        raise fields.refused("redirect_code", f"{given} is not one of {', '.join(map(str, REDIRECT_CODES))}.")
    return given


def _click_limit(given: int, _hosts: Sequence[str]) -> int:
    if given < 1:
        raise fields.refused(
            "click_limit", f"{given} lets nobody through; give 1 or more, or pause the link."
        )
    return given


def _password(given: str | Sealed, _hosts: Sequence[str]) -> Sealed:
    if isinstance(given, Sealed):
        return given
    problem = passwords.problem(given)
    if problem is not None:
        raise fields.refused("password", f"The password {problem}")
    message = f"One call sets up to {MAX_PASSWORDS} different passwords; set this one by a call of its own."
    raise fields.refused("password", message, UserErrorCode.LIMIT_EXCEEDED)


def _attributes(given: object, _hosts: Sequence[str]) -> dict[str, Any]:
    return attributes.checked(given)


def _campaign_id(given: str, _hosts: Sequence[str]) -> str:
    return given


def _aid_parameter(given: str, _hosts: Sequence[str]) -> str:
    problem = aids.problem(given)
    if problem is not None:
        raise fields.refused("aid_parameter", problem)
    return given


def _flag(given: bool, _hosts: Sequence[str]) -> bool:
    return given


_DEFAULTS: Final[dict[str, Any]] = {
    "tags": (),
    "attributes": {},
    "rules": (),
    "variants": (),
    "redirect_code": 302,
    "forward_query": False,
    "paused": False,
}
_CHECKS: Final[dict[str, Check]] = {
    "destination": _url("destination"),
    "domain": fields.domain,
    "slug": _slug,
    "title": fields.text("title", 300),
    "notes": fields.text("notes", 5_000, breaks=True),
    "tags": fields.tags,
    "external_id": fields.text("external_id", 200),
    "external_source": fields.text("external_source", 50),
    "attributes": _attributes,
    "utm": fields.parameters,
    "rules": rule_drafts.checked,
    "variants": variants.checked,
    "redirect_code": _redirect_code,
    "forward_query": _flag,
    "starts_at": fields.instant("starts_at"),
    "expires_at": fields.instant("expires_at"),
    "click_limit": _click_limit,
    "fallback": _url("fallback"),
    "password": _password,
    "paused": _flag,
    "campaign_id": _campaign_id,
    "aid_parameter": _aid_parameter,
}
