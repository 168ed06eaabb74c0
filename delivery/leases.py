"""The worker's ledger slot: leased before its first transaction, renewed, and given back at the end."""

import asyncio
import logging
from typing import Final

from delivery.counts import Counts
from domain.errors import Unavailable
from domain.ledgers import Slots

RENEWAL_SECONDS: Final = 3.0
"""A lease lasts 10 s, so two renewals may fail before another worker can take the slot."""

_log = logging.getLogger(__name__)


class Lease:
    """Holds one slot under the name `owner`."""

    def __init__(self, slots: Slots, owner: str, counts: Counts) -> None:
        self._slots = slots
        self._owner = owner
        self._counts = counts
        self._slot: int | None = None

    async def slot(self) -> int:
        """The slot to commit with; leases one first where none is held. Raises errors.Unavailable."""
        if self._slot is None:
            self._slot = await self._slots.acquire(self._owner)
            _log.info("ledger slot %d is leased", self._slot)
        return self._slot

    async def keep(self) -> None:
        """Renew for ever. A slot that somebody else took is let go; the next commit leases another.

        Correctness never depends on the lease, for two workers on one slot conflict on its feed heads. So
        while MongoDB is away it is simply tried again.
        """
        while True:
            await asyncio.sleep(RENEWAL_SECONDS)  # the interval itself is the point
            if self._slot is None:
                continue
            try:
                held = await self._slots.renew(self._slot, self._owner)
            except Unavailable as error:
                _log.warning("the lease of ledger slot %d could not be renewed: %s", self._slot, error)
                continue
            if not held:
                self._counts.leases_lost += 1
                _log.warning("ledger slot %d was taken over by another worker", self._slot)
                self._slot = None

    async def release(self) -> None:
        """Give the slot back; where MongoDB is away it becomes free by itself."""
        if self._slot is None:
            return
        try:
            await self._slots.release(self._slot, self._owner)
        except Unavailable as error:
            _log.warning("ledger slot %d could not be given back: %s", self._slot, error)
        self._slot = None
