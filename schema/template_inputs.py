"""What the API takes about templates: new ones and changes."""

from typing import Any

import strawberry

from domain.template_drafts import TemplateDraft
from domain.variables import Variable
from schema.inputs import given, optional
from schema.link_inputs import UtmInput
from schema.rules import RuleInput, VariantInput
from schema.scalars import JSON
from schema.templates import VariableType


@strawberry.input(description="One variable of a template.")
class TemplateVariableInput:
    """A variable as it is given."""

    name: str = strawberry.field(description="Such as plan, or customer.plan.")
    type: VariableType | None = strawberry.field(
        default=VariableType.STRING, description="What its values are."
    )
    required: bool | None = strawberry.field(default=False, description="Whether there must be one.")
    default: JSON | None = optional("Value where none is given: a string, a number, true or false.")
    allowed: list[str] | None = optional("The only values, as text.")

    def to_domain(self) -> Variable:
        """The variable of what was given."""
        fields = given(self)
        return Variable(
            name=self.name,
            type=self.type or VariableType.STRING,
            required=bool(self.required),
            default=fields.get("default"),
            allowed=None if fields.get("allowed") is None else tuple(dict.fromkeys(fields["allowed"])),
        )


@strawberry.input(description="A new template. What is left out, or null, gets its default.")
class CreateTemplateInput:
    """A template as it is asked for."""

    name: str = strawberry.field(description="For people, at most 200 characters.")
    destination: str = strawberry.field(
        description='Liquid behind a written-out host, as in "https://example.com/{{ plan }}?ref={{ id }}".'
    )
    slug: str | None = optional("Liquid; default: generated slugs.")
    domain: str | None = optional("One of the workspace's domains; default: the first.")
    title: str | None = optional("Liquid.")
    tags: list[str] | None = optional("Liquid; those that are empty are left out.")
    utm: UtmInput | None = optional("Liquid.")
    attributes: JSON | None = optional("A JSON object whose strings are Liquid.")
    rules: list[RuleInput] | None = optional("As a link's; destinations are Liquid, conditions are not.")
    variants: list[VariantInput] | None = optional("As a link's; destinations are Liquid.")
    expires_after: str | None = optional("ISO 8601 duration such as P30D; default: links do not expire.")
    variables: list[TemplateVariableInput] | None = optional("What there is to say of its variables.")
    campaign_id: strawberry.ID | None = optional("The campaign that its links join.")

    def to_domain(self) -> TemplateDraft:
        """The draft of what was given."""
        return _draft(given(self))


@strawberry.input(description="A change. What is absent stays, null clears or restores the default.")
class UpdateTemplateInput:
    """A change as it is asked for."""

    id: strawberry.ID = strawberry.field(description="The template to change.")
    version: int | None = optional("The version you saw: another one there refuses the change as STALE.")
    name: str | None = optional("Cannot be cleared.")
    destination: str | None = optional("Liquid. Cannot be cleared.")
    slug: str | None = optional("Liquid.")
    domain: str | None = optional("One of the workspace's domains.")
    title: str | None = optional("Liquid.")
    tags: list[str] | None = optional("Replaces all tags.")
    utm: UtmInput | None = optional("Merged field by field; null clears all.")
    attributes: JSON | None = optional("Replaces all attributes.")
    rules: list[RuleInput] | None = optional("Replaces all rules.")
    variants: list[VariantInput] | None = optional("Replaces all variants.")
    expires_after: str | None = optional("ISO 8601 duration.")
    variables: list[TemplateVariableInput] | None = optional("Replaces all declarations.")
    campaign_id: strawberry.ID | None = optional("The campaign that its links join.")

    def to_domain(self) -> TemplateDraft:
        """The draft of what was given."""
        return _draft({name: value for name, value in given(self).items() if name not in ("id", "version")})

    @property
    def seen_version(self) -> int | None:
        """The version that the caller saw, or None."""
        return self.version if isinstance(self.version, int) else None


def _draft(fields: dict[str, Any]) -> TemplateDraft:
    if isinstance(fields.get("utm"), UtmInput):
        fields["utm"] = given(fields["utm"])
    for name in ("rules", "variants"):
        if fields.get(name):
            fields[name] = [each.to_domain() for each in fields[name]]
    if fields.get("variables"):
        fields["variables"] = [variable.to_domain() for variable in fields["variables"]]
    return TemplateDraft(**fields)
