"""One execution for identical operations: each frame is made once and handed to all members of a group."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import aclosing
from typing import Any, Final, NamedTuple

from domain.errors import Lagged
from subscriptions.live import TOO_SLOW, Live, Part

WAITING_BYTES: Final = 512 * 1024
"""What may wait for a member, with the frame on its way below 1 MiB; members share the frames that wait."""
_HANDED_AT_ONCE: Final = 100
"""Members that get their frame before the process does something else again: about a millisecond."""
_RECANCEL_SECONDS: Final = 0.1

Show = Callable[[Any], Awaitable[bytes]]
"""Makes the frame of a part."""
Push = Callable[[bytes], bool]
"""Sends a frame now, if that needs no wait."""
Source = AsyncGenerator[Any, None]


class Frame(NamedTuple):
    """What is sent for one part."""

    body: bytes
    cursor: str
    size: int


class Member:
    """One subscriber of a group: pushes frames out, and keeps those that have to wait, within bounds.

    Args:
        push: sends a frame at once or says that it cannot.
        cursor: where the subscriber stands behind what it has got.
    """

    def __init__(self, push: Push, cursor: str) -> None:
        self.missed = 0
        self.cursor = cursor
        self._push = push
        self._waiting: deque[Frame] = deque()
        self._waiting_bytes = 0
        self._may_push = False
        self._news = asyncio.Event()
        self._has_ended = False
        self._failure: Exception | None = None

    def put(self, frame: Frame) -> None:
        """Take the next frame of the group."""
        if self._may_push and self._push(frame.body):
            self.cursor = frame.cursor
            return
        self._may_push = False
        self._news.set()
        if self.missed or (self._waiting and self._waiting_bytes + len(frame.body) > WAITING_BYTES):
            self.missed += frame.size + sum(each.size for each in self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
        else:
            self._waiting.append(frame)
            self._waiting_bytes += len(frame.body)

    def end(self, failure: Exception | None) -> None:
        """Say that no more comes, behind what waits."""
        self._has_ended, self._failure = True, failure
        self._may_push = False
        self._news.set()

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """What could not be pushed; ends when too much was missed, or as the group did."""
        while True:
            while self._waiting:
                frame = self._waiting.popleft()
                self._waiting_bytes -= len(frame.body)
                self.cursor = frame.cursor
                yield frame.body
            if self._failure is not None:
                raise self._failure
            if self.missed or self._has_ended:
                return
            self._news.clear()
            self._may_push = True
            await self._news.wait()
            self._may_push = False


class Group:
    """The members of one operation, and the stream that serves them all.

    Args:
        live: where the stream stood when the group was made of it.
        source: the stream itself; the group closes it.
        show: makes frames.
        over: called when nobody can enter any more.
    """

    def __init__(self, live: Live, source: Source, show: Show, over: Callable[["Group"], None]) -> None:
        self.live = live
        self._members: dict[Member, None] = {}
        self._source = source
        self._show = show
        self._over = over
        live.leads = True
        self._work = asyncio.create_task(self._run(), name="a group of subscribers")

    def enter(self, member: Member) -> None:
        """Hand the frames from now on to `member` too."""
        self._members[member] = None

    async def leave(self, member: Member) -> None:
        """Hand it no more; with the last one the stream is closed."""
        self._members.pop(member, None)
        if self._members:
            return
        self._over(self)
        while not self._work.done():
            self._work.cancel()  # again and again: a driver may drop it, see app.tasks.end
            await asyncio.wait([self._work], timeout=_RECANCEL_SECONDS)

    async def _run(self) -> None:
        failure = None
        try:
            async with aclosing(self._source) as parts:
                async for part in parts:
                    # Whoever enters from here on has met the stream behind this part.
                    members = tuple(self._members)
                    await self._hand(Frame(await self._show(part), part.cursor, part.size), members)
        except Exception as error:  # noqa: BLE001 - the rim: each member ends with it and tells its client
            failure = error
        self._over(self)
        for member in self._members:
            member.end(failure)

    async def _hand(self, frame: Frame, members: tuple[Member, ...]) -> None:
        for start in range(0, len(members), _HANDED_AT_ONCE):
            if start:
                await asyncio.sleep(0)
            for member in members[start : start + _HANDED_AT_ONCE]:
                if member in self._members:
                    member.put(frame)


class _Meeting(NamedTuple):
    """How a subscriber came into a group."""

    group: Group
    member: Member
    live: Live
    lacking: list[Part]


class Groups:
    """The groups of this process, by what makes operations identical."""

    def __init__(self) -> None:
        self._groups: dict[Hashable, Group] = {}

    async def frames(
        self, source: Source, show: Show, key: Hashable, push: Push
    ) -> AsyncGenerator[bytes, None]:
        """The frames of one subscription that could not be pushed: its own until it has caught up, then those
        of its group.

        Args:
            source: its stream, closed at the end; `Live` stands in it where it may be shared.
            show: makes its frames.
            key: the same for operations that get the same frames of the same parts; None: for no other.
            push: see Push.

        Raises:
            Lagged: it was read too slowly; the last frame said so.
        """
        cursor, meeting = "", None
        try:
            async for part in source:
                if not isinstance(part, Live):
                    cursor = getattr(part, "cursor", "")
                    yield await show(part)
                elif key is None:
                    part.leads = part.is_alone = True
                elif (meeting := self._meet(key, part, source, show, Member(push, cursor))) is not None:
                    break
            if meeting is not None:
                if meeting.group.live is not meeting.live:
                    await source.aclose()
                async with aclosing(_as_member(meeting, show)) as frames:
                    async for frame in frames:
                        yield frame
        finally:
            if meeting is not None:
                await meeting.group.leave(meeting.member)
            if meeting is None or meeting.group.live is not meeting.live:
                await source.aclose()

    def _meet(self, key: Hashable, live: Live, source: Source, show: Show, member: Member) -> _Meeting | None:
        """Into the group of `key`, or a new one of this stream; without a wait: nothing comes between."""
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(live, source, show, lambda ended: self._forget(key, ended))
            lacking: list[Part] | None = []
        else:
            lacking = live.join(group.live)
        if lacking is None:
            return None
        group.enter(member)
        return _Meeting(group, member, live, lacking)

    def _forget(self, key: Hashable, group: Group) -> None:
        if self._groups.get(key) is group:
            del self._groups[key]


async def _as_member(meeting: _Meeting, show: Show) -> AsyncGenerator[bytes, None]:
    member = meeting.member
    for part in meeting.lacking:
        member.cursor = part.cursor
        yield await show(part)
    async with aclosing(member.frames()) as frames:
        async for frame in frames:
            yield frame
    if member.missed:
        yield await show(meeting.live.lagging(member.missed, member.cursor))
        raise Lagged(TOO_SLOW)
