"""Settlements: rewards whose hold has ended are approved, and conversions counted again that have to be."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import msgspec

from domain import recounts
from domain.books import Books
from domain.conversions import Conversion
from domain.errors import Unavailable
from domain.rewards import Reward, RewardState

LOOK_SECONDS: Final = 1.0
AGAIN_SECONDS: Final = 5.0
"""How long it waits while MongoDB is away."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """Totals since the process started.

    Args:
        rewards_approved: rewards whose hold has ended.
        conversions_recounted: conversions whose credits were worked out again.
    """

    rewards_approved: int = 0
    conversions_recounted: int = 0


class DueRewards(Protocol):
    """Rewards of every workspace; raises errors.Unavailable."""

    async def due(self, now: datetime) -> Sequence[Reward]:
        """Some of those whose hold has ended."""
        ...

    async def update_all(self, workspace_id: str, changes: Sequence[tuple[Reward, Reward]]) -> bool:
        """Replace rewards, all or none; False: one is not what was seen any more."""
        ...


class DueConversions(Protocol):
    """Conversions of every workspace; raises errors.Unavailable."""

    async def due(self, now: datetime) -> Sequence[Conversion]:
        """Some of those that are to be counted again."""
        ...


class Settlements:
    """Looks every second. Several may work at once: what one has changed the others do not see as due.

    Args:
        rewards: see DueRewards.
        conversions: see DueConversions.
        books: those of a workspace; None: it is gone.
        clock: the time.
        counts: what happened so far.
    """

    def __init__(
        self,
        rewards: DueRewards,
        conversions: DueConversions,
        books: Callable[[str], Awaitable[Books | None]],
        clock: Callable[[], datetime],
        counts: Counts,
    ) -> None:
        self._rewards = rewards
        self._conversions = conversions
        self._books = books
        self._clock = clock
        self._counts = counts

    async def keep(self) -> None:
        """Settle for ever."""
        while True:
            try:
                if not await self.once():
                    await asyncio.sleep(LOOK_SECONDS)  # the interval itself is the point
            except Unavailable as error:
                _log.warning("rewards and credits wait until MongoDB is back: %s", error)
                await asyncio.sleep(AGAIN_SECONDS)

    async def once(self) -> bool:
        """Settle some of what is due; False: nothing changed. Raises errors.Unavailable."""
        approved = await self._approve()
        recounted = await self._recount()
        self._counts.rewards_approved += approved
        self._counts.conversions_recounted += recounted
        return approved + recounted > 0

    async def _approve(self) -> int:
        """Approve what is due; what changes meanwhile is looked at again."""
        now = self._clock()
        changes: dict[str, list[tuple[Reward, Reward]]] = {}
        for reward in await self._rewards.due(now):
            changes.setdefault(reward.workspace_id, []).append((reward, _approved(reward, now)))
        return sum([await self._changed(workspace_id, each) for workspace_id, each in changes.items()])

    async def _changed(self, workspace_id: str, changes: Sequence[tuple[Reward, Reward]]) -> int:
        """All of a workspace at once; where one of them is not what was seen any more, each for itself."""
        if await self._rewards.update_all(workspace_id, changes):
            return len(changes)
        return sum([await self._rewards.update_all(workspace_id, [each]) for each in changes])

    async def _recount(self) -> int:
        recounted, opened = 0, dict[str, Books | None]()
        for conversion in await self._conversions.due(self._clock()):
            if conversion.workspace_id not in opened:
                opened[conversion.workspace_id] = await self._books(conversion.workspace_id)
            books = opened[conversion.workspace_id]
            if books is not None:
                revised = await recounts.recounted(conversion, books)
                recounted += await books.conversions.revise(conversion.workspace_id, revised)
        return recounted


def _approved(reward: Reward, now: datetime) -> Reward:
    return msgspec.structs.replace(
        reward,
        state=RewardState.APPROVED,
        version=reward.version + 1,
        updated_at=max(now, reward.updated_at),
    )
