"""Origins: what links remember of the templates that made them, and which of their fields are their own."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from domain.links import Link, Origin
from domain.templates import Template
from domain.utm import NAMES

RENDERED: Final = (
    *("destination", "title", "tags", "attributes", "rules", "variants", "expires_at", "campaign_id"),
    *(f"utm.{name}" for name in NAMES),
)
"""What a re-rendering renews of a link, where it is not the link's own. Its short URL stays what it is."""


def of(template: Template, values: object, own: Iterable[str] = ()) -> Origin:
    """What a link remembers of a template that makes it.

    Args:
        values: of the template's variables, as they were given: a JSON object.
        own: names of RENDERED that were given beside the variables, such as a row's `tags`.
    """
    written = msgspec.json.encode(values, order="deterministic").decode()
    return Origin(
        template_id=template.id,
        template_version=template.version,
        values=written,
        own=tuple(sorted(set(own) & set(RENDERED))),
    )


def edited(old: Link, new: Link) -> Origin | None:
    """The origin of a link that somebody changed by hand: what he changed is the link's own from now on."""
    if old.origin is None:
        return None
    changed = {name for name in RENDERED if _value(old, name) != _value(new, name)}
    return msgspec.structs.replace(old.origin, own=tuple(sorted(changed | set(old.origin.own))))


def _value(link: Link, name: str) -> Any:
    field, _, part = name.partition(".")
    value = getattr(link, field)
    return getattr(value, part) if part else value
