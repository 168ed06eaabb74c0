"""How much a key may spend: points of its budget, and this process's time for reading new documents."""

import logging
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from redis.exceptions import RedisError

from domain.access import Viewer
from domain.errors import QueryTooComplex, RateLimited
from storage.budgets import Taken

RETRY_REDIS_SECONDS: Final = 1.0
"""How long a failing Redis is left alone: calls must not wait for it one by one."""
ROOM: Final = 10_000
READING_SECONDS: Final = 2.0
"""How long one key may keep a process reading new documents, before it must wait."""
READING_SHARE: Final = 0.2
"""Seconds of that which come back each second."""

_log = logging.getLogger(__name__)


class Buckets(Protocol):
    """Where budgets are kept for all processes together."""

    async def take(self, workspace_id: str, key_id: str, points: float, owed: float) -> Taken: ...


@dataclass(slots=True)
class Counts:
    """What the metrics export."""

    rate_limited: int = 0
    budget_fallbacks: int = 0


@dataclass(frozen=True, slots=True)
class Bill:
    """What an operation was asked to pay, and what its key has left."""

    viewer: Viewer | None
    requested: int
    available: float


class Budget:
    """Charges operations to keys.

    Args:
        buckets: the shared buckets.
        capacity: points a key may spend at once, and the most that one operation may ask for.
        restore_per_second: points that come back each second.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        buckets: Buckets,
        *,
        capacity: int,
        restore_per_second: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.capacity = capacity
        self.restore_per_second = restore_per_second
        self.counts = Counts()
        self._buckets = buckets
        self._clock = clock
        self._owed: defaultdict[str, float] = defaultdict(float)
        self._local: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._away_until = 0.0

    async def charge(self, viewer: Viewer | None, requested: int) -> Bill:
        """Take the points of an operation before it runs; questions about the schema without a key are free.

        Raises:
            QueryTooComplex: no key could ever pay for it.
            RateLimited: the key's budget is used up; the error says when it will do.
        """
        if requested > self.capacity:
            raise QueryTooComplex(
                f"The operation breaks the limit on cost: {requested} points, {self.capacity} allowed."
                " Ask for smaller pages."
            )
        if viewer is None:
            return Bill(None, requested, float(self.capacity))
        taken = await self._take(viewer, requested)
        if not taken.allowed:
            self.counts.rate_limited += 1
            wait = (requested - taken.available) / self.restore_per_second
            raise RateLimited(
                f"The operation costs {requested} points and {int(taken.available)} are left:"
                f" try again in {wait:.1f} s.",
                retry_after_seconds=wait,
            )
        return Bill(viewer, requested, taken.available)

    def settle(self, bill: Bill, actual: int) -> dict[str, Any]:
        """Give back what an operation did not use, and say what it cost: `extensions.cost`."""
        actual = min(actual, bill.requested)
        unused = bill.requested - actual
        if bill.viewer is not None and unused:
            self._owed[bill.viewer.key_id] += unused
        return {
            "requested": bill.requested,
            "actual": actual,
            "available": min(self.capacity, int(bill.available) + unused),
            "restorePerSecond": self.restore_per_second,
        }

    async def _take(self, viewer: Viewer, points: int) -> Taken:
        owed = self._owed.pop(viewer.key_id, 0.0)
        if self._clock() >= self._away_until:
            try:
                return await self._buckets.take(viewer.workspace_id, viewer.key_id, points, owed)
            except RedisError as error:
                # Limits hold in each process until Redis answers again; it is asked once a second.
                self._away_until = self._clock() + RETRY_REDIS_SECONDS
                _log.warning("budgets are kept in this process: Redis does not answer: %s", error)
        self.counts.budget_fallbacks += 1
        return self._take_here(viewer.key_id, points, owed)

    def _take_here(self, key_id: str, points: int, owed: float) -> Taken:
        now = self._clock()
        left, at = self._local.pop(key_id, (float(self.capacity), now))
        left = min(float(self.capacity), left + owed + (now - at) * self.restore_per_second)
        allowed = left >= points
        left -= points if allowed else 0
        self._local[key_id] = (left, now)
        while len(self._local) > ROOM:
            self._local.popitem(last=False)
        return Taken(allowed, left)


class Reading:
    """Shares out the time that documents take which this process has not seen: parsing and validating is work
    before any price is known, so whoever sends new texts without end would have it for nothing.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._used: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @contextmanager
    def by(self, viewer: Viewer | None) -> Iterator[None]:
        """Around the reading of one document; all who have no key share one account.

        Raises:
            RateLimited: the key has used up its time for now; nothing is read.
        """
        reader = "" if viewer is None else viewer.key_id
        began = self._clock()
        used, at = self._used.pop(reader, (0.0, began))
        used = max(0.0, used - (began - at) * READING_SHARE)
        self._used[reader] = (used, began)
        while len(self._used) > ROOM:
            self._used.popitem(last=False)
        if used >= READING_SECONDS:
            raise RateLimited(
                "Too many different documents: keep their texts the same and send values as variables.",
                retry_after_seconds=(used - READING_SECONDS) / READING_SHARE + 1,
            )
        try:
            yield
        finally:
            ended = self._clock()
            self._used[reader] = (used + ended - began, ended)
