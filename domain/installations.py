"""The first start of an installation: its first workspace and its first admin key."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import msgspec

from domain import ids, keys, texts
from domain.access import Scope
from domain.keys import ApiKey, Keys
from domain.workspaces import Workspace, Workspaces

# Fixed ids make the first start a race that exactly one of several processes wins, with no lock left behind.
WORKSPACE_ID: Final = ids.of("ws", 0, bytes(10))
_KEY_ID: Final = ids.of("key", 0, bytes(10))
SHORTEST_SECRET: Final = 8

Keep = Callable[[str], Awaitable[str]]
"""Keeps a secret before it becomes a key, so that no crash can lose it; gives the one that is to become the
key: an earlier one, where a start that was cut short has left it."""


class FirstAccess(msgspec.Struct, frozen=True):
    """What a start found or made.

    Args:
        secret: the admin key that was made just now, to be shown once; None: there was one, or it was given.
    """

    workspace: Workspace
    secret: str | None


async def bootstrap(
    workspaces: Workspaces,
    kept: Keys,
    *,
    now: datetime,
    random_bytes: Callable[[int], bytes],
    admin_key: str | None = None,
    keep: Keep | None = None,
) -> FirstAccess:
    """See to it that there is a workspace and an admin key; any number of processes may do so at once.

    Args:
        admin_key: the operator's own secret; it becomes a key if it is none yet, and then none is made up.
        keep: called with a secret that was made up; None keeps it nowhere.

    Raises:
        ValueError: `admin_key` is too short or holds blanks or invisible characters.
        errors.Unavailable: the database does not answer.
    """
    secret = keys.secret(random_bytes) if admin_key is None else _vetted(admin_key)
    workspace = await workspaces.first(
        WORKSPACE_ID, Workspace(id=WORKSPACE_ID, name="First workspace", created_at=now)
    )
    if admin_key is None and await kept.any(WORKSPACE_ID):
        return FirstAccess(workspace, None)
    if admin_key is None and keep is not None:
        secret = await keep(secret)
    key_id = _KEY_ID if admin_key is None else ids.of("key", int(now.timestamp() * 1000), random_bytes(10))
    made = await kept.add(WORKSPACE_ID, _admin(key_id, secret, now))
    return FirstAccess(workspace, secret if made and admin_key is None else None)


def _admin(key_id: str, secret: str, now: datetime) -> ApiKey:
    return ApiKey(
        id=key_id,
        workspace_id=WORKSPACE_ID,
        name="Admin",
        prefix=keys.shown(secret),
        secret_hash=keys.digest(secret),
        scopes=frozenset({Scope.ADMIN}),
        created_at=now,
    )


def _vetted(secret: str) -> str:
    if not SHORTEST_SECRET <= len(secret) <= keys.LONGEST_SECRET or " " in secret or texts.hidden(secret):
        raise ValueError(
            f"LINKGRAPH_ADMIN_KEY must have {SHORTEST_SECRET} to {keys.LONGEST_SECRET} characters, none of "
            "them blank or invisible; `openssl rand -hex 32` makes a good one"
        )
    return secret
