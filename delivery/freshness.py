"""How fresh the ledger is: journals read to their end say when, so that idle ones hold up nothing."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from domain.ledgers import Ledger

TOLD_SECONDS: Final = 1.0
"""How often it is written down; figures are said to be that much older than they are, at most."""


class Freshness:
    """Collects which journals were read to their end, and writes it down once a second.

    Args:
        ledger: where it is written.
        clock: the wall clock, of the same host as the journals' redirect processes.
    """

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._whole: dict[str, datetime] = {}
        self._told_at = float("-inf")

    def now(self) -> datetime:
        """What to say of a journal that is looked at after this call, if it holds nothing new then."""
        return self._clock()

    def whole(self, journal_id: str, until: datetime) -> None:
        """Every click of this journal that was answered before `until` is in the ledger."""
        self._whole[journal_id] = until

    async def tell(self) -> None:
        """Write down what was collected, if it is time. Raises errors.Unavailable."""
        if not self._whole or time.monotonic() - self._told_at < TOLD_SECONDS:
            return
        self._told_at = time.monotonic()
        until = min(self._whole.values())
        names, self._whole = list(self._whole), {}
        await self._ledger.whole(names, until)
