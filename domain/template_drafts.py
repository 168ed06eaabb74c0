"""Template drafts: what a caller wants a template to be, and the judgement of it, field by field."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from domain import (
    attributes,
    durations,
    fields,
    patterns,
    targets,
    template_rules,
    templates,
    texts,
    variables,
)
from domain.errors import Rejected, UserError, UserErrorCode, Verbatim
from domain.fields import Check
from domain.patterns import Slot
from domain.templates import Template
from domain.utm import NAMES, Utm
from domain.variables import Variable, VariableType

MAX_VARIABLES: Final = 50
MAX_ALLOWED: Final = 200
_SAMPLES: Final[Mapping[VariableType, str]] = {
    VariableType.STRING: "sample-of-a-text",
    VariableType.INTEGER: "1",
    VariableType.NUMBER: "1.5",
    VariableType.BOOLEAN: "true",
    VariableType.DATE: "2026-05-31",
    VariableType.URL: "https://example.com/",
    VariableType.EMAIL: "someone@example.com",
}


class TemplateDraft(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that a caller gave, as they were given; UNSET: not given, None: cleared or the default."""

    name: str | UnsetType | None = UNSET
    destination: str | UnsetType | None = UNSET
    slug: str | UnsetType | None = UNSET
    domain: str | UnsetType | None = UNSET
    title: str | UnsetType | None = UNSET
    tags: Sequence[str] | UnsetType | None = UNSET
    utm: Mapping[str, str | None] | UnsetType | None = UNSET
    attributes: Any = UNSET
    rules: Sequence[Any] | UnsetType | None = UNSET
    variants: Sequence[Any] | UnsetType | None = UNSET
    expires_after: str | UnsetType | None = UNSET
    variables: Sequence[Variable] | UnsetType | None = UNSET
    campaign_id: str | UnsetType | None = UNSET


def checked(draft: TemplateDraft, hosts: Sequence[str]) -> dict[str, Any]:
    """The fields of a template that a draft sets, each judged for itself.

    Raises:
        Rejected: with every field that breaks a rule.
    """
    values, errors = fields.judged(draft, _CHECKS, _DEFAULTS, hosts)
    errors += [
        UserError(UserErrorCode.REQUIRED, f"A template needs a {name}.", (name,))
        for name in ("name", "destination")
        if name in values and not values[name]
    ]
    if errors:
        raise Rejected(*errors)
    return values


def completed(template: Template, hosts: Sequence[str]) -> Template:
    """The template with the variables that its patterns use besides the declared ones, and tried out once.

    Raises:
        Rejected: a pattern is none, variables contradict one another, or no values could ever be printed.
    """
    declared = [variable for variable in template.variables if variable.declared]
    used: set[str] = set()
    errors: list[UserError] = []
    for path, source, slot in templates.texts_of(template):
        try:
            used |= set(patterns.check(source, slot))
        except patterns.Unfit as problem:
            errors.append(UserError(UserErrorCode.INVALID, f"The {path[0]} {problem}", path))
    if errors:
        raise Rejected(*errors)
    known = {variable.name for variable in declared}
    more = [name for name in sorted(used) if not any(_within(name, each) for each in known)]
    inferred = [Variable(name=name, required=True, declared=False) for name in more]
    _refuse_overlaps([*declared, *inferred])
    whole = msgspec.structs.replace(template, variables=(*declared, *inferred))
    _try_out(whole, hosts)
    return whole


def _within(name: str, other: str) -> bool:
    return name == other or name.startswith(f"{other}.")


def _refuse_overlaps(every: Sequence[Variable]) -> None:
    if len(every) > MAX_VARIABLES:
        message = f"There are {len(every)} variables; a template has at most {MAX_VARIABLES}."
        raise fields.refused("variables", message)
    names = [variable.name for variable in every]
    for number, name in enumerate(names):
        if any(_within(name, other) or _within(other, name) for other in names[:number]):
            message = f"The variable {name} is there twice, or is a value and has values within it."
            raise Rejected(UserError(UserErrorCode.DUPLICATE, message, ("variables", Verbatim(name))))


def _try_out(template: Template, hosts: Sequence[str]) -> None:
    """Print samples: what is wrong whatever the values are is found now, not with the first link."""
    samples = {
        variable.name: (variable.allowed or (_SAMPLES[variable.type],))[0] for variable in template.variables
    }
    values = variables.resolved(template.variables, samples)
    errors: list[UserError] = []
    for path, source, slot in templates.texts_of(template):
        if slot is not Slot.URL:
            continue
        try:
            targets.canonical(patterns.rendered(source, slot, values), hosts)
        except patterns.Misplaced as problem:
            errors.append(UserError(UserErrorCode.INVALID, f"The {path[0]} {problem}", path))
        except patterns.Unfit:
            continue  # these samples do not suit it; others may
        except targets.Unfit as reason:
            errors.append(targets.problem("destination", reason).under(*path[:-1]))
    if errors:
        raise Rejected(*errors)


def _pattern(name: str) -> Check:
    def check(given: str, _hosts: Sequence[str]) -> str | None:
        problem = texts.problem(given, longest=patterns.LONGEST)
        if problem is not None:
            raise fields.refused(name, f"The {name} {problem}")
        return given.strip() or None

    return check


def _tags(given: Sequence[str], _hosts: Sequence[str]) -> tuple[str, ...]:
    if len(given) > fields.MAX_TAGS:
        raise fields.refused("tags", f"There are {len(given):,} tags; a link has at most {fields.MAX_TAGS}.")
    return tuple(dict.fromkeys(tag.strip() for tag in given if tag.strip()))


def _utm(given: Mapping[str, str | None], _hosts: Sequence[str]) -> Utm:
    return Utm(**{name: given.get(name) or None for name in NAMES})


def _attributes(given: object, _hosts: Sequence[str]) -> dict[str, Any]:
    return attributes.checked(given)


def _expires_after(given: str, _hosts: Sequence[str]) -> str:
    try:
        durations.parsed(given)
    except ValueError:
        message = f"{given[:50]!r} is not an ISO 8601 duration such as P30D or PT12H, up to 100 years."
        raise fields.refused("expires_after", message) from None
    return given


def _variables(given: Sequence[Variable], _hosts: Sequence[str]) -> tuple[Variable, ...]:
    errors: list[UserError] = []
    for number, variable in enumerate(given):
        try:
            _judge(variable)
        except Rejected as rejected:
            errors += [error.under("variables", str(number)) for error in rejected.errors]
    if errors:
        raise Rejected(*errors)
    return tuple(given)


def _judge(variable: Variable) -> None:
    if not variables.is_name(variable.name):
        message = f"{variable.name[:50]!r} is no name such as plan or customer.plan."
        raise fields.refused("name", message)
    if variable.allowed is not None and not 1 <= len(variable.allowed) <= MAX_ALLOWED:
        raise fields.refused("allowed", f"Allowed are 1 to {MAX_ALLOWED} values; leave it out to allow any.")
    for name, value in (
        ("default", variable.default),
        *(("allowed", each) for each in variable.allowed or ()),
    ):
        if value is None:
            continue
        try:
            variables.typed(variable, value)
        except Rejected as rejected:
            raise fields.refused(name, rejected.errors[0].message) from None


def _campaign_id(given: str, _hosts: Sequence[str]) -> str:
    return given


_DEFAULTS: Final[dict[str, Any]] = {
    "tags": (),
    "utm": Utm(),
    "attributes": {},
    "rules": (),
    "variants": (),
    "variables": (),
}
_CHECKS: Final[dict[str, Check]] = {
    "name": fields.text("name", 200),
    "destination": _pattern("destination"),
    "slug": _pattern("slug"),
    "domain": fields.domain,
    "title": _pattern("title"),
    "tags": _tags,
    "utm": _utm,
    "attributes": _attributes,
    "rules": template_rules.rules,
    "variants": template_rules.variants,
    "expires_after": _expires_after,
    "variables": _variables,
    "campaign_id": _campaign_id,
}
