"""What the API takes about links: new ones, changes, look-ups and filters."""

import dataclasses
import unicodedata
from datetime import datetime
from typing import Any

import strawberry
from strawberry import UNSET
from strawberry.utils.str_converters import to_camel_case

from domain import instants, links
from domain.drafts import Draft
from domain.errors import BadRequest
from schema.links import LinkStatus
from schema.scalars import JSON, DateTime, Url

MAX_LISTED = 250


def _given(value: Any) -> dict[str, Any]:
    """The fields of an input that the caller gave, null included."""
    found = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {name: given for name, given in found.items() if given is not UNSET}


def _optional(description: str) -> Any:
    return strawberry.field(default=UNSET, description=description)


@strawberry.input(description="Campaign parameters; in a change, absent ones stay and null clears one.")
class UtmInput:
    """UTM parameters as they are given."""

    source: str | None = _optional("utm_source")
    medium: str | None = _optional("utm_medium")
    campaign: str | None = _optional("utm_campaign")
    term: str | None = _optional("utm_term")
    content: str | None = _optional("utm_content")


@strawberry.input(description="A new link. What is left out, or null, gets its default.")
class CreateLinkInput:
    """A link as it is asked for."""

    destination: Url = strawberry.field(description="http or https; its utm_* parameters move to `utm`.")
    domain: str | None = _optional("One of the workspace's domains; default: the first.")
    slug: str | None = _optional("Letters, digits and - _ . ~; default: a generated one.")
    title: str | None = _optional("At most 300 characters.")
    notes: str | None = _optional("At most 5,000 characters.")
    tags: list[str] | None = _optional("At most 50 of 50 characters.")
    external_id: str | None = _optional("Unique in the workspace and source.")
    external_source: str | None = _optional("Where `externalId` is from.")
    attributes: JSON | None = _optional("A JSON object; names without dots and not starting with $.")
    utm: UtmInput | None = _optional("Wins over utm_* parameters of the destination.")
    redirect_code: int | None = _optional("301, 302, 307 or 308; default 302.")
    forward_query: bool | None = _optional("Add the visitor's query parameters; default false.")
    starts_at: DateTime | None = _optional("From when on it leads anywhere; default: at once.")
    expires_at: DateTime | None = _optional("Until when; default: for good.")
    fallback: Url | None = _optional("Where paused, expired and archived links send people.")

    def to_domain(self) -> Draft:
        """The draft of what was given."""
        return _draft(_given(self))


@strawberry.input(description="A change. What is absent stays, null clears or restores the default.")
class UpdateLinkInput:
    """A change as it is asked for."""

    id: strawberry.ID = strawberry.field(description="The link to change.")
    version: int | None = _optional("The version you saw: another one there refuses the change as STALE.")
    destination: Url | None = _optional("Cannot be cleared.")
    slug: str | None = _optional("Cannot be cleared. The old one is free again.")
    title: str | None = _optional("At most 300 characters.")
    notes: str | None = _optional("At most 5,000 characters.")
    tags: list[str] | None = _optional("Replaces all tags.")
    external_id: str | None = _optional("Unique in the workspace and source.")
    external_source: str | None = _optional("Where `externalId` is from.")
    attributes: JSON | None = _optional("Replaces all attributes.")
    utm: UtmInput | None = _optional("Merged field by field; null clears all.")
    redirect_code: int | None = _optional("301, 302, 307 or 308.")
    forward_query: bool | None = _optional("Add the visitor's query parameters.")
    starts_at: DateTime | None = _optional("From when on it leads anywhere.")
    expires_at: DateTime | None = _optional("Until when.")
    fallback: Url | None = _optional("Where paused, expired and archived links send people.")
    paused: bool | None = _optional("Take it out of use for a while.")

    def to_domain(self) -> Draft:
        """The draft of what was given."""
        given = _given(self)
        return _draft({name: value for name, value in given.items() if name not in ("id", "version")})

    @property
    def seen_version(self) -> int | None:
        """The version that the caller saw, or None."""
        return self.version if isinstance(self.version, int) else None


@strawberry.input(one_of=True, description="Names one link, in exactly one way.")
class LinkLookup:
    """How a link is looked up."""

    id: strawberry.ID | None = _optional("Its id.")
    short_url: Url | None = _optional("Its short URL.")
    external_id: str | None = _optional("Its external id; of several sources, the one without a name.")


@strawberry.input(description="All given conditions hold. Null is refused; an empty list matches nothing.")
class LinkFilter:
    """Which links are listed."""

    ids: list[strawberry.ID] | None = _optional("Only these.")
    domain: str | None = _optional("On this host.")
    tags: list[str] | None = _optional("With any of these tags.")
    status: list[LinkStatus] | None = _optional("In any of these states at this moment.")
    external_ids: list[str] | None = _optional("With any of these external ids, of any source.")
    created_after: DateTime | None = _optional("Made at this moment or later.")
    created_before: DateTime | None = _optional("Made before this moment.")
    updated_after: DateTime | None = _optional("Last changed at this moment or later.")
    updated_before: DateTime | None = _optional("Last changed before this moment.")

    def to_domain(self, now: datetime) -> links.LinkFilter:
        """The filter of what was given.

        Raises:
            BadRequest: a condition is null, a list too long, or a moment no RFC 3339 date-time.
        """
        return links.LinkFilter(
            now=now, **{name: _condition(name, value) for name, value in _given(self).items()}
        )


def _condition(name: str, value: Any) -> Any:
    shown = to_camel_case(name)
    if value is None:
        raise BadRequest(f"The filter's {shown} is null; leave it out instead.")
    if name.startswith(("created_", "updated_")):
        return _instant(shown, value)
    entries = value if isinstance(value, list) else [value]
    if len(entries) > MAX_LISTED:
        raise BadRequest(
            f"The filter's {shown} has {len(entries):,} entries; at most {MAX_LISTED} are accepted."
        )
    if any(unicodedata.category(character) == "Cs" for entry in entries for character in entry):
        raise BadRequest(f"The filter's {shown} holds half of a surrogate pair, which is no text.")
    # The one condition that is no list is the domain, and hosts have no case.
    return tuple(dict.fromkeys(entries)) if isinstance(value, list) else value.lower()


def _instant(shown: str, value: str) -> datetime:
    try:
        return instants.parsed(value)
    except ValueError:
        raise BadRequest(f"The filter's {shown} is no date and time such as 2026-05-31T18:00:00Z.") from None


def _draft(given: dict[str, Any]) -> Draft:
    if isinstance(given.get("utm"), UtmInput):
        given["utm"] = _given(given["utm"])
    return Draft(**given)
