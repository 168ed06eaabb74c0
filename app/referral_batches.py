"""Referral links of calls that come at the same time are made together: one transaction for all that wait."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from domain import referral_links
from domain.referral_links import Caller, Made
from domain.referral_wishes import Wish
from domain.signups import Desk

AT_ONCE: Final = 100
"""Calls of one transaction: it stays short."""

Opening = Callable[[], Awaitable[Desk]]
Waiting = tuple[Wish, "asyncio.Future[Made]"]


class ReferralBatches:
    """The calls of this process that wait.

    A call that comes alone is made at once. What comes while another of the same workspace and key is being
    made waits for its end, and is made with everything else that waits then (group commit).
    """

    def __init__(self) -> None:
        self._waiting: dict[Caller, list[Waiting]] = {}
        self._working: dict[Caller, asyncio.Task[None]] = {}

    async def create(self, wish: Wish, caller: Caller, desk: Opening) -> Made:
        """What referral_links.create gives; see there for what it raises."""
        made: asyncio.Future[Made] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, []).append((wish, made))
        if caller not in self._working:
            self._working[caller] = asyncio.create_task(self._work(caller, desk))
        return await made

    async def _work(self, caller: Caller, desk: Opening) -> None:
        """Make what waits until nothing does; nothing can come between the last look and the end."""
        try:
            while waiting := self._waiting.pop(caller, None):
                for start in range(0, len(waiting), AT_ONCE):
                    await _made(waiting[start : start + AT_ONCE], desk)
        finally:
            del self._working[caller]


async def _made(waiting: list[Waiting], desk: Opening) -> None:
    """Make some links and answer those who wait for them; who waits no more is passed over."""
    results: Sequence[Made | Exception]
    try:
        results = await referral_links.create_many([wish for wish, _ in waiting], await desk())
    except Exception as error:  # noqa: BLE001 - the rim: each caller gets it, and tells its own client
        results = [error] * len(waiting)
    for (_, made), result in zip(waiting, results, strict=True):
        if made.done():
            continue
        if isinstance(result, Made):
            made.set_result(result)
        else:
            made.set_exception(result)
