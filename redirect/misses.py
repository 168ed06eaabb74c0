"""How often a client may ask for slugs that do not exist: guessing is slow, and costs little."""

from typing import Final

MISSES_PER_MINUTE: Final = 1_000
CLIENTS: Final = 20_000
"""Clients remembered; the one that missed longest ago is forgotten first, which is in its favour."""


class Misses:
    """A bucket of MISSES_PER_MINUTE for each client, refilled evenly; times are monotonic seconds."""

    def __init__(self, *, per_minute: int = MISSES_PER_MINUTE, clients: int = CLIENTS) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60
        self._clients = clients
        self._buckets: dict[str, tuple[float, float]] = {}

    def spend(self, client: str, now: float) -> float:
        """Take one look-up from a client's bucket; returns 0, or in how many seconds there will be one.

        Args:
            client: its network, see visitors.network_of.
            now: the instant.
        """
        left, at = self._buckets.pop(client, (self._capacity, now))
        left = min(self._capacity, left + (now - at) * self._per_second)
        self._buckets[client] = (max(left - 1, 0.0) if left >= 1 else left, now)
        if len(self._buckets) > self._clients:
            del self._buckets[next(iter(self._buckets))]
        return 0.0 if left >= 1 else (1 - left) / self._per_second

    def give_back(self, client: str) -> None:
        """The look-up found a link: only misses count."""
        if client in self._buckets:
            left, at = self._buckets[client]
            self._buckets[client] = (min(left + 1, self._capacity), at)
