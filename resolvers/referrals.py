"""Referrals: giving people their links, and looking them up again."""

from functools import partial

import strawberry

from domain import emails, referral_creation, referral_links, withdrawals
from domain.access import Scope
from domain.errors import Rejected
from domain.participants import Participant as Person
from domain.secrets import PEOPLE
from domain.signups import Desk
from resolvers.outcomes import outcome
from schema.bulk_jobs import BulkJobPayload
from schema.context import Context, Info
from schema.participants import Participant, ParticipantPayload
from schema.referrals import CreateReferralLinkInput, Referral, ReferralPayload

_READ = {"scope": Scope.REFERRALS_READ}
_WRITE = {"scope": Scope.REFERRALS_WRITE}


@strawberry.type
class ReferralQueries:
    """Looking up people of promotions and their links."""

    @strawberry.field(description="The participant of an address; null where there is none.", metadata=_READ)
    async def participant(self, info: Info, email: str) -> Participant | None:
        """Whatever the address's case."""
        found = await _person(email, info.context)
        return None if found is None else Participant.of(found)

    @strawberry.field(
        description="A person's first referral in a promotion; null where there is none.", metadata=_READ
    )
    async def referral(self, info: Info, promotion_uid: str, email: str) -> Referral | None:
        """For account pages, loyalty pages and agents: one round trip for all that belongs to it."""
        context, key = info.context, await _key(email, info.context)
        if key is None:
            return None
        found = await context.stores.signups.referred(context.viewer.workspace_id, promotion_uid, key)
        return None if found is None else Referral.known(found, context)


@strawberry.type
class ReferralMutations:
    """Signing people up, and letting them go."""

    @strawberry.mutation(
        description="Sign a person up and give the referral link, once and for all.", metadata=_WRITE
    )
    async def create_referral_link(
        self,
        info: Info,
        input: CreateReferralLinkInput,  # noqa: A002 - the API's name
    ) -> ReferralPayload:
        """Repeated, also at the same time, it gives the same one."""
        context, wish = info.context, input.to_domain()
        if context.repeats:
            made = await outcome(referral_links.create(wish, await signup_desk(context)))
        else:
            caller = (context.viewer.workspace_id, context.viewer.key_id)
            batches = context.stores.referral_batches
            made = await outcome(batches.create(wish, caller, partial(signup_desk, context)))
        return ReferralPayload.of(made, info)

    @strawberry.mutation(
        description="The same for many people, as a job, which tells of each row: exactly one of `rows` and "
        "`file`. Each row carries its person's consent.",
        metadata={**_WRITE, "cost": 100},
    )
    async def bulk_create_referral_links(
        self,
        info: Info,
        promotion_uid: str,
        rows: list[CreateReferralLinkInput] | None = None,
        file: strawberry.ID | None = None,
    ) -> BulkJobPayload:
        """Answers as soon as the rows are kept."""
        context = info.context
        wishes = None if rows is None else [row.to_domain() for row in rows]
        desk = await signup_desk(context)
        work = referral_creation.start(promotion_uid, wishes, file, desk, context.bulk_desk())
        return BulkJobPayload.of(await outcome(work))

    @strawberry.mutation(
        description="Take a person's consent back: mails stop, and links lead on without an attribution id.",
        metadata=_WRITE,
    )
    async def withdraw_consent(self, info: Info, email: str) -> ParticipantPayload:
        """Done again, it changes nothing."""
        desk = await signup_desk(info.context)
        return ParticipantPayload.of(await outcome(withdrawals.withdraw(email, desk)))


async def signup_desk(context: Context) -> Desk:
    """What sign-ups of the viewer's workspace work with."""
    stores = context.stores
    return Desk(
        bench=await context.workbench(),
        promotions=stores.promotions,
        referrals=stores.referrals,
        signups=stores.signups,
        people=await stores.secrets.agreed(PEOPLE),
    )


async def _person(email: str, context: Context) -> Person | None:
    """The participant of an address."""
    key = await _key(email, context)
    return (
        None if key is None else await context.stores.participants.by_email(context.viewer.workspace_id, key)
    )


async def _key(email: str, context: Context) -> bytes | None:
    """What the participant of an address is found by; None: a text that is none is nobody's."""
    try:
        identity = emails.checked(email).identity
    except Rejected:
        return None
    return emails.hidden(await context.stores.secrets.agreed(PEOPLE), context.viewer.workspace_id, identity)
