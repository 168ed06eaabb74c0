"""Earnings: the rewards that a conversion makes, and what refunds make of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from domain import instants
from domain.conversions import Conversion, Refund
from domain.ids import Ids
from domain.money import Money
from domain.participants import Participant
from domain.promotions import Promotion, RewardReceiver
from domain.referrals import Referral
from domain.rewards import Reward, RewardRole, RewardState

OPEN: Final = frozenset({RewardState.PENDING, RewardState.HELD, RewardState.APPROVED})
"""States in which nothing was paid yet, and may still be."""
ORIGINAL: Final = "conversion"
"""The entry of a reward that is no claim."""
BEYOND: Final = "The promotion's limit of rewards for one referrer is reached."


def of_receiver(receiver: RewardReceiver, role: RewardRole) -> bool:
    """Whether a role is rewarded."""
    return receiver is RewardReceiver.BOTH or receiver.value == role.value


def earned(
    conversion: Conversion,
    promotion: Promotion,
    referral: Referral,
    *,
    referee: Participant | None,
    suspicion: str | None,
    ids: Ids,
) -> tuple[Reward, ...]:
    """The rewards of a new conversion by its promotion's rule; empty where it earns nothing.

    Args:
        referee: who gets the referee's reward; None: nobody is known.
        suspicion: why they are held; None: they wait for the end of the hold alone.
    """
    if conversion.event != promotion.qualifying_event or not promotion.running(conversion.at):
        return ()
    rule, receiver = promotion.reward, referral.reward_receiver
    made: list[tuple[RewardRole, str, Money | None]] = []
    if of_receiver(receiver, RewardRole.REFERRER):
        amount = rule.referrer or share(conversion, rule.referrer_basis_points)
        made.append((RewardRole.REFERRER, referral.participant_id, amount))
    if of_receiver(receiver, RewardRole.REFEREE) and referee is not None:
        made.append((RewardRole.REFEREE, referee.id, rule.referee))
    common: dict[str, Any] = {
        "workspace_id": conversion.workspace_id,
        "promotion_id": promotion.id,
        "referral_id": referral.id,
        "conversion_id": conversion.id,
        "state": RewardState.PENDING if suspicion is None else RewardState.HELD,
        "reason": suspicion,
        "due_at": conversion.at + timedelta(days=promotion.hold_days),
        "created_at": conversion.received_at,
        "updated_at": conversion.received_at,
    }
    percent = None if rule.referrer is not None else rule.referrer_basis_points
    at_ms = instants.milliseconds(conversion.received_at)
    return tuple(
        Reward(
            id=ids.at("rwd", at_ms),
            role=role,
            participant_id=participant_id,
            amount=amount,
            basis_points=percent if role is RewardRole.REFERRER else None,
            counted=role is RewardRole.REFERRER and promotion.max_rewards_per_referrer is not None,
            **common,
        )
        for role, participant_id, amount in made
        if amount is not None and amount.minor_units > 0
    )


def share(conversion: Conversion, basis_points: int | None) -> Money | None:
    """A share of what is left of a conversion's amount, rounded half up to the minor unit."""
    if basis_points is None or conversion.amount is None:
        return None
    minor_units = (conversion.net * basis_points * 2 + 10_000) // 20_000
    return Money(minor_units=minor_units, currency=conversion.amount.currency)


def beyond(reward: Reward) -> Reward:
    """The reward of a referrer who has as many as the promotion gives."""
    return msgspec.structs.replace(reward, state=RewardState.DECLINED, reason=BEYOND, counted=False)


def after_refund(
    rewards: Sequence[Reward], conversion: Conversion, refund: Refund, ids: Ids
) -> tuple[tuple[tuple[Reward, Reward], ...], tuple[Reward, ...]]:
    """What a refund makes of the rewards of a conversion: changed ones, and new ones that claim back.

    A refund of everything reverses what was not paid; one of a part makes shares of the amount smaller and
    leaves fixed rewards. What was paid stays as it is, with a negative entry beside it.

    Args:
        conversion: as it is with the refund.
    """
    changed: list[tuple[Reward, Reward]] = []
    made: list[Reward] = []
    for reward in rewards:
        if reward.entry != ORIGINAL:
            continue
        entitled = _entitled(reward, conversion)
        if reward.state in OPEN and entitled != reward.amount.minor_units:
            changed.append((reward, _lessened(reward, entitled, refund.at)))
        elif reward.state is RewardState.PAID:
            entries = [each for each in rewards if each.role is reward.role]
            claim = entitled - sum(each.amount.minor_units for each in entries)
            if claim < 0:
                made.append(_claim(reward, claim, refund, ids))
    return tuple(changed), tuple(made)


def _entitled(reward: Reward, conversion: Conversion) -> int:
    """What a reward comes to after refunds, minor units."""
    if conversion.undone:
        return 0
    if reward.basis_points is None:
        return reward.amount.minor_units
    left = share(conversion, reward.basis_points)
    return 0 if left is None else left.minor_units


def _lessened(reward: Reward, minor_units: int, at: datetime) -> Reward:
    if minor_units == 0:
        return msgspec.structs.replace(
            reward,
            state=RewardState.REVERSED,
            reason="The conversion was refunded.",
            counted=False,
            version=reward.version + 1,
            updated_at=at,
        )
    amount = Money(minor_units=minor_units, currency=reward.amount.currency)
    return msgspec.structs.replace(reward, amount=amount, version=reward.version + 1, updated_at=at)


def _claim(reward: Reward, minor_units: int, refund: Refund, ids: Ids) -> Reward:
    return msgspec.structs.replace(
        reward,
        id=ids.at("rwd", instants.milliseconds(refund.at)),
        entry=f"refund:{refund.refund_id}",
        amount=Money(minor_units=minor_units, currency=reward.amount.currency),
        counted=False,
        state=RewardState.APPROVED,
        reason="The conversion was refunded after the reward had been paid.",
        decided_by=None,
        payment_reference=None,
        version=1,
        created_at=refund.at,
        updated_at=refund.at,
    )
