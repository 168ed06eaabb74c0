"""Signals: values of a workspace that change from moment to moment, pushed by the API and read by rules."""

import math
from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec

from domain import texts
from domain.errors import Rejected, Unavailable, UserError, UserErrorCode
from domain.facts import Scalar

MAX_SIGNALS: Final = 1_000
MAX_NAME: Final = 100
MAX_TEXT: Final = 200
LARGEST_INTEGER: Final = 2**53 - 1
_ATTEMPTS: Final = 10


class Signals(msgspec.Struct, frozen=True, kw_only=True):
    """All signals of a workspace.

    Args:
        id: the workspace's.
        version: counts the changes, from 1; 0: there were none.
        values: by name, in the order of names.
    """

    id: str
    version: int = 0
    values: tuple[tuple[str, Scalar], ...] = ()


class SignalStore(Protocol):
    """Where signals are kept. Each method raises errors.Unavailable while the database is away."""

    async def by_workspace(self, workspace_id: str) -> Signals:
        """The signals of a workspace, also where there are none."""
        ...

    async def update(self, workspace_id: str, new: Signals) -> bool:
        """Replace the version before `new`; false where something else is there by now."""
        ...


class SignalNews(Protocol):
    """Who is told that signals changed, after it is committed."""

    async def publish(self, workspace_id: str) -> None:
        """Tell every redirect process; takes at most 100 ms, and failing is counted, never raised."""
        ...


async def change(given: Any, workspace_id: str, store: SignalStore, news: SignalNews) -> Signals:
    """Set some signals, leave the others; null removes one.

    Returns:
        All signals as they are now.

    Raises:
        Rejected: a name or a value is none, or there would be more than MAX_SIGNALS.
        Unavailable: others changed them time and again.
    """
    changes = _checked(given)
    for _ in range(_ATTEMPTS):
        old = await store.by_workspace(workspace_id)
        values = {**dict(old.values), **changes}
        kept = tuple(sorted((name, value) for name, value in values.items() if value is not None))
        if kept == old.values:
            return old
        if len(kept) > MAX_SIGNALS:
            message = f"There would be {len(kept):,} signals; a workspace has at most {MAX_SIGNALS:,}."
            raise Rejected(UserError(UserErrorCode.LIMIT_EXCEEDED, message, ("values",)))
        new = Signals(id=workspace_id, version=old.version + 1, values=kept)
        if await store.update(workspace_id, new):
            await news.publish(workspace_id)
            return new
    raise Unavailable("Other calls are changing the signals; try again.")


def _checked(given: Any) -> Mapping[str, Scalar | None]:
    if not isinstance(given, dict):
        message = 'Signals are a JSON object such as {"stock.sku-1": 0}.'
        raise Rejected(UserError(UserErrorCode.INVALID, message, ("values",)))
    problems = {name: _problem(name, value) for name, value in given.items()}
    errors = [
        UserError(UserErrorCode.INVALID, f"The signal {name[:50]!r}: {problem}", ("values",))
        for name, problem in problems.items()
        if problem is not None
    ]
    if errors:
        raise Rejected(*errors[:100])
    return given


def _problem(name: str, value: object) -> str | None:
    if not name or (problem := texts.problem(name, longest=MAX_NAME)) is not None:
        return f"The name {problem if name else 'is empty.'}"
    match value:
        case None | bool():
            return None
        case int() if abs(value) <= LARGEST_INTEGER:
            return None
        case float() if math.isfinite(value):
            return None
        case str():
            problem = texts.problem(value, longest=MAX_TEXT)
            return None if problem is None else f"The value {problem}"
        case _:
            return "The value is neither a text, nor a number that JSON clients read alike, nor a truth."
