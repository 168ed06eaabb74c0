"""A referral: a participant's own link in a promotion, with a code for where there are no links."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from domain.paging import Page, Window
from domain.promotions import RewardReceiver


class Referral(msgspec.Struct, frozen=True, kw_only=True):
    """One referral; the same promotion, person, target and product make the same one.

    Args:
        identity: what makes it the same, see `identity`; unique in the workspace; drawn by lot once its
            participant is erased, or the address would find it again.
        participant_id: whose it is.
        link_id: the short link that was made for it.
        reward_receiver: who is rewarded, within what the promotion's rule gives.
        code: typed in at a till instead of following the link; unique in the workspace.
        called_by: id of the key that asked for it.
        on_behalf_of: the agent or system that asked through that key, as it named itself.
        withheld: its link was paused because the participant withdrew the consent.
    """

    id: str
    workspace_id: str
    identity: bytes
    promotion_id: str
    participant_id: str
    link_id: str
    target_url: str
    product_id: str | None = None
    reward_receiver: RewardReceiver
    code: str
    called_by: str
    on_behalf_of: str | None = None
    withheld: bool = False
    created_at: datetime


class Referrals(Protocol):
    """Where referrals are read. Each method raises errors.Unavailable while the database is away."""

    async def by_ids(self, workspace_id: str, referral_ids: Sequence[str]) -> dict[str, Referral]:
        """Those that exist, by id."""
        ...

    async def by_links(self, workspace_id: str, link_ids: Sequence[str]) -> dict[str, Referral]:
        """Those that were made for some links, by the link's id."""
        ...

    async def by_code(self, workspace_id: str, code: str) -> Referral | None:
        """The referral of a code, or None."""
        ...

    async def of_participant(self, workspace_id: str, participant_id: str, window: Window) -> Page[Referral]:
        """One stretch of a participant's referrals, newest first."""
        ...

    async def count(self, workspace_id: str, participant_id: str, *, limit: int) -> int:
        """How many a participant has; counts no further than `limit`."""
        ...


def identity(promotion_id: str, email_key: bytes, target_url: str, product_id: str | None) -> bytes:
    """What makes two calls ask for the same referral: 16 bytes (BLAKE2b, RFC 7693)."""
    named = "\0".join((promotion_id, email_key.hex(), target_url, product_id or ""))
    return hashlib.blake2b(named.encode(), digest_size=16).digest()
