"""Live figures of links: one board for each viewed workspace, shared by all who watch it."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from domain.clicks import Click, LinkStats
from domain.errors import Unavailable
from domain.tallies import Snapshots, Tally
from subscriptions.hub import Hub

AGAIN_SECONDS: Final = 1.0
"""How long the figures wait to be read again while MongoDB is away."""

_log = logging.getLogger(__name__)


class _Watch:
    """One subscriber: which links it watches, and whether any of them changed."""

    def __init__(self, link_ids: Sequence[str]) -> None:
        self.link_ids = frozenset(link_ids)
        self.news = asyncio.Event()


class _Board:
    """The figures of one workspace, and who watches them."""

    def __init__(self, workspace_id: str, snapshots: Snapshots) -> None:
        self.room = asyncio.Event()
        self.room.set()
        self.watches: set[_Watch] = set()
        self.tally = Tally({})
        self._workspace_id = workspace_id
        self._snapshots = snapshots
        self._watched: Counter[str] = Counter()
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._deserted = asyncio.Event()
        self._reading = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def offer(self, slot: int, clicks: Sequence[Click]) -> None:
        """Hear the next clicks of a slot."""
        holes = self.tally.holes
        self._tell(self.tally.hear(slot, clicks))
        if self.tally.holes > holes:
            self._begin(self._read_again())

    def open(self, hub: Hub) -> None:
        """Listen until the last watch is gone."""
        self._begin(self._listen(hub))

    async def join(self, watch: _Watch) -> None:
        """Read what nobody watched before; raises Unavailable."""
        self.watches.add(watch)
        self._watched.update(watch.link_ids)
        await asyncio.shield(self._started)
        self.tally.watch(watch.link_ids)
        while not self.tally.unread.isdisjoint(watch.link_ids):
            await self._read()

    def leave(self, watch: _Watch) -> None:
        """Let go of what nobody watches any more."""
        self.watches.discard(watch)
        self._watched.subtract(watch.link_ids)
        unwatched = [link_id for link_id in watch.link_ids if not self._watched[link_id]]
        self.tally.forget(unwatched)
        for link_id in unwatched:
            del self._watched[link_id]
        if not self.watches:
            self._deserted.set()

    async def _listen(self, hub: Hub) -> None:
        try:
            async with hub.listening(self._workspace_id, self) as place:
                self.tally = Tally(place)
                self._started.set_result(None)
                await self._deserted.wait()
        except Exception as error:
            if self._started.done():
                raise
            self._started.set_exception(error)  # whoever waits gets it

    async def _read(self) -> None:
        """Read what is unread, for everybody who waits for it together."""
        async with self._reading:
            unread, holes = sorted(self.tally.unread), self.tally.holes
            if unread:
                figures, heads = await self._snapshots.at_heads(self._workspace_id, unread)
                self._tell(self.tally.read(figures, heads, holes))

    async def _read_again(self) -> None:
        """Make up for a hole in what was heard, however long it takes."""
        while self.tally.unread and self.watches:
            try:
                await self._read()
            except Unavailable as error:
                _log.warning("live figures cannot be read again yet: %s", error)
                await asyncio.sleep(AGAIN_SECONDS)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=f"figures of {self._workspace_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell(self, changed: set[str]) -> None:
        for watch in self.watches if changed else ():
            if not watch.link_ids.isdisjoint(changed):
                watch.news.set()


class Boards:
    """The boards of this process.

    Args:
        hub: tells every committed click of viewed workspaces.
        snapshots: where figures are read.
    """

    def __init__(self, hub: Hub, snapshots: Snapshots) -> None:
        self._hub = hub
        self._snapshots = snapshots
        self._boards: dict[str, _Board] = {}

    async def follow(
        self, workspace_id: str, link_ids: Sequence[str], every_seconds: float
    ) -> AsyncGenerator[tuple[LinkStats, ...], None]:
        """See domain.tallies.LiveStats."""
        watch = _Watch(link_ids)
        async with self._watching(workspace_id, watch) as tally:
            sent: dict[str, LinkStats] = {}
            due = time.monotonic()
            watch.news.set()
            while True:
                await watch.news.wait()
                await asyncio.sleep(max(0, due - time.monotonic()))  # the pace that was asked for
                watch.news.clear()
                now = [stats for each in link_ids if (stats := tally[each]) is not None]
                rows = tuple(stats for stats in now if stats != sent.get(stats.link_id))
                if rows:
                    sent.update((stats.link_id, stats) for stats in rows)
                    due = time.monotonic() + every_seconds
                    yield rows

    @asynccontextmanager
    async def _watching(self, workspace_id: str, watch: _Watch) -> AsyncIterator[Tally]:
        board = self._boards.get(workspace_id)
        if board is None:
            board = self._boards[workspace_id] = _Board(workspace_id, self._snapshots)
            board.open(self._hub)
        try:
            await board.join(watch)
            yield board.tally
        finally:
            board.leave(watch)
            if not board.watches:
                del self._boards[workspace_id]
