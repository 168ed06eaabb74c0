"""What the API takes about bulk calls."""

import strawberry

from domain.bulk_creations import Asked
from schema.inputs import given, optional
from schema.link_inputs import CreateLinkInput
from schema.scalars import JSON


@strawberry.input(
    description="Links to make: exactly one of `rows`, with `templateId`, and `links`; each row succeeds or "
    "fails alone."
)
class BulkCreateLinksInput:
    """A bulk creation as it is asked for."""

    template_id: strawberry.ID | None = optional(
        "The template that makes the links, in the version that it has now."
    )
    rows: list[JSON] | None = optional(
        "Values of the template's variables, an object a row; `externalId`, `externalSource`, `slug`, `tags` "
        "and `attributes` are the link's own, unless a variable is called so. At most 10,000 and 10 MiB."
    )
    links: list[CreateLinkInput] | None = optional("Links written out. At most 10,000 and 10 MiB.")
    campaign_id: strawberry.ID | None = optional("Campaign of all links, instead of the template's.")
    channel: str | None = optional("Name of one of the campaign's channels: gives utm source and medium.")

    def to_domain(self) -> Asked:
        """The same call."""
        values = {name: value for name, value in given(self).items() if value is not None}
        if "links" in values:
            values["links"] = [link.to_domain() for link in values["links"]]
        return Asked(**values)
