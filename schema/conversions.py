"""Conversions as the API shows and takes them."""

from typing import TYPE_CHECKING, Annotated, Any, Optional

import strawberry

from domain import attributions, clicks, conversions, ids, instants
from domain.access import Scope
from domain.conversion_drafts import ConversionDraft
from domain.conversion_recording import Outcome as Recorded
from domain.errors import Rejected
from domain.refunds import RefundDraft
from domain.visits import Outcome
from schema.clicks import Click
from schema.context import Info
from schema.inputs import given, optional
from schema.links import Link
from schema.money import Money, MoneyInput
from schema.nodes import Node
from schema.payloads import UserError
from schema.promotions import Promotion
from schema.scalars import JSON, DateTime
from schema.workspaces import AttributionModel

if TYPE_CHECKING:
    from schema.referrals import Referral
    from schema.rewards import Reward


@strawberry.type(description="A click's share of a conversion; the shares of one conversion make 1.")
class Credit:
    """The API's view of domain.attributions.Credit."""

    share: float = strawberry.field(description="More than 0, at most 1.")
    model: AttributionModel = strawberry.field(description="By which it was worked out.")
    why: str = strawberry.field(description="The reason, for people.")
    source: strawberry.Private[attributions.Credit]

    @strawberry.field(
        description="The click; with its time and its link alone while it is on its way to the ledger, and "
        "once it is not kept any more.",
        metadata={"scope": Scope.ANALYTICS_READ},
    )
    async def click(self, info: Info) -> Click:
        """One round trip for all credits of an answer."""
        found = await info.context.loaders.clicks.load(self.source.click_id)
        return Click.of(found or _outline(self.source))

    @strawberry.field(
        description="The link that was clicked; null: it was deleted.", metadata={"scope": Scope.LINKS_READ}
    )
    async def link(self, info: Info) -> Link | None:
        """One round trip for all credits of an answer."""
        found = await info.context.loaders.links.load(self.source.link_id)
        return None if found is None else Link.of(found, info.context)

    @classmethod
    def of(cls, credit: attributions.Credit) -> "Credit":
        """The same share."""
        return cls(share=credit.share, model=credit.model, why=credit.why, source=credit)


@strawberry.type(description="Something that a customer did, what it was worth, and whose clicks led to it.")
class Conversion(Node):
    """The API's view of domain.conversions.Conversion."""

    event: str = strawberry.field(description='What happened, such as "purchase".')
    order_id: str | None = strawberry.field(description="The caller's name of the order.")
    amount: Money | None = strawberry.field(description="What it was worth before refunds.")
    at: DateTime = strawberry.field(description="When it happened.")
    received_at: DateTime = strawberry.field(description="When it was told.")
    properties: JSON = strawberry.field(description="What the caller told besides.")
    credits: list[Credit] = strawberry.field(
        description="Shares of the clicks that it is credited to, oldest first; empty where none is known."
    )
    refunded: Money | None = strawberry.field(description="What was paid back of it in all.")
    source: strawberry.Private[conversions.Conversion]

    @strawberry.field(
        description="The last click that the caller named; null where that was none.",
        metadata={"scope": Scope.ANALYTICS_READ},
    )
    async def click(self, info: Info) -> Click | None:
        """One round trip for all conversions of an answer."""
        wanted = self.source.click_id
        found = None if wanted is None else await info.context.loaders.clicks.load(wanted)
        return None if found is None else Click.of(found)

    @strawberry.field(
        description="The link of that click, or of the referral's code; null: none, or it was deleted.",
        metadata={"scope": Scope.LINKS_READ},
    )
    async def link(self, info: Info) -> Link | None:
        """One round trip for all conversions of an answer."""
        wanted = self.source.link_id
        found = None if wanted is None else await info.context.loaders.links.load(wanted)
        return None if found is None else Link.of(found, info.context)

    @strawberry.field(
        description="The promotion that it came from, if any.", metadata={"scope": Scope.PROMOTIONS_READ}
    )
    async def promotion(self, info: Info) -> Promotion | None:
        """One round trip for all conversions of an answer."""
        wanted = self.source.promotion_id
        found = None if wanted is None else await info.context.loaders.promotions.load(wanted)
        return None if found is None else Promotion.of(found)

    @strawberry.field(
        description="The referral that it came from, if any.", metadata={"scope": Scope.REFERRALS_READ}
    )
    async def referral(
        self, info: Info
    ) -> Optional[Annotated["Referral", strawberry.lazy("schema.referrals")]]:  # noqa: UP045 - a lazy type knows no |
        """One round trip for all conversions of an answer."""
        from schema.referrals import Referral

        wanted = self.source.referral_id
        found = None if wanted is None else await info.context.loaders.referrals.load(wanted)
        return None if found is None else Referral.of(found)

    @strawberry.field(
        description="What it earned, and what was claimed back.", metadata={"scope": Scope.REFERRALS_READ}
    )
    async def rewards(self, info: Info) -> list[Annotated["Reward", strawberry.lazy("schema.rewards")]]:
        """One round trip for all conversions of an answer."""
        from schema.rewards import Reward

        found = await info.context.loaders.rewards_of.load(self.source.id)
        return [Reward.of(reward) for reward in found]

    @classmethod
    def of(cls, conversion: conversions.Conversion) -> "Conversion":
        """The conversion as it is now."""
        refunded, amount = conversion.refunded, conversion.amount
        return cls(
            id=strawberry.ID(conversion.id),
            event=conversion.event,
            order_id=conversion.order_id,
            amount=None if amount is None else Money.of(amount),
            at=DateTime(instants.written(conversion.at)),
            received_at=DateTime(instants.written(conversion.received_at)),
            properties=JSON(conversion.properties),
            credits=[Credit.of(credit) for credit in conversion.credits],
            refunded=None if refunded is None else Money.of(refunded),
            source=conversion,
        )


@strawberry.type(description="The answer of a call about one conversion.")
class ConversionPayload:
    """The conversion, or why there is none."""

    conversion: Conversion | None = strawberry.field(
        description="The conversion; repeated calls get the one that was told first. Null on failure."
    )
    warnings: list[UserError] = strawberry.field(
        description="What visitors carried and was ignored: attribution ids and codes that lead nowhere."
    )
    user_errors: list[UserError] = strawberry.field(description="Why nothing was kept; empty on success.")

    @classmethod
    def of(cls, outcome: Recorded | Rejected) -> "ConversionPayload":
        """The payload of a call."""
        if isinstance(outcome, Rejected):
            errors = [UserError.of(error) for error in outcome.errors]
            return cls(conversion=None, warnings=[], user_errors=errors)
        warnings = [UserError.of(warning) for warning in outcome.warnings]
        return cls(conversion=Conversion.of(outcome.conversion), warnings=warnings, user_errors=[])


@strawberry.input(
    description="What a customer did. It is found again by (event, orderId) or by dedupeId, of which one is "
    "required: told twice, also at the same time, it is one conversion."
)
class RecordConversionInput:
    """A conversion as it is told."""

    event: str = strawberry.field(description='What happened, such as "purchase"; at most 200 characters.')
    aid: str | None = optional("The attribution id that the redirect added to the landing page's address.")
    aids: list[str] | None = optional("All that the customer came with, if there are several; at most 100.")
    click_id: strawberry.ID | None = optional("The click, instead.")
    code: str | None = optional("A referral's code that was typed in; it goes before clicks.")
    external_customer_id: str | None = optional(
        "The caller's own name of the customer; kept as a keyed hash, by which later conversions find clicks."
    )
    email: str | None = optional("The customer's address, who may be rewarded as the referee; the same.")
    order_id: str | None = optional("The caller's name of the order, unique with the event.")
    dedupe_id: str | None = optional("The caller's own name of this conversion.")
    amount: MoneyInput | None = optional("What it was worth.")
    at: DateTime | None = optional("When it happened; default: now. It may be long ago.")
    properties: JSON | None = optional("A JSON object of whatever else is to be kept; no personal data.")

    def to_domain(self) -> ConversionDraft:
        """The draft of what was given."""
        return ConversionDraft(**_told(self))


@strawberry.input(description="What was paid back: of a conversion by its id, or by event and orderId.")
class RefundConversionInput:
    """A refund as it is told."""

    conversion_id: strawberry.ID | None = optional("The conversion.")
    event: str | None = optional("Its event, with orderId.")
    order_id: str | None = optional("Its orderId, with event.")
    refund_id: str = strawberry.field(
        description="The caller's name of the refund: told twice, also at the same time, it is one refund."
    )
    amount: MoneyInput | None = optional("What was paid back; default: all that is left.")

    def to_domain(self) -> RefundDraft:
        """The draft of what was given."""
        return RefundDraft(**_told(self))


def _outline(credit: attributions.Credit) -> clicks.Click:
    """What a credit tells of its click."""
    return clicks.Click(
        id=credit.click_id,
        workspace_id="",
        slot=0,
        seq=0,
        at=instants.of_milliseconds(ids.instant_of(credit.click_id)),
        link_id=credit.link_id,
        link_version=0,
        outcome=Outcome.REDIRECT,
        kind=clicks.ClickKind.HUMAN,
        unique=False,
    )


def _told(value: object) -> dict[str, Any]:
    fields = {name: each for name, each in given(value).items() if each is not None}
    amount = fields.get("amount")
    if isinstance(amount, MoneyInput):
        fields["amount"] = (amount.amount, amount.currency)
    return fields
