"""Attribution ids on their way out: the key that signs them, at hand without asking anybody."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import msgspec

from domain import aids, ids
from domain.aids import Aid
from domain.errors import Unavailable
from domain.routes import Route
from domain.secrets import AIDS, Secrets
from domain.visits import VisitRecord
from redirect.counts import Counts

RETRY_SECONDS: Final = 2.0
NOISE_BYTES: Final = 10

_log = logging.getLogger(__name__)


class Aids:
    """Tells destinations which click led there, on links that ask for it.

    Args:
        secrets: where the key is agreed on.
        random_bytes: a cryptographic source: ids of clicks are not to be guessed.
        counts: see Counts.
    """

    def __init__(self, secrets: Secrets, random_bytes: Callable[[int], bytes], counts: Counts) -> None:
        self._secrets = secrets
        self._random_bytes = random_bytes
        self._counts = counts
        self._key: bytes | None = None

    def told(self, record: VisitRecord, route: Route, query: str) -> tuple[VisitRecord, str]:
        """A visit that was sent somewhere, with the id that its click will have, and where that id is told.

        The record keeps the destination as it was without the AID, so that figures and lists stay short.

        Args:
            record: of the visit.
            route: that it took.
            query: of the visit; it may name the channel by which the link was passed on.
        """
        destination, channel = record.destination or "", aids.via(query)
        if channel is not None:
            record = msgspec.structs.replace(record, utm=(channel, *record.utm[1:]))
        if self._key is None or route.aid_parameter is None:
            self._counts.aids_missing += 1
            return record, destination
        noise = self._random_bytes(NOISE_BYTES)
        aid = Aid(ids.of("clk", record.at_ms, noise), route.link_id)
        marked = aids.added_to(destination, route.aid_parameter, aids.written(self._key, aid))
        return msgspec.structs.replace(record, noise=noise), marked

    async def attempt(self) -> None:
        """Learn the key if the database answers; until then visits are answered without an AID."""
        try:
            self._key = await self._secrets.agreed(AIDS)
        except Unavailable:
            _log.warning("attribution ids have no key yet: the database is away")

    async def keep(self) -> None:
        """Attempt until the key is known."""
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            if self._key is None:
                await self.attempt()
