"""Tasks beside each other: work in the background that starts again, and cancelling that reaches its end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

RECANCEL_SECONDS: Final = 0.1
RESTART_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


@asynccontextmanager
async def background(*works: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """`works` for as long as the block lasts; one that fails or returns starts again."""
    tasks = [asyncio.create_task(_for_ever(work)) for work in works]
    try:
        yield
    finally:
        await end(tasks)


async def first_of(*works: Awaitable[Any]) -> None:
    """Run until the first ends, cancel the others and wait until they have cleaned up behind them."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(tasks)
    for task in done:
        task.result()


async def end(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel `tasks` and wait until they have cleaned up behind them.

    A cancellation is repeated until it is heard: `asyncio.wait_for` of Python 3.11, which PyMongo uses, drops
    one that comes in the moment in which its work is done.
    """
    waiting = set(tasks)
    while waiting:
        for task in waiting:
            task.cancel()
        ended, waiting = await asyncio.wait(waiting, timeout=RECANCEL_SECONDS)
        for task in ended:
            if not task.cancelled():
                task.exception()  # looked at, so that nobody warns of it


def heed_cancellation() -> None:
    """Stop where a cancellation was dropped on the way (see `end`): who left is not served."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _for_ever(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001 - the rim: a role goes on serving whatever befalls the work behind it
            _log.exception("background work failed and starts again")
        await asyncio.sleep(RESTART_SECONDS)
