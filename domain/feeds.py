"""Live feeds of clicks and events: where they are read, who brings news of them, and what a reader gets."""

from collections.abc import AsyncGenerator, Callable, Collection, Hashable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec

from domain.cursors import Secret

ITEMS_PER_BATCH: Final = 50
"""The most that one frame of a feed holds."""
Heads = dict[int, int]
"""Of each slot, the seq of the last click or event."""


class Item(Protocol):
    """What a feed carries: a click or an event."""

    @property
    def id(self) -> str:
        """Begins with its instant."""

    @property
    def slot(self) -> int:
        """Who wrote it."""

    @property
    def seq(self) -> int:
        """From 1 without holes in the feed of (workspace, slot), in commit order."""

    @property
    def link_id(self) -> str | None:
        """The link that it is about."""

    @property
    def size_bytes(self) -> int:
        """What it takes in memory, at most."""


class Wanted(Hashable, Protocol):
    """Which items of a feed a reader wants."""

    @property
    def link_ids(self) -> frozenset[str] | None:
        """Of these links only; None: of any, or of none."""

    def matches(self, item: Any) -> bool:
        """Whether an item is wanted."""
        ...


class Committed(Protocol):
    """News of a feed: items of one slot in seq order."""

    @property
    def slot(self) -> int:
        """The slot."""

    @property
    def first(self) -> int:
        """Seq of the first one."""

    @property
    def last(self) -> int:
        """Seq of the last one; a reader that has not seen `first - 1` fills up from the database."""

    @property
    def items(self) -> Sequence[Any]:
        """The items."""


class GapReason(StrEnum):
    """Why something could not be delivered."""

    LAGGED = "LAGGED"
    HISTORY_EXPIRED = "HISTORY_EXPIRED"
    EPOCH_CHANGED = "EPOCH_CHANGED"


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader did not get: never a silent hole.

    Args:
        missed: how many items; None where nobody knows.
        resume_from: cursor to go on from; None: where this batch's cursor is.
    """

    reason: GapReason
    missed: int | None = None
    resume_from: str | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One frame of a feed: clicks or events in commit order of each slot, and the cursor behind them."""

    items: tuple[Any, ...] = ()
    cursor: str
    gap: Gap | None = None


class Feeds(Protocol):
    """What feeds read: what a majority has. Raises errors.Unavailable while MongoDB is away."""

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
    ) -> Sequence[Item]:
        """At most `limit` items of one slot behind `after` and up to `upto`, in seq order."""
        ...


class News(Protocol):
    """Brings news of watched workspaces; best effort."""

    async def watch(self, workspace_id: str) -> None:
        """Hear of it from now on."""
        ...

    async def unwatch(self, workspace_id: str) -> None:
        """Hear of it no more."""
        ...

    async def keep(self, hear: Callable[[str, Any], None]) -> None:
        """Listen for ever."""
        ...


class LiveFeed(Protocol):
    """The live feed of a workspace's clicks, or of its events."""

    def follow(self, workspace_id: str, wanted: Wanted, after: str | None) -> AsyncGenerator[Batch, None]:
        """Everything since the cursor `after`, then everything as it is committed. Close it after use.

        Raises:
            BadCursor: `after` is damaged or of another workspace.
            Lagged: the reader was too slow; the last batch said so.
            Unavailable: MongoDB did not answer.
        """
        ...

    def shared(self, workspace_id: str, wanted: Wanted, after: str | None) -> AsyncGenerator[Any, None]:
        """The same for a reader that may join others: where it has caught up the stream holds something that
        is no batch and tells whoever runs it how.
        """
        ...
