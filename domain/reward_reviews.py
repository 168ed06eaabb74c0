"""Reward reviews: people approve or decline what is held, and say what was paid."""

from collections.abc import Sequence
from typing import Final

import msgspec

from domain import conversion_drafts, fields, texts
from domain.errors import Rejected, UserError, UserErrorCode
from domain.instants import Clock
from domain.rewards import Reward, Rewards, RewardState

MOST: Final = 1_000
LONGEST_REASON: Final = 500
_ATTEMPTS: Final = 20
_OPEN: Final = frozenset({RewardState.PENDING, RewardState.HELD})


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody decides of a reward.

    Args:
        by: id of the key that decides.
    """

    approve: bool
    reason: str | None
    by: str


async def review(
    workspace_id: str, reward_id: str, verdict: Verdict, rewards: Rewards, clock: Clock
) -> Reward:
    """Approve or decline a reward; what is approved by hand does not wait for its hold.

    Raises:
        Rejected: NOT_FOUND; NOT_ALLOWED where it was paid or reversed; INVALID.
    """
    reason = _reason(verdict)
    state = RewardState.APPROVED if verdict.approve else RewardState.DECLINED
    for _ in range(_ATTEMPTS):
        old = (await rewards.by_ids(workspace_id, [reward_id])).get(reward_id)
        if old is None:
            raise fields.refused("id", "There is no such reward.", UserErrorCode.NOT_FOUND)
        if old.state is state:
            return old
        if old.state not in _OPEN and not (old.state is RewardState.APPROVED and old.entry == "conversion"):
            message = f"The reward is {old.state}; only one that is PENDING, HELD or APPROVED is decided on."
            raise fields.refused("id", message, UserErrorCode.NOT_ALLOWED)
        new = msgspec.structs.replace(
            old,
            state=state,
            reason=reason if reason is not None else old.reason,
            counted=old.counted and verdict.approve,
            decided_by=verdict.by,
            version=old.version + 1,
            updated_at=max(clock(), old.updated_at),
        )
        if await rewards.update_all(workspace_id, [(old, new)]):
            return new
    raise fields.refused("id", "Others are changing the same reward; try again.", UserErrorCode.STALE)


async def mark_paid(
    workspace_id: str, reward_ids: Sequence[str], reference: str, rewards: Rewards, clock: Clock
) -> list[Reward]:
    """Say that rewards were paid, all of them or none; those that were, with the same reference, stay.

    Args:
        reference: the payment, as the caller's books name it.

    Raises:
        Rejected: with every reward that cannot be paid.
    """
    named = conversion_drafts.required("reference", reference)
    fields.anonymous("reference", named, "Name the payment")
    wanted = list(dict.fromkeys(reward_ids))
    if not 1 <= len(wanted) <= MOST:
        message = f"There are {len(wanted):,} rewards; one call takes 1 to {MOST:,}."
        raise fields.refused("ids", message, UserErrorCode.LIMIT_EXCEEDED)
    for _ in range(_ATTEMPTS):
        found = await rewards.by_ids(workspace_id, wanted)
        changes = _paid(wanted, found, named, clock)
        if not changes or await rewards.update_all(workspace_id, changes):
            after = {new.id: new for _, new in changes}
            return [after.get(reward_id, found[reward_id]) for reward_id in wanted]
    raise fields.refused("ids", "Others are changing the same rewards; try again.", UserErrorCode.STALE)


def _paid(
    wanted: Sequence[str], found: dict[str, Reward], reference: str, clock: Clock
) -> list[tuple[Reward, Reward]]:
    errors: list[UserError] = []
    changes: list[tuple[Reward, Reward]] = []
    for place, reward_id in enumerate(wanted):
        old = found.get(reward_id)
        path = ("ids", str(place))
        if old is None:
            errors.append(UserError(UserErrorCode.NOT_FOUND, "There is no such reward.", path))
        elif old.state is RewardState.APPROVED:
            new = msgspec.structs.replace(
                old,
                state=RewardState.PAID,
                payment_reference=reference,
                version=old.version + 1,
                updated_at=max(clock(), old.updated_at),
            )
            changes.append((old, new))
        elif old.state is not RewardState.PAID or old.payment_reference != reference:
            message = f"The reward is {old.state}{_by(old)}; only one that is APPROVED can be paid."
            errors.append(UserError(UserErrorCode.NOT_ALLOWED, message, path))
    if errors:
        raise Rejected(*errors)
    return changes


def _by(reward: Reward) -> str:
    return "" if reward.payment_reference is None else f" by {reward.payment_reference!r}"


def _reason(verdict: Verdict) -> str | None:
    if verdict.reason is None:
        return None
    problem = texts.problem(verdict.reason, longest=LONGEST_REASON)
    if problem is not None:
        raise fields.refused("reason", f"The reason {problem}")
    return fields.anonymous("reason", verdict.reason, "Say why").strip() or None
