"""Participants as the API shows them: people of promotions, with what they agreed to."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from domain import instants, paging, participants
from domain.access import Scope
from domain.errors import Rejected
from domain.rewards import RewardFilter
from schema.context import Info
from schema.nodes import Node
from schema.paging import Connection, connection
from schema.payloads import UserError
from schema.scalars import DateTime

if TYPE_CHECKING:
    from schema.referrals import Referral
    from schema.rewards import Reward


@strawberry.type(description="What a person said, when and where.")
class Consent:
    """The API's view of domain.participants.Consent."""

    granted: bool = strawberry.field(description="False: it was withdrawn.")
    at: DateTime = strawberry.field(description="When it was said.")
    text_version: str = strawberry.field(description="Names the text that was agreed to.")
    source: str = strawberry.field(description='Where it was said, such as "checkout".')

    @classmethod
    def of(cls, consent: participants.Consent) -> "Consent":
        """The same consent."""
        return cls(
            granted=consent.granted,
            at=DateTime(instants.written(consent.at)),
            text_version=consent.text_version,
            source=consent.source,
        )


@strawberry.type(description="A person of the workspace's promotions, known by an e-mail address.")
class Participant(Node):
    """The API's view of domain.participants.Participant."""

    email: str = strawberry.field(description="As mail is sent to it; empty once the person was erased.")
    consents: list[Consent] = strawberry.field(description="In the order they were given; the last counts.")
    created_at: DateTime = strawberry.field(description="When the person joined.")

    @strawberry.field(
        description="The person's referrals, newest first.", metadata={"scope": Scope.REFERRALS_READ}
    )
    async def referrals(
        self, info: Info, first: int | None = None, after: str | None = None
    ) -> Connection[Annotated["Referral", strawberry.lazy("schema.referrals")]]:
        """Reads one page behind a cursor."""
        from schema.referrals import Referral

        context, store = info.context, info.context.stores.referrals
        workspace_id, name = context.viewer.workspace_id, f"{self.id}/referrals"
        window = paging.window(name, first=first, after=after, last=None, before=None, shape=tuple[str])
        return connection(
            await store.of_participant(workspace_id, self.id, window),
            list_name=name,
            node=Referral.of,
            key=lambda referral: (referral.id,),
            counted=lambda limit: store.count(workspace_id, self.id, limit=limit),
        )

    @strawberry.field(
        description="What the person earned, newest first.", metadata={"scope": Scope.REFERRALS_READ}
    )
    async def rewards(
        self, info: Info, first: int | None = None, after: str | None = None
    ) -> Connection[Annotated["Reward", strawberry.lazy("schema.rewards")]]:
        """Reads one page behind a cursor."""
        from schema.rewards import listed_rewards

        name = f"{self.id}/rewards"
        window = paging.window(name, first=first, after=after, last=None, before=None, shape=tuple[str])
        return await listed_rewards(RewardFilter(participant_id=self.id), window, name, info.context)

    @classmethod
    def of(cls, participant: participants.Participant) -> "Participant | None":
        """The participant as it is now; None: the person was erased."""
        return None if participant.email is None else cls._made(participant, participant.email)

    @classmethod
    def nobody(cls, participant: participants.Participant) -> "Participant":
        """Who was erased, where somebody has to stand."""
        return cls._made(participant, "")

    @classmethod
    def _made(cls, participant: participants.Participant, email: str) -> "Participant":
        return cls(
            id=strawberry.ID(participant.id),
            email=email,
            consents=[Consent.of(consent) for consent in participant.consents],
            created_at=DateTime(instants.written(participant.created_at)),
        )


@strawberry.type(description="The answer of a change of one participant.")
class ParticipantPayload:
    """The participant, or why there is none."""

    participant: Participant | None = strawberry.field(description="As it is now; null on failure.")
    user_errors: list[UserError] = strawberry.field(description="Why nothing was changed; empty on success.")

    @classmethod
    def of(cls, outcome: participants.Participant | Rejected) -> "ParticipantPayload":
        """The payload of an edit."""
        if isinstance(outcome, Rejected):
            return cls(participant=None, user_errors=[UserError.of(error) for error in outcome.errors])
        return cls(participant=Participant.of(outcome), user_errors=[])
