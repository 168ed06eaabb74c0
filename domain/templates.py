"""A template: a pattern of links, and the link that it makes of the values of its variables."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec
from msgspec import UNSET

from domain import durations, instants, patterns, variables
from domain.drafts import Draft
from domain.errors import Rejected, UserError, UserErrorCode
from domain.jobs import Job
from domain.links import Rule
from domain.paging import Page, Window
from domain.patterns import Slot
from domain.utm import NAMES, Utm
from domain.variables import Variable
from domain.variants import Variant


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a template. Texts are patterns (domain/patterns.py).

    Args:
        destination: pattern of a URL whose scheme and host are written out.
        slug: pattern of a slug; None: links get generated ones. A taken one gets a short suffix.
        attributes: JSON whose strings are patterns.
        rules: as a link's, but their destinations, and those of their variants, are patterns of URLs.
        variants: the same.
        expires_after: ISO 8601 duration from a link's making to its end; None: for good.
        variables: those that were declared, and those that patterns use besides.
        version: counts the changes, from 1; the optimistic lock.
    """

    id: str
    workspace_id: str
    name: str
    destination: str
    slug: str | None = None
    domain: str | None = None
    title: str | None = None
    tags: tuple[str, ...] = ()
    utm: Utm = Utm()
    attributes: Mapping[str, Any] = {}
    rules: tuple[Rule, ...] = ()
    variants: tuple[Variant, ...] = ()
    expires_after: str | None = None
    variables: tuple[Variable, ...] = ()
    campaign_id: str | None = None
    version: int = 1
    created_at: datetime
    updated_at: datetime


class Templates(Protocol):
    """Where templates are kept. Each method raises errors.Unavailable while the database is away."""

    async def add(self, workspace_id: str, template: Template) -> None:
        """Keep a new template; one that is kept already stays as it is."""
        ...

    async def by_ids(self, workspace_id: str, template_ids: Sequence[str]) -> dict[str, Template]:
        """Those that exist, by id."""
        ...

    async def page(self, workspace_id: str, window: Window) -> Page[Template]:
        """One stretch of the templates, newest first."""
        ...

    async def count(self, workspace_id: str, *, limit: int) -> int:
        """How many templates there are; counts no further than `limit`."""
        ...

    async def update(self, workspace_id: str, old: Template, new: Template, job: Job | None) -> bool:
        """Replace `old` by `new`, and keep `job` with it; False: `old` is not what is kept any more."""
        ...


def texts_of(template: Template) -> list[tuple[tuple[str, ...], str, Slot]]:
    """Every pattern of a template with its path and its slot."""
    found: list[tuple[tuple[str, ...], str | None, Slot]] = [
        (("destination",), template.destination, Slot.URL),
        (("slug",), template.slug, Slot.SLUG),
        (("title",), template.title, Slot.TEXT),
        *((("tags", str(number)), tag, Slot.TEXT) for number, tag in enumerate(template.tags)),
        *((("utm", name), getattr(template.utm, name), Slot.TEXT) for name in NAMES),
        *((("attributes",), text, Slot.TEXT) for text in _strings(template.attributes)),
        *((path, source, Slot.URL) for path, source in _destinations(template)),
    ]
    return [(path, source, slot) for path, source, slot in found if source is not None]


def render(template: Template, given: object, at: datetime) -> Draft:
    """The link that a template makes of values, as a draft: edits judge it like any other.

    Args:
        given: an object of values; see variables.resolved.
        at: when the link is made, which `expires_after` counts from.

    Raises:
        Rejected: every variable that is missing or wrong, or what cannot be printed with them.
    """
    return _Rendering(variables.resolved(template.variables, given)).draft(template, at)


class _Rendering:
    """Prints the patterns of one template with one set of values."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self._errors: list[UserError] = []

    def draft(self, template: Template, at: datetime) -> Draft:
        """Everything printed; raises Rejected with all that cannot be."""
        tags = [self._text(("tags", str(number)), tag) for number, tag in enumerate(template.tags)]
        after = template.expires_after
        draft = Draft(
            destination=self._text(("destination",), template.destination, Slot.URL),
            domain=template.domain or UNSET,
            slug=self._text(("slug",), template.slug, Slot.SLUG) if template.slug else UNSET,
            slug_yields=True,
            title=self._text(("title",), template.title) if template.title else UNSET,
            tags=[tag for tag in tags if tag.strip()],
            utm={name: self._text(("utm", name), source) for name, source in _set(template.utm)},
            attributes=self._json(template.attributes),
            rules=[self._rule(place, rule) for place, rule in enumerate(template.rules)] or UNSET,
            variants=self._variants((), template.variants) or UNSET,
            expires_at=UNSET if after is None else instants.written(durations.parsed(after).after(at)),
            campaign_id=template.campaign_id or UNSET,
        )
        if self._errors:
            raise Rejected(*self._errors)
        return draft

    def _text(self, path: tuple[str, ...], source: str, slot: Slot = Slot.TEXT) -> str:
        try:
            return patterns.rendered(source, slot, self._values)
        except patterns.Unfit as problem:
            message = f"The template's {path[0]} {problem}"
            self._errors.append(UserError(UserErrorCode.INVALID, message, path))
            return ""

    def _rule(self, place: int, rule: Rule) -> dict[str, Any]:
        path = ("rules", str(place))
        return {
            "name": rule.name,
            "when": rule.when,
            "destination": self._url(path, rule.destination) if rule.destination else None,
            "variants": self._variants(path, rule.variants),
            "block": rule.block,
        }

    def _variants(self, path: tuple[str, ...], shares: Sequence[Variant]) -> list[dict[str, Any]]:
        return [
            {
                "key": each.key,
                "destination": self._url((*path, "variants", str(place)), each.destination),
                "weight": each.weight,
            }
            for place, each in enumerate(shares)
        ]

    def _url(self, path: tuple[str, ...], source: str) -> str:
        return self._text((*path, "destination"), source, Slot.URL)

    def _json(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(("attributes",), value)
        if isinstance(value, Mapping):
            return {name: self._json(each) for name, each in value.items()}
        return [self._json(each) for each in value] if isinstance(value, list) else value


def _set(utm: Utm) -> list[tuple[str, str]]:
    return [(name, source) for name in NAMES if (source := getattr(utm, name)) is not None]


def _destinations(template: Template) -> list[tuple[tuple[str, ...], str]]:
    """Every pattern of a URL in rules and variants, with its path."""
    found: list[tuple[tuple[str, ...], str | None]] = list(_of_variants((), template.variants))
    for place, rule in enumerate(template.rules):
        path = ("rules", str(place))
        found += [((*path, "destination"), rule.destination), *_of_variants(path, rule.variants)]
    return [(path, source) for path, source in found if source is not None]


def _of_variants(path: tuple[str, ...], shares: Sequence[Variant]) -> Iterator[tuple[tuple[str, ...], str]]:
    for place, each in enumerate(shares):
        yield (*path, "variants", str(place), "destination"), each.destination


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _strings(each)]
