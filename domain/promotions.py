"""A promotion: what people are rewarded for when they bring others, and by which rules."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from domain.money import Money
from domain.paging import Page, Window


class PromotionStatus(StrEnum):
    """Whether a promotion takes part in anything at the moment."""

    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    ENDED = "ENDED"


class RewardReceiver(StrEnum):
    """Who is rewarded for a conversion."""

    REFERRER = "REFERRER"
    REFEREE = "REFEREE"
    BOTH = "BOTH"


class RewardRule(msgspec.Struct, frozen=True, kw_only=True):
    """What a conversion earns.

    Args:
        receiver: who gets a reward, unless a referral says otherwise within this.
        referrer: a fixed amount; else:
        referrer_basis_points: a share of the conversion's amount, in hundredths of a percent.
        referee: a fixed amount.
    """

    receiver: RewardReceiver
    referrer: Money | None = None
    referrer_basis_points: int | None = None
    referee: Money | None = None


class MailTexts(msgspec.Struct, frozen=True):
    """A mail in one language; each text is Liquid, see domain/mails.py for its variables."""

    subject: str
    text: str
    html: str | None = None


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a promotion.

    Args:
        uid: its name in calls, unique in the workspace; never changes.
        target_url: where referral links lead that name nothing else.
        allowed_hosts: hosts that a call may name instead, the target's own among them.
        qualifying_event: the event of conversions that earn something, such as "purchase".
        hold_days: days between a conversion and the approval of its rewards.
        max_rewards_per_referrer: how many rewards one participant may earn; None: any number.
        aid_parameter: query parameter of the destination that carries the attribution id.
        mail_from: sender of its mails; None: the installation's.
        mails: by language (BCP 47); the first one where none fits; empty: no mail is sent.
        starts_at: from when on it counts; None: at once.
        ends_at: until when; None: for good.
        version: counts the changes, from 1.
    """

    id: str
    workspace_id: str
    uid: str
    name: str
    status: PromotionStatus = PromotionStatus.ACTIVE
    target_url: str
    allowed_hosts: tuple[str, ...] = ()
    reward: RewardRule
    qualifying_event: str = "purchase"
    hold_days: int = 14
    max_rewards_per_referrer: int | None = None
    aid_parameter: str = "aid"
    mail_from: str | None = None
    mails: Mapping[str, MailTexts] = {}
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    version: int = 1
    created_at: datetime
    updated_at: datetime

    def running(self, at: datetime) -> bool:
        """Whether links are given out and conversions judged at `at`."""
        return (
            self.status is PromotionStatus.ACTIVE
            and (self.starts_at is None or at >= self.starts_at)
            and (self.ends_at is None or at < self.ends_at)
        )


class Conflict(StrEnum):
    """Why a store could not keep a promotion."""

    UID = "uid"
    STALE = "version"


class Promotions(Protocol):
    """Where promotions are kept. Each method raises errors.Unavailable while the database is away."""

    async def add(self, workspace_id: str, promotion: Promotion) -> Conflict | None:
        """Keep a new promotion; None when it is done."""
        ...

    async def by_ids(self, workspace_id: str, promotion_ids: Sequence[str]) -> dict[str, Promotion]:
        """Those that exist, by id."""
        ...

    async def by_uid(self, workspace_id: str, uid: str) -> Promotion | None:
        """The promotion of a UID, or None."""
        ...

    async def page(self, workspace_id: str, window: Window) -> Page[Promotion]:
        """One stretch of the promotions, newest first."""
        ...

    async def count(self, workspace_id: str, *, limit: int) -> int:
        """How many promotions there are; counts no further than `limit`."""
        ...

    async def update(self, workspace_id: str, old: Promotion, new: Promotion) -> Conflict | None:
        """Replace `old` by `new`, if it is still what is kept; None when it is done."""
        ...
