"""A reward: what a participant earned by a conversion, on its way from pending to paid."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from domain.money import Money
from domain.paging import Page, Window


class RewardRole(StrEnum):
    """As what a participant earned it."""

    REFERRER = "REFERRER"
    REFEREE = "REFEREE"


class RewardState(StrEnum):
    """Where a reward is: PENDING until its hold ends, HELD until somebody has looked at it."""

    PENDING = "PENDING"
    HELD = "HELD"
    APPROVED = "APPROVED"
    PAID = "PAID"
    DECLINED = "DECLINED"
    REVERSED = "REVERSED"


class Reward(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a reward.

    Args:
        entry: what it is for: "conversion", or "refund:<refund id>" of a reward that had been paid; unique
            with conversion and role.
        amount: negative where something paid is claimed back.
        reason: why it is where it is, for people: why it is held, declined or reversed.
        due_at: when its hold ends.
        decided_by: id of the key that approved or declined it; None: nobody did.
        payment_reference: what markRewardsPaid named.
        version: counts the changes, from 1.
    """

    id: str
    workspace_id: str
    promotion_id: str
    referral_id: str
    participant_id: str
    role: RewardRole
    conversion_id: str
    entry: str = "conversion"
    amount: Money
    state: RewardState
    reason: str | None = None
    due_at: datetime
    decided_by: str | None = None
    payment_reference: str | None = None
    version: int = 1
    created_at: datetime
    updated_at: datetime


class Rewards(Protocol):
    """Where rewards are read. Each method raises errors.Unavailable while the database is away."""

    async def by_ids(self, workspace_id: str, reward_ids: Sequence[str]) -> dict[str, Reward]:
        """Those that exist, by id."""
        ...

    async def of_conversion(self, workspace_id: str, conversion_id: str) -> Sequence[Reward]:
        """Every reward that a conversion made."""
        ...

    async def page(self, workspace_id: str, state: RewardState | None, window: Window) -> Page[Reward]:
        """One stretch of the rewards, or of those in a state, newest first."""
        ...
