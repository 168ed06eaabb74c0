"""What the API takes about bulk calls."""

import strawberry

from domain import importers
from domain.bulk_creations import Asked
from schema.inputs import given, optional
from schema.link_inputs import CreateLinkInput
from schema.scalars import JSON

ImportFormat = importers.ImportFormat
strawberry.enum(ImportFormat, name="ImportFormat", description="Whose export a file is; CSV: any table.")


@strawberry.input(
    description="Links to make: exactly one of `rows`, with `templateId`, `links` and `file`. Each row "
    "succeeds or fails alone."
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
    file: strawberry.ID | None = optional(
        "An upload (POST /uploads) of up to 1,000,000 rows: with `templateId` values of its variables, "
        "otherwise links written out by the names of CreateLinkInput."
    )
    campaign_id: strawberry.ID | None = optional("Campaign of all links, instead of the template's.")
    channel: str | None = optional("Name of one of the campaign's channels: gives utm source and medium.")

    def to_domain(self) -> Asked:
        """The same call."""
        values = {name: value for name, value in given(self).items() if value is not None}
        if "links" in values:
            values["links"] = [link.to_domain() for link in values["links"]]
        return Asked(**values)


@strawberry.input(description="An export of another shortener, whose links keep slugs, tags and dates.")
class ImportLinksInput:
    """An import as it is asked for."""

    file: strawberry.ID = strawberry.field(description="An upload (POST /uploads) of CSV.")
    format: ImportFormat = strawberry.field(description="Whose export it is.")
    domain: str | None = optional("Where the links go, one of the workspace's domains; default: the first.")
