"""The salts of today and tomorrow, at hand without asking anybody."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from domain import visitors
from domain.errors import Unavailable
from domain.visitors import Keyed, Salt, SaltStore

RENEWAL_SECONDS: Final = 600.0
RETRY_SECONDS: Final = 2.0
"""Pause while today's salt is not known: until then visits have no visitor hash."""

_log = logging.getLogger(__name__)


class Salts:
    """Salts by day; every process agrees on them a day ahead, so that midnight needs no database."""

    def __init__(
        self, store: SaltStore, now_ms: Callable[[], int], random_bytes: Callable[[int], bytes]
    ) -> None:
        self._store = store
        self._now_ms = now_ms
        self._random_bytes = random_bytes
        self._days: dict[int, Keyed] = {}

    def at(self, at_ms: int) -> Keyed | None:
        """The keyed hash of an instant's UTC day; None while its salt is not known."""
        return self._days.get(at_ms // visitors.DAY_MS)

    async def renew(self) -> None:
        """Agree on today's and tomorrow's salts and forget old ones, here and in the store.

        Raises:
            errors.Unavailable: the database does not answer.
        """
        today = visitors.day_of(self._now_ms())
        for day in (today, today + 1):
            if day not in self._days:
                proposed = Salt(id=visitors.name_of(day), secret=self._random_bytes(visitors.SALT_BYTES))
                self._days[day] = visitors.keyed((await self._store.agreed(proposed)).secret)
        oldest = today - visitors.KEPT_DAYS
        for day in [day for day in self._days if day < oldest]:
            del self._days[day]
        await self._store.forget(visitors.name_of(oldest))

    async def keep(self) -> None:
        """Renew until cancelled."""
        while True:
            known = self.at(self._now_ms()) is not None
            await asyncio.sleep(RENEWAL_SECONDS if known else RETRY_SECONDS)
            await self.attempt()

    async def attempt(self) -> None:
        """Renew if the database answers; if not, what is known stays."""
        try:
            await self.renew()
        except Unavailable:
            _log.warning("salts could not be renewed: the database is away")
