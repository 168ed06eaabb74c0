"""Reads of one moment: several collections as they were at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure

from domain.errors import Unavailable
from storage import mongo

Result = TypeVar("Result")

_SNAPSHOT_UNAVAILABLE: Final = 246
"""A collection or an index has just been made: a snapshot of a moment ago does not have it."""
_PATIENCE: Final = 20
_PAUSE_SECONDS: Final = 0.1


async def at_one_moment(
    database: mongo.Database, read: Callable[[AsyncClientSession], Awaitable[Result]]
) -> Result:
    """Run `read` on one snapshot: of everything it reads, it sees what was committed at the same moment.

    Args:
        database: where it reads.
        read: what to do with the session; it may run several times.

    Raises:
        Unavailable: there is no such snapshot for seconds on end.
    """
    for _ in range(_PATIENCE):
        try:
            with mongo.answering():
                async with database.client.start_session(snapshot=True) as session:
                    return await read(session)
        except OperationFailure as error:
            if error.code != _SNAPSHOT_UNAVAILABLE:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)  # until a majority has it: no event tells
    raise Unavailable("The figures cannot be read at one moment right now; try again.")
