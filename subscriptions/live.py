"""Where a reader of a feed has caught up: from there it may lead a group of readers, or join one."""

from collections.abc import Callable
from typing import Any, Final, Protocol, Self

from domain.feeds import ITEMS_PER_BATCH, Batch
from subscriptions.hub import Counts
from subscriptions.readers import Reader

TOO_SLOW: Final = "The subscription is read too slowly; go on from the gap's resumeFrom."


class Part(Protocol):
    """What a stream yields for one frame."""

    @property
    def cursor(self) -> str:
        """Where the feed stands behind it."""

    @property
    def size(self) -> int:
        """How many clicks or events it holds."""


class Live:
    """Stands in a stream of batches where its reader has caught up with what is live.

    Readers of one feed that want the same are offered the same clicks in the same order, so they differ only
    in how many of them still wait: who takes as many more as another has taken already stands where that one
    stands, and from there on both get the same batches.

    Args:
        reader: whose stream it is.
        counts: of the hub.

    Attributes:
        leads: set by who reads the stream: it goes on with what is live.
        is_alone: set likewise: it lags when it is read too slowly. Without it, what was too much is read from
            the ledger.
        lacking: how many more clicks the leader had taken when the two did not meet.
    """

    def __init__(self, reader: Reader, counts: Counts) -> None:
        self.leads = False
        self.is_alone = False
        self.lacking = 0
        self.reader = reader
        self._counts = counts
        self._shown: Callable[[Batch], Any] = lambda batch: batch

    def shown_as(self, shown: Callable[[Batch], Any]) -> Self:
        """Make parts of batches with `shown`, as the stream does."""
        self._shown = shown
        return self

    def join(self, leader: "Live") -> list[Part] | None:
        """Go to where `leader` stands: what is lacking till there, or None where they cannot meet yet."""
        own, its = self.reader.live, leader.reader.live
        self.lacking = len(own) - len(its)
        if not 0 <= self.lacking <= ITEMS_PER_BATCH or not leader.reader.steady:
            return None
        if not its.goes_on() or not own.goes_on(behind=self.lacking):
            return None
        # Up to what waits for the leader, and not a number of new clicks: some may be known from the ledger.
        items = own.take(self.lacking, leave=len(its))
        return [self._shown(self.reader.batch(items))] if items else []

    def lagging(self, missed: int, cursor: str | None = None) -> Any:
        """The last part for who was too slow: how many clicks it missed, and the cursor to go on from."""
        self._counts.lagged += 1
        return self._shown(self.reader.lag(missed, cursor))
