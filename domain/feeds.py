"""Live feeds of clicks: where they are read from, who brings news of them, and what a reader gets."""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec

from domain.click_filters import ClickFilter
from domain.clicks import Click, ClicksCommitted
from domain.cursors import Secret

CLICKS_PER_BATCH: Final = 50
"""The most that one frame of a feed holds."""
Heads = dict[int, int]
"""Of each ledger slot, the seq of the last click."""


class GapReason(StrEnum):
    """Why clicks could not be delivered."""

    LAGGED = "LAGGED"
    HISTORY_EXPIRED = "HISTORY_EXPIRED"
    EPOCH_CHANGED = "EPOCH_CHANGED"


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader did not get: never a silent hole.

    Args:
        missed: how many clicks; None where nobody knows.
        resume_from: cursor to go on from; None: where this batch's cursor is.
    """

    reason: GapReason
    missed: int | None = None
    resume_from: str | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One frame of a feed: clicks in commit order of each slot, and the cursor behind them."""

    clicks: tuple[Click, ...] = ()
    cursor: str
    gap: Gap | None = None


class Feeds(Protocol):
    """The ledger as feeds read it: what a majority has. Raises errors.Unavailable while MongoDB is away."""

    async def secret(self) -> Secret:
        """What signs cursors."""
        ...

    async def heads(self, workspace_id: str) -> Heads:
        """Where the workspace's feeds are."""
        ...

    async def heads_of_all(self, workspace_ids: Collection[str]) -> Mapping[str, Heads]:
        """Where the feeds of several workspaces are; one round trip."""
        ...

    async def oldest(self, workspace_id: str, slot: int, after: int) -> int | None:
        """The first seq behind `after` that is still kept."""
        ...

    async def stretch(
        self, workspace_id: str, slot: int, *, after: int, upto: int, limit: int
    ) -> list[Click]:
        """At most `limit` clicks of one slot behind `after` and up to `upto`, in seq order."""
        ...


class News(Protocol):
    """Brings ClicksCommitted of watched workspaces; best effort."""

    async def watch(self, workspace_id: str) -> None:
        """Hear of it from now on."""
        ...

    async def unwatch(self, workspace_id: str) -> None:
        """Hear of it no more."""
        ...

    async def keep(self, hear: Callable[[str, ClicksCommitted], None]) -> None:
        """Listen for ever."""
        ...


class ClickFeed(Protocol):
    """The live feed of a workspace's clicks."""

    def follow(
        self, workspace_id: str, wanted: ClickFilter, after: str | None
    ) -> AsyncGenerator[Batch, None]:
        """Everything since the cursor `after`, then every click as it is committed. Close it after use.

        Raises:
            BadCursor: `after` is damaged or of another workspace.
            Lagged: the reader was too slow; the last batch said so.
            Unavailable: MongoDB did not answer.
        """
        ...

    def shared(self, workspace_id: str, wanted: ClickFilter, after: str | None) -> AsyncGenerator[Any, None]:
        """The same for a reader that may join others: where it has caught up the stream holds something that
        is no batch and tells whoever runs it how.
        """
        ...
