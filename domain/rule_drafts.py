"""Rule drafts: what a caller wants the rules of a link to be, and the judgement of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from domain import conditions, targets, texts, variants
from domain.errors import Rejected, UserError, UserErrorCode
from domain.links import Rule

MAX_RULES: Final = 50
MAX_NAME: Final = 100
MAX_DESTINATIONS: Final = 100
"""Destinations of all rules of a link together, those of their variants included."""


def checked(given: Sequence[Any], hosts: Sequence[str]) -> tuple[Rule, ...]:
    """The rules of what was given (objects with name, when, and what they lead to), vetted.

    Args:
        given: at most MAX_RULES, in the order in which they are asked.
        hosts: of the short links, where no destination may lead.

    Raises:
        Rejected: with everything that stands against them; paths begin with "rules".
    """
    if len(given) > MAX_RULES:
        raise _limited(f"There are {len(given):,} rules; at most {MAX_RULES} are accepted.")
    budget = conditions.Budget()
    errors: list[UserError] = []
    made: list[Rule] = []
    for place, each in enumerate(given):
        try:
            made.append(_rule(each, hosts, budget, {rule.name for rule in made}))
        except Rejected as rejected:
            errors += [error.under("rules", str(place)) for error in rejected.errors]
    if errors:
        raise Rejected(*errors)
    if sum(len(rule.variants) or 1 for rule in made) > MAX_DESTINATIONS:
        raise _limited(f"The rules lead to more than {MAX_DESTINATIONS} destinations together.")
    return tuple(made)


def _rule(given: Mapping[str, Any], hosts: Sequence[str], budget: conditions.Budget, taken: set[str]) -> Rule:
    errors = []
    values: dict[str, Any] = {"name": str(given["name"]).strip(), "block": bool(given.get("block"))}
    errors += _against_name(values["name"], taken)
    errors += _against_ends(given)
    try:
        values["when"] = budget.checked(given["when"])
    except Rejected as rejected:
        errors += [error.under("when") for error in rejected.errors]
    try:
        values["variants"] = variants.checked(given.get("variants") or (), hosts)
    except Rejected as rejected:
        errors += rejected.errors
    if given.get("destination") is not None:
        try:
            values["destination"] = targets.canonical(str(given["destination"]), hosts)
        except targets.Unfit as reason:
            errors.append(targets.problem("destination", reason))
    if errors:
        raise Rejected(*errors)
    return Rule(**values)


def _against_name(name: str, taken: set[str]) -> list[UserError]:
    problem = "is empty." if not name else texts.problem(name, longest=MAX_NAME)
    if problem is not None:
        return [UserError(UserErrorCode.INVALID, f"The name {problem}", ("name",))]
    if name in taken:
        message = f"Another rule of the link is already called {name!r}."
        return [UserError(UserErrorCode.TAKEN, message, ("name",))]
    return []


def _against_ends(given: Mapping[str, Any]) -> list[UserError]:
    """A rule leads to exactly one thing."""
    ends = [name for name in ("destination", "variants", "block") if given.get(name)]
    if not ends:
        message = "The rule leads nowhere; give it a destination or variants, or let it block."
        return [UserError(UserErrorCode.REQUIRED, message, ("destination",))]
    if len(ends) > 1:
        message = f"The rule has {' and '.join(ends)}; it leads to one of them."
        return [UserError(UserErrorCode.INVALID, message, (ends[1],))]
    return []


def _limited(message: str) -> Rejected:
    return Rejected(UserError(UserErrorCode.LIMIT_EXCEEDED, message, ("rules",)))
