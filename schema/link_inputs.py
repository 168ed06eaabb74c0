"""What the API takes about links: new ones, changes and look-ups."""

from typing import Any

import strawberry

from domain.drafts import Draft
from schema.inputs import given, optional
from schema.rules import RuleInput, VariantInput
from schema.scalars import JSON, DateTime, Url


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
    click_limit: int | None = optional(
        "How many people it lets through, never more; default: everybody. Not with the codes 301 and 308."
    )
    fallback: Url | None = optional("Where paused, expired, full and archived links send people.")
    password: str | None = optional("What visitors have to know, 4 to 128 characters; only a hash is kept.")
    campaign_id: strawberry.ID | None = optional("Its campaign, whose UTM defaults and policy apply.")
    aid_parameter: str | None = optional(
        'Query parameter, such as "aid", by which destinations get an id of the click, for recordConversion.'
    )

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
    click_limit: int | None = optional("How many people it lets through. A higher one opens it again.")
    fallback: Url | None = optional("Where paused, expired, full and archived links send people.")
    password: str | None = optional("What visitors have to know; null: nothing.")
    paused: bool | None = optional("Take it out of use for a while.")
    campaign_id: strawberry.ID | None = optional(
        "Its campaign: parameters that it has from its old one go, those of the new one come."
    )
    aid_parameter: str | None = optional("Query parameter that carries the id of the click; null: none does.")

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


def _draft(fields: dict[str, Any]) -> Draft:
    if isinstance(fields.get("utm"), UtmInput):
        fields["utm"] = given(fields["utm"])
    for name in ("rules", "variants"):
        if fields.get(name):
            fields[name] = [each.to_domain() for each in fields[name]]
    return Draft(**fields)
