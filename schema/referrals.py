"""Referrals as the API shows and takes them: a participant's own link in a promotion."""

import strawberry

from domain import addresses, instants, referrals, shares
from domain.access import Scope
from domain.consents import Said
from domain.errors import Rejected
from domain.promotions import RewardReceiver
from domain.referral_links import Made
from domain.referral_wishes import Wish
from domain.signups import Referred
from schema.context import Context, Info
from schema.inputs import given, optional
from schema.links import Link
from schema.nodes import Node
from schema.participants import Participant
from schema.payloads import UserError
from schema.promotions import Promotion
from schema.scalars import DateTime, Url


@strawberry.type(description="A way of passing a referral's link on.")
class ShareLink:
    """The API's view of domain.shares.Share."""

    channel: str = strawberry.field(description="email, whatsapp, facebook, x, linkedin, sms or copy.")
    url: Url = strawberry.field(
        description='What a button opens, such as https://wa.me/?text=…; for "copy" the short URL itself.'
    )
    link: Url = strawberry.field(description="The short URL, by which clicks of this channel are told apart.")
    text: str = strawberry.field(description="The words that come with it.")


@strawberry.type(description="A participant's own link in a promotion.")
class Referral(Node):
    """The API's view of domain.referrals.Referral."""

    reward_receiver: RewardReceiver = strawberry.field(description="Who is rewarded for its conversions.")
    target_url: Url = strawberry.field(description="Where its link leads.")
    product_id: str | None = strawberry.field(description="The product that it is about.")
    code: str = strawberry.field(description="To be typed in where there is no link to follow.")
    on_behalf_of: str | None = strawberry.field(description="The agent or system that asked for it.")
    created_at: DateTime = strawberry.field(description="When it was made.")

    source: strawberry.Private[referrals.Referral]

    @strawberry.field(description="Its promotion.", metadata={"scope": Scope.REFERRALS_READ})
    async def promotion(self, info: Info) -> Promotion:
        """One round trip for all referrals of an answer; promotions are never deleted."""
        found = await info.context.loaders.promotions.load(self.source.promotion_id)
        assert found is not None  # noqa: S101 - a referral is kept only in a promotion that exists
        return Promotion.of(found)

    @strawberry.field(
        description="Whose it is; null: the person was erased.", metadata={"scope": Scope.REFERRALS_READ}
    )
    async def participant(self, info: Info) -> Participant | None:
        """One round trip for all referrals of an answer."""
        found = await info.context.loaders.participants.load(self.source.participant_id)
        return None if found is None else Participant.of(found)

    @strawberry.field(
        description="Its short link; null: it was deleted.", metadata={"scope": Scope.REFERRALS_READ}
    )
    async def link(self, info: Info) -> Link | None:
        """One round trip for all referrals of an answer."""
        found = await info.context.loaders.links.load(self.source.link_id)
        return None if found is None else Link.of(found, info.context)

    @strawberry.field(
        description="Ways of passing its link on; none while the participant's consent is withdrawn.",
        metadata={"scope": Scope.REFERRALS_READ},
    )
    async def share_links(self, info: Info) -> list[ShareLink]:
        """In the participant's language."""
        context, source = info.context, self.source
        link = await context.loaders.links.load(source.link_id)
        promotion = await context.loaders.promotions.load(source.promotion_id)
        person = await context.loaders.participants.load(source.participant_id)
        if link is None or promotion is None or person is None or not person.consenting:
            return []
        short_url = addresses.short_url(link.domain, link.slug, context.short_base)
        return [
            ShareLink(channel=each.channel, url=Url(each.url), link=Url(each.link), text=each.text)
            for each in shares.of(short_url, promotion.name, person.locale)
        ]

    @classmethod
    def known(cls, found: Made | Referred, context: Context) -> "Referral":
        """A referral of which everything is known that it belongs to: none of it is read again."""
        loaders = context.loaders
        loaders.promotions.prime(found.promotion.id, found.promotion)
        loaders.participants.prime(found.participant.id, found.participant)
        loaders.links.prime(found.referral.link_id, found.link)
        return cls.of(found.referral)

    @classmethod
    def of(cls, referral: referrals.Referral) -> "Referral":
        """The referral as it is now."""
        return cls(
            id=strawberry.ID(referral.id),
            reward_receiver=referral.reward_receiver,
            target_url=Url(referral.target_url),
            product_id=referral.product_id,
            code=referral.code,
            on_behalf_of=referral.on_behalf_of,
            created_at=DateTime(instants.written(referral.created_at)),
            source=referral,
        )


@strawberry.type(description="The answer of a call for a referral link.")
class ReferralPayload:
    """The referral, or why there is none."""

    referral: Referral | None = strawberry.field(description="The referral; null on failure.")
    user_errors: list[UserError] = strawberry.field(
        description="Why nothing was stored or sent; empty on success."
    )

    @classmethod
    def of(cls, outcome: Made | Rejected, info: Info) -> "ReferralPayload":
        """The payload of a call; what was made need not be read again for it."""
        if isinstance(outcome, Rejected):
            return cls(referral=None, user_errors=[UserError.of(error) for error in outcome.errors])
        return cls(referral=Referral.known(outcome, info.context), user_errors=[])


@strawberry.input(description="What a person agreed to.")
class ConsentInput:
    """A consent as it is given."""

    granted: bool = strawberry.field(description="False is refused: nothing is stored or sent.")
    text_version: str = strawberry.field(description="Names the text that was agreed to.")
    source: str = strawberry.field(description='Where, such as "checkout".')


@strawberry.input(
    description="One call signs the person up, sends the promotion's mail and gives the link. The same "
    "promotion, person, target and product give the same referral."
)
class CreateReferralLinkInput:
    """A wish as it is given."""

    promotion_uid: str = strawberry.field(description="The promotion's UID.")
    email: str = strawberry.field(description="What the person is known by.")
    consent: ConsentInput | None = optional("Missing or refused: CONSENT_REQUIRED.")
    reward_receiver: RewardReceiver | None = optional("Within what the promotion's rule gives.")
    target_url: Url | None = optional("On one of the promotion's allowed hosts.")
    product_id: str | None = optional("At most 200 characters.")
    on_behalf_of: str | None = optional("The agent or system that asks, for the record.")
    locale: str | None = optional("Language of mails and share texts (BCP 47).")

    def to_domain(self) -> Wish:
        """The wish of what was given."""
        fields = {name: value for name, value in given(self).items() if value is not None}
        if "consent" in fields:
            fields["consent"] = Said(**given(fields["consent"]))
        return Wish(**fields)
