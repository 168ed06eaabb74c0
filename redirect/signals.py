"""The signals of every workspace, at hand without asking anybody."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

from domain.errors import Unavailable
from domain.facts import Scalar
from domain.signals import Signals as Kept

RETRY_SECONDS: Final = 0.5
"""How often signals are read again while news of them are not heard, or the last reading failed."""
RENEWAL_SECONDS: Final = 30.0
"""How often while they are heard: a message that got lost costs no more than this."""

_log = logging.getLogger(__name__)


class SignalSource(Protocol):
    """Where signals are read."""

    async def all(self) -> Sequence[Kept]:
        """The signals of every workspace; raises errors.Unavailable."""
        ...

    async def by_workspace(self, workspace_id: str) -> Kept:
        """The signals of one; raises errors.Unavailable."""
        ...


class Signals:
    """Signals as this process knows them; while the database is away, as they were."""

    def __init__(self, source: SignalSource) -> None:
        self._source = source
        self._doubted: set[str] | None = None  # None: all of them
        self._heard = False
        self._stale = True
        self._wake = asyncio.Event()
        self.values: dict[str, dict[str, Scalar]] = {}
        """By workspace and name; rules read it."""

    def changed(self, workspace_id: str) -> None:
        """The signals of a workspace are others now."""
        if self._doubted is not None:
            self._doubted.add(workspace_id)
        self._wake.set()

    def listening(self) -> None:
        """News come in (again): some may have been missed before."""
        self._heard, self._doubted = True, None
        self._wake.set()

    def deaf(self) -> None:
        """News do not come in any more: read more often."""
        self._heard = False
        self._wake.set()

    async def keep(self) -> None:
        """Read what has changed until cancelled."""
        while True:
            try:
                async with asyncio.timeout(
                    RENEWAL_SECONDS if self._heard and not self._stale else RETRY_SECONDS
                ):
                    await self._wake.wait()
            except TimeoutError:
                self._doubted = None
            self._wake.clear()
            await self.attempt()

    async def attempt(self) -> None:
        """Read what is doubted, if the database answers; if not, what is known stays, and doubted."""
        doubted, self._doubted = self._doubted, set()
        try:
            if doubted is None:
                self.values |= {each.id: dict(each.values) for each in await self._source.all()}
            for workspace_id in doubted or ():
                self.values[workspace_id] = dict((await self._source.by_workspace(workspace_id)).values)
        except Unavailable:
            self._stale, self._doubted = True, None
            _log.warning("signals could not be read: the database is away")
        else:
            self._stale = False
