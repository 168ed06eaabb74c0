"""Recording of conversions: each is kept and rewarded once, however often and at whatever time it is told."""

from datetime import timedelta
from typing import Final

import msgspec

from domain import attributions, conversion_drafts, credit_rows, earnings, emails, suspicions, trails
from domain.books import Books
from domain.conversion_drafts import ConversionDraft, Told
from domain.conversions import Conversion, Recorded
from domain.errors import Unavailable, UserError, UserErrorCode
from domain.participants import Participant
from domain.promotions import Promotion, RewardReceiver
from domain.rewards import RewardRole
from domain.trails import Trail

PENDING: Final = timedelta(seconds=10)
"""After so long the ledger has a click that had just been made."""
_ATTEMPTS: Final = 20


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a call.

    Args:
        warnings: what the call named that was ignored.
    """

    conversion: Conversion
    warnings: tuple[UserError, ...] = ()


async def record(draft: ConversionDraft, books: Books) -> Outcome:
    """Keep a conversion with what it earns; told again, it is the one that was told first.

    Raises:
        Rejected: with everything that stands against it; then nothing was kept.
        Unavailable: others told the same all the time.
    """
    told = conversion_drafts.checked(draft, books.hide, books.clock())
    for _ in range(_ATTEMPTS):
        known = await books.conversions.by_identities(books.workspace_id, told.identities)
        if known is not None:
            return Outcome(conversion=known)
        trail = await trails.followed(told, books)
        recorded, warnings = await _recorded(told, trail, books)
        if await books.conversions.add(books.workspace_id, recorded):
            return Outcome(conversion=recorded.conversion, warnings=(*trail.warnings, *warnings))
    raise Unavailable("Other calls tell the same conversion; try again.")


async def _recorded(told: Told, trail: Trail, books: Books) -> tuple[Recorded, list[UserError]]:
    """What is kept of a conversion, and what its caller should know."""
    conversion = _conversion(told, trail, books)
    rows = credit_rows.of(conversion, trail.clicks, trail.links)
    window_days = books.workspace.attribution_window_days
    bare = Recorded(conversion=conversion, rows=rows, window_days=window_days)
    referral, referrer = trail.referral, trail.referrer
    if referral is None or referrer is None:
        return bare, []
    found = await books.promotions.by_ids(books.workspace_id, [referral.promotion_id])
    promotion = found[referral.promotion_id]  # promotions are never deleted
    if conversion.event != promotion.qualifying_event or not promotion.running(conversion.at):
        return bare, []
    referee, seen, warnings = await _referee(told, promotion, referral.reward_receiver, books)
    rewards = earnings.earned(
        conversion,
        promotion,
        referral,
        referee=referee,
        suspicion=await _suspicion(conversion, told, referrer, books),
        ids=books.ids,
    )
    made = Recorded(
        conversion=conversion,
        rows=rows,
        window_days=window_days,
        rewards=rewards,
        limit=promotion.max_rewards_per_referrer,
        referee=None if seen or not any(each.role is RewardRole.REFEREE for each in rewards) else referee,
    )
    return made, warnings


def _conversion(told: Told, trail: Trail, books: Books) -> Conversion:
    workspace, now, referral = books.workspace, books.clock(), trail.referral
    last = trail.clicks.get(trail.named[-1].click_id) if trail.named else None
    link_id = trail.named[-1].link_id if trail.named else None
    return Conversion(
        id=books.ids.new("cnv"),
        workspace_id=workspace.id,
        event=told.event,
        order_id=told.order_id,
        identities=told.identities,
        amount=told.amount,
        at=told.at,
        received_at=now,
        touches=trail.named,
        link_id=link_id or (None if referral is None else referral.link_id),
        referral_id=None if referral is None else referral.id,
        promotion_id=None if referral is None else referral.promotion_id,
        referrer_id=None if referral is None else referral.participant_id,
        customer_keys=told.customer_keys,
        visitor=b"" if last is None else last.visitor,
        hasty=suspicions.hasty(trail.named, told),
        properties=told.properties,
        credits=attributions.credited(
            workspace.attribution, trail.touches, told.at, workspace.attribution_window_days
        ),
        recount_at=now + PENDING if trail.pending else None,
    )


async def _suspicion(conversion: Conversion, told: Told, referrer: Participant, books: Books) -> str | None:
    since = conversion.received_at - suspicions.LOOKED_AT
    lately = await books.conversions.lately(books.workspace_id, referrer.id, since)
    person_key = None if told.email is None else books.hide(told.email.person)
    return suspicions.reason(conversion, told, person_key, referrer, lately)


async def _referee(
    told: Told, promotion: Promotion, receiver: RewardReceiver, books: Books
) -> tuple[Participant | None, bool, list[UserError]]:
    """Who gets the referee's reward, whether they are known already, and what the caller should know.

    Who is not known yet is kept without any consent: the reward is theirs, but nothing is sent to them.
    """
    if not earnings.of_receiver(receiver, RewardRole.REFEREE) or promotion.reward.referee is None:
        return None, False, []
    if told.email is None:
        message = "There is no reward for the referee: without an e-mail address nobody knows who it is."
        return None, False, [UserError(UserErrorCode.REQUIRED, message, ("email",))]
    key = books.hide(told.email.identity)
    known = await books.participants.by_email(books.workspace_id, key)
    if known is not None:
        return known, True, []
    return _joined(told.email, key, books), False, []


def _joined(email: emails.Email, key: bytes, books: Books) -> Participant:
    now = books.clock()
    return Participant(
        id=books.ids.new("ptc"),
        workspace_id=books.workspace_id,
        email=email.address,
        email_key=key,
        person_key=books.hide(email.person),
        created_at=now,
        updated_at=now,
    )
