"""What the API takes about promotions: new ones and changes."""

from typing import Any

import strawberry

from domain.promotion_drafts import PromotionDraft, RewardDraft
from domain.promotions import PromotionStatus, RewardReceiver
from schema.inputs import given, optional
from schema.money import MoneyInput
from schema.scalars import JSON, DateTime, Url

_MAIL = (
    'A JSON object as in {"from": "Shop <hello@shop.example>", "texts": {"en": {"subject": "…", "text": "…", '
    '"html": "…"}}}: Liquid texts by language (BCP 47), the first one for languages that are not there.'
)


@strawberry.input(description="What a conversion earns.")
class RewardRuleInput:
    """A rule as it is given."""

    receiver: RewardReceiver = strawberry.field(description="Who gets a reward.")
    referrer: MoneyInput | None = optional("A fixed amount for who referred.")
    referrer_percent: float | None = optional("Instead: a share of the conversion's amount, such as 7.5.")
    referee: MoneyInput | None = optional("A fixed amount for who was referred.")

    def to_domain(self) -> RewardDraft:
        """The draft of what was given."""
        fields = {name: value for name, value in given(self).items() if value is not None}
        for name in ("referrer", "referee"):
            if name in fields:
                fields[name] = (fields[name].amount, fields[name].currency)
        return RewardDraft(**fields)


@strawberry.input(description="A new promotion. What is left out, or null, gets its default.")
class CreatePromotionInput:
    """A promotion as it is asked for."""

    uid: str = strawberry.field(description="Unique: 1 to 64 letters, digits and - _ .; never changes.")
    name: str = strawberry.field(description="For people, at most 200 characters.")
    target_url: Url = strawberry.field(description="Where referral links lead that name nothing else.")
    allowed_hosts: list[str] | None = optional("Hosts that a call may name instead of the target's own.")
    reward: RewardRuleInput = strawberry.field(description="What a conversion earns.")
    qualifying_event: str | None = strawberry.field(
        default="purchase", description="The event of conversions that earn something."
    )
    hold_days: int | None = strawberry.field(
        default=14, description="Days between a conversion and the approval of its rewards, 0 to 730."
    )
    max_rewards_per_referrer: int | None = optional("How many rewards one referrer may earn.")
    status: PromotionStatus | None = strawberry.field(
        default=PromotionStatus.ACTIVE, description="Whether it takes part in anything."
    )
    aid_parameter: str | None = strawberry.field(
        default="aid", description="Query parameter by which destinations get the attribution id."
    )
    mail: JSON | None = optional(_MAIL)
    starts_at: DateTime | None = optional("From when on it counts; default: at once.")
    ends_at: DateTime | None = optional("Until when; default: for good.")

    def to_domain(self) -> PromotionDraft:
        """The draft of what was given."""
        return _draft(self, "uid")


@strawberry.input(description="A change. What is absent stays, null clears or restores the default.")
class UpdatePromotionInput:
    """A change as it is asked for. Links that exist keep their targets and their aidParameter."""

    uid: str = strawberry.field(description="The promotion to change.")
    version: int | None = optional("The version you saw: another one there refuses the change as STALE.")
    name: str | None = optional("Cannot be cleared.")
    target_url: Url | None = optional("Cannot be cleared.")
    allowed_hosts: list[str] | None = optional("Replaces all hosts.")
    reward: RewardRuleInput | None = optional("Cannot be cleared; for conversions from now on.")
    qualifying_event: str | None = optional("For conversions from now on.")
    hold_days: int | None = optional("For conversions from now on.")
    max_rewards_per_referrer: int | None = optional("For conversions from now on; null: any number.")
    status: PromotionStatus | None = optional("Cannot be cleared.")
    mail: JSON | None = optional(f"{_MAIL} Null: no mails.")
    starts_at: DateTime | None = optional("From when on it counts.")
    ends_at: DateTime | None = optional("Until when.")

    def to_domain(self) -> PromotionDraft:
        """The draft of what was given."""
        return _draft(self, "uid", "version")

    @property
    def seen_version(self) -> int | None:
        """The version that the caller saw, or None."""
        return self.version if isinstance(self.version, int) else None


def _draft(value: Any, *besides: str) -> PromotionDraft:
    fields = {name: each for name, each in given(value).items() if name not in besides}
    if isinstance(fields.get("reward"), RewardRuleInput):
        fields["reward"] = fields["reward"].to_domain()
    return PromotionDraft(**fields)
