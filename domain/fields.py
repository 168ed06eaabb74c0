"""Fields: checks of single inputs that several nouns share, each raising Rejected with the field's path."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import UNSET

from domain import instants, texts, utm
from domain.errors import Rejected, UserError, UserErrorCode

MAX_TAGS: Final = 50

Check = Callable[[Any, Sequence[str]], Any]
"""Judges what was given, knowing the workspace's hosts; answers it canonical or raises Rejected."""


def judged(
    draft: object, checks: Mapping[str, Check], cleared: Mapping[str, Any], hosts: Sequence[str]
) -> tuple[dict[str, Any], list[UserError]]:
    """The fields that a draft gives, canonical, and what is wrong with the others.

    Args:
        draft: has an attribute for each check, UNSET where nothing was given.
        checks: by field.
        cleared: what a field becomes that is given as null; None for one that is not named.
        hosts: the workspace's hosts, for the checks.
    """
    values: dict[str, Any] = {}
    errors: list[UserError] = []
    for name, check in checks.items():
        given = getattr(draft, name)
        if given is UNSET:
            continue
        try:
            values[name] = cleared.get(name) if given is None else check(given, hosts)
        except Rejected as rejected:
            errors += rejected.errors
    return values, errors


def refused(name: str, message: str, code: UserErrorCode = UserErrorCode.INVALID) -> Rejected:
    """The rejection of one field."""
    return Rejected(UserError(code, message, (name,)))


def text(name: str, longest: int, *, breaks: bool = False) -> Callable[[str, Sequence[str]], str | None]:
    """The check of a free text: trimmed, None where nothing is left.

    Args:
        name: the field.
        longest: characters it may have.
        breaks: accept line breaks and tabs.
    """

    def check(given: str, _hosts: Sequence[str]) -> str | None:
        problem = texts.problem(given, longest=longest, breaks=breaks)
        if problem is not None:
            raise refused(name, f"The {name} {problem}")
        return given.strip() or None

    return check


def anonymous(name: str, given: str, advice: str) -> str:
    """The check of a text that is kept for good: erasing a person does not look for addresses in it.

    Args:
        advice: what to give, as the message begins; it does not repeat the text.
    """
    if texts.holds_address(given):
        raise refused(name, f"{advice}, not an e-mail address.")
    return given


def instant(name: str) -> Callable[[str, Sequence[str]], datetime]:
    """The check of a date and time."""

    def check(given: str, _hosts: Sequence[str]) -> datetime:
        try:
            return instants.parsed(given)
        except ValueError:
            message = f"{given[:50]!r} is not a date and time such as 2026-05-31T18:00:00Z."
            raise refused(name, message) from None

    return check


def domain(given: str, hosts: Sequence[str]) -> str:
    """The check of a short links' host: one of the workspace's."""
    wanted = given.lower()
    if wanted not in hosts:
        message = f"{given[:100]!r} is not a domain of this workspace; it has {', '.join(hosts)}."
        raise refused("domain", message, UserErrorCode.NOT_FOUND)
    return wanted


def tags(given: Sequence[str], _hosts: Sequence[str]) -> tuple[str, ...]:
    """The check of tags: trimmed, each once."""
    if len(given) > MAX_TAGS:
        raise refused("tags", f"There are {len(given):,} tags; a link has at most {MAX_TAGS}.")
    check = text("tag", 50)
    try:
        kept = [check(tag, ()) for tag in given]
    except Rejected as rejected:
        raise refused("tags", rejected.errors[0].message) from None
    if None in kept:
        raise refused("tags", "A tag is empty; leave it out.")
    return tuple(dict.fromkeys(tag for tag in kept if tag is not None))


def parameters(given: Mapping[str, str | None], _hosts: Sequence[str]) -> Mapping[str, str | None]:
    """The check of UTM parameters."""
    for name, value in given.items():
        problem = texts.problem(value, longest=utm.LONGEST) if value is not None else None
        if problem is not None:
            raise Rejected(UserError(UserErrorCode.INVALID, f"The UTM {name} {problem}", ("utm", name)))
    return given
