"""A circuit breaker: while a database is away one caller at a time asks it, the others know at once."""

from typing import Final

FIRST_SECONDS: Final = 0.25
LONGEST_SECONDS: Final = 2.0


class Breaker:
    """Opens at the first failure and closes at the first success; times are monotonic seconds."""

    def __init__(self) -> None:
        self._wait = 0.0
        self._until = 0.0

    @property
    def closed(self) -> bool:
        """Whether the database answered when it was last asked."""
        return self._wait == 0.0

    def admits(self, now: float) -> bool:
        """Whether this caller may ask; an open breaker admits one, who keeps out the others for a while."""
        if self.closed:
            return True
        if now < self._until:
            return False
        self._until = now + self._wait
        return True

    def failed(self, now: float) -> None:
        """The database did not answer: ask again after a pause that doubles up to LONGEST_SECONDS."""
        self._wait = min(max(self._wait * 2, FIRST_SECONDS), LONGEST_SECONDS)
        self._until = now + self._wait

    def answered(self) -> None:
        """The database answered: everybody may ask."""
        self._wait = 0.0
