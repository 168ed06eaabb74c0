"""What the API takes about links: new ones, changes, look-ups and filters."""

import unicodedata
from datetime import datetime
from typing import Any

import strawberry
from strawberry.utils.str_converters import to_camel_case

from domain import instants, links
from domain.drafts import Draft
from domain.errors import BadRequest
from schema.inputs import given, optional
from schema.links import LinkStatus
from schema.rules import RuleInput, VariantInput
from schema.scalars import JSON, DateTime, Url

MAX_LISTED = 250


@strawberry.input(description="Campaign parameters; in a change, absent ones stay and null clears one.")
class UtmInput:
    """UTM parameters as they are given."""

    source: str | None = optional("utm_source")
    medium: str | None = optional("utm_medium")
    campaign: str | None = optional("utm_campaign")
    term: str | None = optional("utm_term")
    content: str | None = optional("utm_content")


@strawberry.input(description="A new link. What is left out, or null, gets its default.")
class CreateLinkInput:
    """A link as it is asked for."""

    destination: Url = strawberry.field(description="http or https; its utm_* parameters move to `utm`.")
    domain: str | None = optional("One of the workspace's domains; default: the first.")
    slug: str | None = optional("Letters, digits and - _ . ~; default: a generated one.")
    title: str | None = optional("At most 300 characters.")
    notes: str | None = optional("At most 5,000 characters.")
    tags: list[str] | None = optional("At most 50 of 50 characters.")
    external_id: str | None = optional("Unique in the workspace and source.")
    external_source: str | None = optional("Where `externalId` is from.")
    attributes: JSON | None = optional("A JSON object; names without dots and not starting with $.")
    utm: UtmInput | None = optional("Wins over utm_* parameters of the destination.")
    rules: list[RuleInput] | None = optional("At most 50; the first that matches a visit decides.")
    variants: list[VariantInput] | None = optional("At most 20, which share what no rule matches.")
    redirect_code: int | None = optional("301, 302, 307 or 308; default 302.")
    forward_query: bool | None = optional("Add the visitor's query parameters; default false.")
    starts_at: DateTime | None = optional("From when on it leads anywhere; default: at once.")
    expires_at: DateTime | None = optional("Until when; default: for good.")
    fallback: Url | None = optional("Where paused, expired and archived links send people.")
    campaign_id: strawberry.ID | None = optional("Its campaign, whose UTM defaults and policy apply.")

    def to_domain(self) -> Draft:
        """The draft of what was given."""
        return _draft(given(self))


@strawberry.input(description="A change. What is absent stays, null clears or restores the default.")
class UpdateLinkInput:
    """A change as it is asked for."""

    id: strawberry.ID = strawberry.field(description="The link to change.")
    version: int | None = optional("The version you saw: another one there refuses the change as STALE.")
    destination: Url | None = optional("Cannot be cleared.")
    slug: str | None = optional("Cannot be cleared. The old one is free again.")
    title: str | None = optional("At most 300 characters.")
    notes: str | None = optional("At most 5,000 characters.")
    tags: list[str] | None = optional("Replaces all tags.")
    external_id: str | None = optional("Unique in the workspace and source.")
    external_source: str | None = optional("Where `externalId` is from.")
    attributes: JSON | None = optional("Replaces all attributes.")
    utm: UtmInput | None = optional("Merged field by field; null clears all.")
    rules: list[RuleInput] | None = optional("Replaces all rules.")
    variants: list[VariantInput] | None = optional("Replaces all variants.")
    redirect_code: int | None = optional("301, 302, 307 or 308.")
    forward_query: bool | None = optional("Add the visitor's query parameters.")
    starts_at: DateTime | None = optional("From when on it leads anywhere.")
    expires_at: DateTime | None = optional("Until when.")
    fallback: Url | None = optional("Where paused, expired and archived links send people.")
    paused: bool | None = optional("Take it out of use for a while.")
    campaign_id: strawberry.ID | None = optional(
        "Its campaign: parameters that it has from its old one go, those of the new one come."
    )

    def to_domain(self) -> Draft:
        """The draft of what was given."""
        return _draft({name: value for name, value in given(self).items() if name not in ("id", "version")})

    @property
    def seen_version(self) -> int | None:
        """The version that the caller saw, or None."""
        return self.version if isinstance(self.version, int) else None


@strawberry.input(one_of=True, description="Names one link, in exactly one way.")
class LinkLookup:
    """How a link is looked up."""

    id: strawberry.ID | None = optional("Its id.")
    short_url: Url | None = optional("Its short URL.")
    external_id: str | None = optional("Its external id; of several sources, the one without a name.")


@strawberry.input(description="All given conditions hold. Null is refused; an empty list matches nothing.")
class LinkFilter:
    """Which links are listed."""

    ids: list[strawberry.ID] | None = optional("Only these.")
    domain: str | None = optional("On this host.")
    tags: list[str] | None = optional("With any of these tags.")
    status: list[LinkStatus] | None = optional("In any of these states at this moment.")
    external_ids: list[str] | None = optional("With any of these external ids, of any source.")
    campaign_id: strawberry.ID | None = optional("Of this campaign.")
    created_after: DateTime | None = optional("Made at this moment or later.")
    created_before: DateTime | None = optional("Made before this moment.")
    updated_after: DateTime | None = optional("Last changed at this moment or later.")
    updated_before: DateTime | None = optional("Last changed before this moment.")

    def to_domain(self, now: datetime) -> links.LinkFilter:
        """The filter of what was given.

        Raises:
            BadRequest: a condition is null, a list too long, or a moment no RFC 3339 date-time.
        """
        return links.LinkFilter(
            now=now, **{name: _condition(name, value) for name, value in given(self).items()}
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
    if isinstance(value, list):
        return tuple(dict.fromkeys(entries))
    return value.lower() if name == "domain" else value  # hosts have no case


def _instant(shown: str, value: str) -> datetime:
    try:
        return instants.parsed(value)
    except ValueError:
        raise BadRequest(f"The filter's {shown} is no date and time such as 2026-05-31T18:00:00Z.") from None


def _draft(fields: dict[str, Any]) -> Draft:
    if isinstance(fields.get("utm"), UtmInput):
        fields["utm"] = given(fields["utm"])
    for name in ("rules", "variants"):
        if fields.get(name):
            fields[name] = [each.to_domain() for each in fields[name]]
    return Draft(**fields)
