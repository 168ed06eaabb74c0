"""Buckets: how often somebody may do what costs us or helps guessing."""

from typing import Final

KEPT: Final = 20_000
"""Buckets remembered; the one used longest ago is forgotten first, which is in its owner's favour."""


class Buckets:
    """A bucket of so many attempts for each name, refilled evenly; times are monotonic seconds.

    Args:
        per_minute: attempts in a full bucket, and how many come back in a minute.
        kept: see KEPT.
    """

    def __init__(self, *, per_minute: int, kept: int = KEPT) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60
        self._kept = kept
        self._buckets: dict[str, tuple[float, float]] = {}

    def spend(self, name: str, now: float) -> float:
        """Take one attempt from a bucket; returns 0, or in how many seconds there will be one.

        Args:
            name: whose bucket it is.
            now: the instant.
        """
        left, at = self._buckets.pop(name, (self._capacity, now))
        left = min(self._capacity, left + (now - at) * self._per_second)
        self._buckets[name] = (max(left - 1, 0.0) if left >= 1 else left, now)
        if len(self._buckets) > self._kept:
            del self._buckets[next(iter(self._buckets))]
        return 0.0 if left >= 1 else (1 - left) / self._per_second

    def give_back(self, name: str) -> None:
        """The attempt was none of those that are to be limited."""
        if name in self._buckets:
            left, at = self._buckets[name]
            self._buckets[name] = (min(left + 1, self._capacity), at)
