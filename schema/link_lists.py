"""Lists of links as the API takes and shows them: filters, orders, connections."""

import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Any

import strawberry
from strawberry.utils.str_converters import to_camel_case

from domain import ids, instants, link_lists, matches, paging, terms, texts
from domain.errors import BadRequest, Rejected
from domain.terms import Asked
from schema.context import Context
from schema.inputs import given, optional, written
from schema.links import Link, LinkStatus
from schema.matches import MatchInput
from schema.paging import Connection, connection
from schema.scalars import DateTime

MAX_LISTED = 250
MAX_SEARCH = 200

LinkOrder = link_lists.LinkOrder
strawberry.enum(
    LinkOrder,
    name="LinkOrder",
    description="In which order links are listed. MOST_CLICKED goes by the human clicks of all time, "
    "as they were a minute ago.",
)


@strawberry.input(description="All given conditions hold. Null is refused; an empty list matches nothing.")
class LinkFilter:
    """Which links are listed."""

    ids: list[strawberry.ID] | None = optional("Only these.")
    search: str | None = optional(
        "Words, of which each starts a word of the link's slug, title, tags, external id, destination or "
        "notes. Case and accents do not count."
    )
    domain: str | None = optional("On this host.")
    tags: list[str] | None = optional("With any of these tags.")
    status: list[LinkStatus] | None = optional("In any of these states at this moment.")
    external_ids: list[str] | None = optional("With any of these external ids, of any source.")
    campaign_id: strawberry.ID | None = optional("Of this campaign.")
    template_id: strawberry.ID | None = optional("Made from this template.")
    attribute: MatchInput | None = optional("With an attribute like this.")
    created_after: DateTime | None = optional("Made at this moment or later.")
    created_before: DateTime | None = optional("Made before this moment.")
    updated_after: DateTime | None = optional("Last changed at this moment or later.")
    updated_before: DateTime | None = optional("Last changed before this moment.")

    def to_domain(self, now: datetime) -> link_lists.LinkFilter:
        """The filter of what was given.

        Raises:
            BadRequest: a condition is null, a list too long, or a value none of its kind.
        """
        values = {name: _condition(name, value) for name, value in given(self).items()}
        found = [each for name in _TERMS for each in values.pop(name, ())]
        return link_lists.LinkFilter(now=now, terms=tuple(found), **values)


async def listed_links(
    asked: link_lists.LinkFilter, order: LinkOrder, window: paging.Window, name: str, context: Context
) -> Connection[Link]:
    """The connection of one stretch of links.

    Args:
        name: what its cursors belong to; see domain.paging.window.
    """
    store, workspace_id = context.stores.link_lists, context.viewer.workspace_id
    page = await store.page(workspace_id, asked, order, window)

    async def counted(limit: int) -> int:
        return await store.count(workspace_id, asked, limit=limit)

    return connection(
        page,
        list_name=name,
        node=lambda listed: Link.of(listed.link, context),
        key=lambda listed: listed.place,
        counted=counted,
    )


async def newest_links(
    asked: link_lists.LinkFilter, first: int | None, after: str | None, context: Context
) -> Connection[Link]:
    """The connection of links of something, newest first, behind a cursor."""
    name = f"{context.viewer.workspace_id}/links/{LinkOrder.NEWEST}"
    shape = link_lists.shape_of_places(LinkOrder.NEWEST)
    window = paging.window(name, first=first, after=after, last=None, before=None, shape=shape)
    return await listed_links(asked, LinkOrder.NEWEST, window, name, context)


def _condition(name: str, value: Any) -> Any:
    shown = to_camel_case(name)
    if value is None:
        raise BadRequest(f"The filter's {shown} is null; leave it out instead.")
    if name.startswith(("created_", "updated_")):
        return _instant(shown, value)
    if name in _TERMS:
        return _TERMS[name](value)
    entries = value if isinstance(value, list) else [value]
    if len(entries) > MAX_LISTED:
        raise BadRequest(
            f"The filter's {shown} has {len(entries):,} entries; at most {MAX_LISTED} are accepted."
        )
    for entry in entries:
        _refuse_halves(shown, entry)
    if isinstance(value, list):
        return tuple(dict.fromkeys(entries))
    return value.lower() if name == "domain" else value  # hosts have no case


def _searched(value: str) -> list[Asked]:
    problem = texts.problem(value, longest=MAX_SEARCH, breaks=True)
    if problem is not None:
        raise BadRequest(f"The filter's search {problem}")
    asked = terms.searched(value)
    if not asked:
        raise BadRequest("The filter's search has no letter and no digit; leave it out to list all links.")
    if len(asked) > terms.MAX_SOUGHT:
        raise BadRequest(
            f"The filter's search has {len(asked)} words; at most {terms.MAX_SOUGHT} are accepted."
        )
    return asked


def _attribute(value: MatchInput) -> list[Asked]:
    try:
        return [terms.attribute(matches.checked(written(value)))]
    except Rejected as rejected:
        path = ".".join(("attribute", *rejected.errors[0].field))
        raise BadRequest(f"The filter's {path}: {rejected.errors[0].message}") from None


def _template_id(value: str) -> list[Asked]:
    _refuse_halves("templateId", value)
    return [Asked(among=(value,) if ids.prefix_of(value) == "tpl" else ())]


def _refuse_halves(shown: str, text: str) -> None:
    if any(unicodedata.category(character) == "Cs" for character in text):
        raise BadRequest(f"The filter's {shown} holds half of a surrogate pair, which is no text.")


def _instant(shown: str, value: str) -> datetime:
    try:
        return instants.parsed(value)
    except ValueError:
        raise BadRequest(f"The filter's {shown} is no date and time such as 2026-05-31T18:00:00Z.") from None


_TERMS: dict[str, Callable[[Any], list[Asked]]] = {
    "search": _searched,
    "attribute": _attribute,
    "template_id": _template_id,
}
"""Conditions on terms, by field."""
