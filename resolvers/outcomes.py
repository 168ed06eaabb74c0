"""The one place where a rejected input becomes data of a payload."""

from collections.abc import Awaitable
from typing import TypeVar

from domain.errors import Rejected

Made = TypeVar("Made")


async def outcome(work: Awaitable[Made]) -> Made | Rejected:
    """What came of an edit: what it made, or why it was rejected; every other failure is thrown on."""
    try:
        return await work
    except Rejected as rejected:
        return rejected
