"""Drafts: what a caller wants a link to be, and the judgement of it, field by field."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from domain import attributes, instants, slugs, targets, texts, utm
from domain.errors import Rejected, UserError, UserErrorCode

REDIRECT_CODES: Final = (301, 302, 307, 308)
MAX_TAGS: Final = 50


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that a caller gave, as they were given; UNSET: not given, None: cleared or the default."""

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
    redirect_code: int | UnsetType | None = UNSET
    forward_query: bool | UnsetType | None = UNSET
    starts_at: str | UnsetType | None = UNSET
    expires_at: str | UnsetType | None = UNSET
    fallback: str | UnsetType | None = UNSET
    paused: bool | UnsetType | None = UNSET


def checked(draft: Draft, hosts: Sequence[str], current: utm.Utm) -> dict[str, Any]:
    """The fields of a link that a draft sets, canonical and vetted.

    Args:
        draft: what was given.
        hosts: the workspace's hosts for short links, the default first.
        current: the UTM parameters that the draft's are merged into.

    Raises:
        Rejected: with every field that breaks a rule.
    """
    values: dict[str, Any] = {}
    errors: list[UserError] = []
    for name, check in _CHECKS.items():
        given = getattr(draft, name)
        if given is UNSET:
            continue
        try:
            values[name] = _DEFAULTS.get(name) if given is None else check(given, hosts)
        except Rejected as rejected:
            errors += rejected.errors
    errors += [
        UserError(UserErrorCode.REQUIRED, f"The {name} cannot be cleared; give another.", (name,))
        for name in ("destination", "slug")
        if name in values and values[name] is None
    ]
    if errors:
        raise Rejected(*errors)
    return _with_utm(values, draft, current)


def _with_utm(values: dict[str, Any], draft: Draft, current: utm.Utm) -> dict[str, Any]:
    """Moves utm_* parameters of the destination over to `utm`, where explicit ones win."""
    merged = utm.Utm() if draft.utm is None else current
    if "destination" in values:
        values["destination"], found = utm.taken_from(values["destination"])
        merged = utm.merged(merged, found)
    explicit = draft.utm or {}
    values["utm"] = utm.merged(merged, explicit)
    return values


def _refused(name: str, message: str, code: UserErrorCode = UserErrorCode.INVALID) -> Rejected:
    return Rejected(UserError(code, message, (name,)))


def _url(name: str) -> Callable[[str, Sequence[str]], str]:
    def check(given: str, hosts: Sequence[str]) -> str:
        try:
            return targets.canonical(given, hosts)
        except targets.Unfit as reason:
            raise Rejected(targets.problem(name, reason)) from None

    return check


def _text(name: str, longest: int, *, breaks: bool = False) -> Callable[[str, Sequence[str]], str | None]:
    def check(given: str, _hosts: Sequence[str]) -> str | None:
        problem = texts.problem(given, longest=longest, breaks=breaks)
        if problem is not None:
            raise _refused(name, f"The {name} {problem}")
        return given.strip() or None

    return check


def _instant(name: str) -> Callable[[str, Sequence[str]], datetime]:
    def check(given: str, _hosts: Sequence[str]) -> datetime:
        try:
            return instants.parsed(given)
        except ValueError:
            message = f"{given[:50]!r} is not a date and time such as 2026-05-31T18:00:00Z."
            raise _refused(name, message) from None

    return check


def _slug(given: str, _hosts: Sequence[str]) -> str:
    error = slugs.check(given)
    if error is not None:
        raise Rejected(error)
    return slugs.tidy(given)


def _domain(given: str, hosts: Sequence[str]) -> str:
    wanted = given.lower()
    if wanted not in hosts:
        message = f"{given[:100]!r} is not a domain of this workspace; it has {', '.join(hosts)}."
        raise _refused("domain", message, UserErrorCode.NOT_FOUND)
    return wanted


def _tags(given: Sequence[str], _hosts: Sequence[str]) -> tuple[str, ...]:
    if len(given) > MAX_TAGS:
        raise _refused("tags", f"There are {len(given):,} tags; a link has at most {MAX_TAGS}.")
    check = _text("tag", 50)
    try:
        tags = [check(tag, ()) for tag in given]
    except Rejected as rejected:
        raise _refused("tags", rejected.errors[0].message) from None
    if None in tags:
        raise _refused("tags", "A tag is empty; leave it out.")
    return tuple(dict.fromkeys(tag for tag in tags if tag is not None))


def _utm(given: Mapping[str, str | None], _hosts: Sequence[str]) -> Mapping[str, str | None]:
    for name, value in given.items():
        problem = texts.problem(value, longest=utm.LONGEST) if value is not None else None
        if problem is not None:
            raise Rejected(UserError(UserErrorCode.INVALID, f"The UTM {name} {problem}", ("utm", name)))
    return given


def _redirect_code(given: int, _hosts: Sequence[str]) -> int:
    if given not in REDIRECT_CODES:
        raise _refused("redirect_code", f"{given} is not one of {', '.join(map(str, REDIRECT_CODES))}.")
    return given


def _attributes(given: object, _hosts: Sequence[str]) -> dict[str, Any]:
    return attributes.checked(given)


def _flag(given: bool, _hosts: Sequence[str]) -> bool:
    return given


_DEFAULTS: Final[dict[str, Any]] = {
    "tags": (),
    "attributes": {},
    "redirect_code": 302,
    "forward_query": False,
    "paused": False,
}
_CHECKS: Final[dict[str, Callable[[Any, Sequence[str]], Any]]] = {
    "destination": _url("destination"),
    "domain": _domain,
    "slug": _slug,
    "title": _text("title", 300),
    "notes": _text("notes", 5_000, breaks=True),
    "tags": _tags,
    "external_id": _text("external_id", 200),
    "external_source": _text("external_source", 50),
    "attributes": _attributes,
    "utm": _utm,
    "redirect_code": _redirect_code,
    "forward_query": _flag,
    "starts_at": _instant("starts_at"),
    "expires_at": _instant("expires_at"),
    "fallback": _url("fallback"),
    "paused": _flag,
}
