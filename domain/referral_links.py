"""Referral links: a call that signs a person up, and gives the same link however often it is repeated."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from domain import codes, consents, creations, edits, fields, instants, mails, referral_wishes
from domain.drafts import Draft
from domain.errors import Rejected, Unavailable, UserError, UserErrorCode
from domain.links import Link, LinkChanged
from domain.mails import Mail
from domain.paging import LARGEST, Window
from domain.participants import Participant
from domain.promotions import Promotion
from domain.referral_wishes import Wanted, Wish
from domain.referrals import Referral
from domain.signups import Desk, Known, Signup

MOST: Final = 1_000
"""Referrals of one participant: a withdrawal pauses all their links in one transaction."""
_ROUNDS: Final = 20
"""How often in a row everything may have changed under us."""


Caller = tuple[str, str]
"""A workspace, and the key that calls."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What a call gave.

    Args:
        signup: what was written for it; None: it was all there already.
    """

    promotion: Promotion
    participant: Participant
    referral: Referral
    link: Link
    signup: Signup | None = None


class ReferralBatches(Protocol):
    """Makes links of calls that come at the same time together."""

    async def create(self, wish: Wish, caller: Caller, desk: Callable[[], Awaitable[Desk]]) -> Made:
        """What `create` gives.

        Args:
            desk: opens what the caller's sign-ups work with; once for those that are made together.
        """
        ...


async def create(wish: Wish, desk: Desk) -> Made:
    """Sign a person up and give the referral's link; repeated, also at the same time, it is the same one.

    Raises:
        Rejected: with everything that stands against it; then nothing was kept, and nobody is mailed.
        Unavailable: others changed the same person's things all the time.
    """
    (made,) = await create_many([wish], desk)
    if isinstance(made, Rejected):
        raise made
    return made


async def create_many(wishes: Sequence[Wish], desk: Desk) -> list[Made | Rejected]:
    """The same for several wishes, each for itself; results are in the order of the wishes."""
    promotions = await _promotions(wishes, desk)
    made: dict[int, Made | Rejected] = {}
    waiting: dict[int, Wanted] = {}
    for row, wish in enumerate(wishes):
        try:
            waiting[row] = referral_wishes.checked(wish, promotions[wish.promotion_uid], desk)
        except Rejected as rejected:
            made[row] = rejected
    rounds = 0
    while waiting:
        settled = await _settled(waiting, desk)
        waiting = {row: wanted for row, wanted in waiting.items() if row not in settled}
        made |= settled
        rounds = 0 if settled else rounds + 1
        if rounds == _ROUNDS:
            raise Unavailable("Other calls are changing the same participant; try again.")
    return [made[row] for row in range(len(wishes))]


async def _promotions(wishes: Sequence[Wish], desk: Desk) -> dict[str, Promotion | None]:
    uids = dict.fromkeys(wish.promotion_uid for wish in wishes)
    return {uid: await desk.promotions.by_uid(desk.bench.workspace_id, uid) for uid in uids}


async def _settled(waiting: Mapping[int, Wanted], desk: Desk) -> dict[int, Made | Rejected]:
    """What becomes of wishes in one round: one of each person, as far as nobody gets in the way."""
    people: dict[bytes, int] = {}
    for row, wanted in waiting.items():
        people.setdefault(wanted.email_key, row)
    wishes = {row: waiting[row] for row in people.values()}
    workspace_id = desk.bench.workspace_id
    known = await desk.signups.known(
        workspace_id, list(people), [wanted.identity for wanted in wishes.values()]
    )
    links = await _links(known, desk)
    planned: dict[int, Made | Rejected] = {}
    for row, wanted in wishes.items():
        try:
            planned[row] = await _planned(wanted, known, links, desk)
        except Rejected as rejected:
            planned[row] = rejected
    signups = [each.signup for each in planned.values() if isinstance(each, Made) and each.signup]
    lost = await desk.signups.add_many(workspace_id, signups)
    settled = {
        row: each
        for row, each in planned.items()
        if isinstance(each, Rejected) or each.signup is None or each.participant.id not in lost
    }
    await _tell(settled, desk)
    return settled


async def _links(known: Known, desk: Desk) -> Mapping[str, Link]:
    wanted = [referral.link_id for referral in known.referrals.values()]
    return await desk.bench.links.by_ids(desk.bench.workspace_id, wanted) if wanted else {}


async def _planned(wanted: Wanted, known: Known, links: Mapping[str, Link], desk: Desk) -> Made:
    """What a wish comes to: what is there already, or what is to be written.

    Raises:
        Rejected: the participant has too many referrals or consents.
    """
    seen = known.participants.get(wanted.email_key)
    old = known.referrals.get(wanted.identity)
    participant = _joined(wanted, desk) if seen is None else _again(seen, wanted)
    if old is None and seen is not None and seen.referrals >= MOST:
        message = f"The participant has {MOST:,} referrals; one person's links end there."
        raise fields.refused("email", message, UserErrorCode.LIMIT_EXCEEDED)
    referral = _new(participant, wanted, desk) if old is None else old
    if wanted.receiver is not None and referral.reward_receiver is not wanted.receiver:
        referral = msgspec.structs.replace(referral, reward_receiver=wanted.receiver)
    link = links.get(referral.link_id)
    made = None if link is not None else _link(wanted, desk)
    if made is not None:
        referral = msgspec.structs.replace(referral, link_id=made.id, withheld=False)
    signup = Signup(
        seen=seen,
        participant=participant,
        referral=referral if old is None else None,
        link=made,
        mail=_mail(wanted, referral, participant, desk) if old is None else None,
        referrals=() if old is None or old == referral else ((old, referral),),
    )
    if seen is not None and not seen.consenting:
        signup = await _released(signup, desk)
    return _result(wanted, signup, referral, made or link, desk)


def _result(wanted: Wanted, signup: Signup, referral: Referral, link: Link | None, desk: Desk) -> Made:
    """What the caller gets, and what is to be written for it, if anything."""
    link = next((new for _, new in signup.links if new.id == referral.link_id), link)
    referral = next((new for _, new in signup.referrals if new.id == referral.id), referral)
    assert link is not None  # noqa: S101 - either it was found or it was made
    seen, participant = signup.seen, signup.participant
    if seen is not None and participant == seen and signup.link is None and not signup.referrals:
        return Made(promotion=wanted.promotion, participant=seen, referral=referral, link=link)
    if seen is not None:
        updated_at = max(desk.bench.clock(), seen.updated_at)
        referrals = seen.referrals + (signup.referral is not None)
        participant = msgspec.structs.replace(
            participant, version=seen.version + 1, updated_at=updated_at, referrals=referrals
        )
        signup = msgspec.structs.replace(signup, participant=participant)
    return Made(
        promotion=wanted.promotion, participant=participant, referral=referral, link=link, signup=signup
    )


def _joined(wanted: Wanted, desk: Desk) -> Participant:
    now = desk.bench.clock()
    return Participant(
        id=desk.bench.ids.at("ptc", instants.milliseconds(now)),
        workspace_id=desk.bench.workspace_id,
        email=wanted.email.address,
        email_key=wanted.email_key,
        person_key=wanted.person_key,
        consents=(wanted.consent,),
        locale=wanted.locale,
        referrals=1,
        created_at=now,
        updated_at=now,
    )


def _again(seen: Participant, wanted: Wanted) -> Participant:
    said = consents.added(seen, wanted.consent)
    return msgspec.structs.replace(seen, consents=said, locale=wanted.locale or seen.locale)


def _new(participant: Participant, wanted: Wanted, desk: Desk) -> Referral:
    bench, now = desk.bench, desk.bench.clock()
    return Referral(
        id=bench.ids.at("ref", instants.milliseconds(now)),
        workspace_id=bench.workspace_id,
        identity=wanted.identity,
        promotion_id=wanted.promotion.id,
        participant_id=participant.id,
        link_id="",
        target_url=wanted.target_url,
        product_id=wanted.product_id,
        reward_receiver=wanted.receiver or wanted.promotion.reward.receiver,
        code=codes.drawn(bench.ids.random_bytes),
        called_by=bench.actor,
        on_behalf_of=wanted.on_behalf_of,
        created_at=now,
    )


def _mail(wanted: Wanted, referral: Referral, participant: Participant, desk: Desk) -> Mail | None:
    mail_id = desk.bench.ids.at("mal", instants.milliseconds(referral.created_at))
    return mails.of_referral(wanted.promotion, referral, wanted.locale or participant.locale, mail_id)


def _link(wanted: Wanted, desk: Desk) -> Link:
    """An ordinary link; paused, it leads to the same place, but tells nobody whence.

    Raises:
        Rejected: the target is none for links.
    """
    attributes: dict[str, Any] = {"promotion": wanted.promotion.uid}
    if wanted.product_id is not None:
        attributes["product"] = wanted.product_id
    draft = Draft(
        destination=wanted.target_url,
        fallback=wanted.target_url,
        title=wanted.promotion.name,
        attributes=attributes,
        aid_parameter=wanted.promotion.aid_parameter,
    )
    link = creations.judged(draft, desk.bench, {})
    if isinstance(link, Rejected):
        raise Rejected(*(UserError(each.code, each.message, ("target_url",)) for each in link.errors))
    return link


async def _released(signup: Signup, desk: Desk) -> Signup:
    """The sign-up of who consents anew: links that the withdrawal paused lead to their targets again."""
    withheld = [each for each in await of_participant(signup.participant, desk) if each.withheld]
    paused = await desk.bench.links.by_ids(desk.bench.workspace_id, [each.link_id for each in withheld])
    changed = dict(signup.referrals)
    free = [(each, msgspec.structs.replace(changed.pop(each, each), withheld=False)) for each in withheld]
    links = [
        (link, edits.next_version(link, {"paused": False}, desk.bench))
        for link in paused.values()
        if link.paused
    ]
    return msgspec.structs.replace(signup, referrals=(*changed.items(), *free), links=tuple(links))


async def of_participant(participant: Participant, desk: Desk) -> list[Referral]:
    """Every referral of a participant, newest first."""
    found: list[Referral] = []
    window = Window(size=LARGEST)
    while True:
        page = await desk.referrals.of_participant(desk.bench.workspace_id, participant.id, window)
        found += page.items
        if not page.has_next:
            return found
        window = Window(size=LARGEST, after=(page.items[-1].id,))


async def _tell(settled: Mapping[int, Made | Rejected], desk: Desk) -> None:
    signups = [each.signup for each in settled.values() if isinstance(each, Made) and each.signup]
    links = [each.link for each in signups if each.link is not None]
    links += [new for each in signups for _, new in each.links]
    if links:
        await desk.bench.changes.publish(
            [LinkChanged(link.domain, link.slug_key, link.version) for link in links]
        )
