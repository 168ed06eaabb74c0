"""What the API takes about changes of many links at once."""

import strawberry
from msgspec import UNSET

from domain.bulk_edits import LinkChange
from domain.drafts import Draft
from schema.inputs import given, optional
from schema.link_inputs import UtmInput
from schema.scalars import JSON, DateTime, Url


@strawberry.input(
    description="One change of many links. What is absent stays, null clears or restores the default."
)
class LinkChangeInput:
    """A change as it is asked for."""

    add_tags: list[str] | None = optional("Beside the tags that a link has.")
    remove_tags: list[str] | None = optional("Where a link has them.")
    utm: UtmInput | None = optional("Merged field by field; null clears all.")
    expires_at: DateTime | None = optional("Until when.")
    paused: bool | None = optional("Take them out of use for a while.")
    archived: bool | None = optional("Into the archive, or out of it.")
    campaign_id: strawberry.ID | None = optional(
        "Their campaign: parameters that a link has from its old one go, those of the new one come."
    )
    fallback: Url | None = optional("Where paused, expired and archived links send people.")
    attributes: JSON | None = optional("Replaces all attributes.")

    def to_domain(self) -> LinkChange:
        """The same change."""
        fields = given(self)
        add, remove = fields.pop("add_tags", None), fields.pop("remove_tags", None)
        archived = fields.pop("archived", UNSET)
        if isinstance(fields.get("utm"), UtmInput):
            fields["utm"] = given(fields["utm"])
        return LinkChange(
            add_tags=tuple(add or ()),
            remove_tags=tuple(remove or ()),
            archived=archived if archived is UNSET else bool(archived),
            draft=Draft(**fields),
        )
