"""What the API takes about campaigns: new ones and changes."""

from typing import Any

import strawberry

from domain.campaign_drafts import CampaignDraft
from domain.campaigns import Channel
from schema.inputs import given, optional
from schema.link_inputs import UtmInput
from schema.money import MoneyInput
from schema.scalars import JSON, DateTime


@strawberry.input(description="A way that a campaign reaches people.")
class ChannelInput:
    """A channel as it is given."""

    name: str = strawberry.field(description="Unique in the campaign.")
    source: str = strawberry.field(description="utm_source of its links.")
    medium: str = strawberry.field(description="utm_medium of its links.")


@strawberry.input(description="What UTM parameters of a campaign's links must be.")
class UtmPolicyInput:
    """A policy as it is given."""

    required: list[str] | None = optional('Parameters that no link may lack, such as "source".')
    allowed: JSON | None = optional(
        'Values of each parameter to limit: a JSON object as in {"medium": ["email", "social"]}.'
    )
    lowercase: bool | None = strawberry.field(default=True, description="Refuse capitals.")


@strawberry.input(description="A new campaign. What is left out, or null, gets its default.")
class CreateCampaignInput:
    """A campaign as it is asked for."""

    name: str = strawberry.field(description="For people, at most 200 characters.")
    key: str | None = optional("utm_campaign of its links, unique; default: made from the name.")
    channels: list[ChannelInput] | None = optional("At most 50.")
    utm: UtmInput | None = optional("What links get that say nothing of their own.")
    utm_policy: UtmPolicyInput | None = optional("Default: everything fits.")
    starts_at: DateTime | None = optional("For people and figures.")
    ends_at: DateTime | None = optional("For people and figures.")
    cost: MoneyInput | None = optional("What it costs in all.")

    def to_domain(self) -> CampaignDraft:
        """The draft of what was given."""
        return _draft(given(self))


@strawberry.input(description="A change. What is absent stays, null clears or restores the default.")
class UpdateCampaignInput:
    """A change as it is asked for. The key never changes: links carry it."""

    id: strawberry.ID = strawberry.field(description="The campaign to change.")
    version: int | None = optional("The version you saw: another one there refuses the change as STALE.")
    name: str | None = optional("Cannot be cleared.")
    channels: list[ChannelInput] | None = optional("Replaces all channels.")
    utm: UtmInput | None = optional("Merged field by field; null clears all. Links that exist keep theirs.")
    utm_policy: UtmPolicyInput | None = optional("Replaces the policy.")
    starts_at: DateTime | None = optional("For people and figures.")
    ends_at: DateTime | None = optional("For people and figures.")
    cost: MoneyInput | None = optional("What it costs in all.")

    def to_domain(self) -> CampaignDraft:
        """The draft of what was given."""
        return _draft({name: value for name, value in given(self).items() if name not in ("id", "version")})

    @property
    def seen_version(self) -> int | None:
        """The version that the caller saw, or None."""
        return self.version if isinstance(self.version, int) else None


def _draft(fields: dict[str, Any]) -> CampaignDraft:
    for name, value in fields.items():
        if isinstance(value, UtmInput | UtmPolicyInput):
            fields[name] = given(value)
        elif isinstance(value, MoneyInput):
            fields[name] = (value.amount, value.currency)
    if fields.get("channels"):
        fields["channels"] = [Channel(each.name, each.source, each.medium) for each in fields["channels"]]
    return CampaignDraft(**fields)
