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
        basis_points: the share of the conversion's amount that it is; None: it is fixed.
        counted: it counts against the promotion's limit of rewards for one referrer.
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
    basis_points: int | None = None
    counted: bool = False
    state: RewardState
    reason: str | None = None
    due_at: datetime
    decided_by: str | None = None
    payment_reference: str | None = None
    version: int = 1
    created_at: datetime
    updated_at: datetime


class RewardFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which rewards are wanted; None is no condition."""

    state: RewardState | None = None
    participant_id: str | None = None


class Rewards(Protocol):
    """Where rewards are kept. Each method raises errors.Unavailable while the database is away."""

    async def by_ids(self, workspace_id: str, reward_ids: Sequence[str]) -> dict[str, Reward]:
        """Those that exist, by id."""
        ...

    async def of_conversions(
        self, workspace_id: str, conversion_ids: Sequence[str]
    ) -> dict[str, list[Reward]]:
        """Every reward that conversions made, by the conversion's id, in the order they were made."""
        ...

    async def page(self, workspace_id: str, wanted: RewardFilter, window: Window) -> Page[Reward]:
        """One stretch of the wanted rewards, newest first."""
        ...

    async def count(self, workspace_id: str, wanted: RewardFilter, *, limit: int) -> int:
        """How many rewards are wanted; counts no further than `limit`."""
        ...

    async def update_all(self, workspace_id: str, changes: Sequence[tuple[Reward, Reward]]) -> bool:
        """Replace rewards, all or none; False: one is not what was seen any more."""
        ...
