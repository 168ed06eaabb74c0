"""What a database needs before anything works on it: every index, the first workspace and the admin key."""

import asyncio
import secrets
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from app import connections
from app.connections import Connections
from app.key_files import KeyFile
from app.settings import Misconfigured, Settings
from domain import installations
from domain.errors import Unavailable
from storage import mongo
from storage.keys import MongoKeys
from storage.workspaces import MongoWorkspaces

FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


class Unprepared(Exception):
    """The database is being prepared: indexes, the first workspace or its key may be missing."""


async def until_done(settings: Settings) -> str:
    """Prepare the database, however long it takes to reach it; several processes may do so at once.

    Returns:
        For the operator, where the admin key is; the key itself only when it was made just now.

    Raises:
        Misconfigured: LINKGRAPH_ADMIN_KEY cannot be a key.
    """
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            async with connections.open(settings, "supervisor") as opened:
                await mongo.ensure_indexes(opened.database)
                return await _first_access(opened)
        except (PyMongoError, Unavailable) as error:
            _log.warning(
                "MongoDB does not answer; the database is prepared as soon as it does",
                reason=str(error).partition(" (configured")[0],  # the driver goes on with all of its topology
                next_try_seconds=pause,
            )
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


async def announced(settings: Settings, prepared: asyncio.Event) -> None:
    """Prepare the database for a role that runs alone, print where the admin key is and set `prepared`."""
    print(f"admin key: {await until_done(settings)}", flush=True)  # noqa: T201 - shown once, never logged
    prepared.set()


async def _first_access(opened: Connections) -> str:
    settings, kept = opened.settings, MongoKeys(opened.database)
    file = KeyFile(settings.data_dir / "admin.key")
    try:
        access = await installations.bootstrap(
            MongoWorkspaces(opened.database),
            kept,
            now=opened.clock(),
            random_bytes=secrets.token_bytes,
            admin_key=settings.admin_key,
            keep=file.propose,
        )
    except ValueError as error:
        raise Misconfigured(str(error)) from None
    await file.settle(kept)
    if access.secret is not None:
        return f"{access.secret} (shown this once; {file.told()})"
    if settings.admin_key is not None:
        return "the one in LINKGRAPH_ADMIN_KEY"
    if await asyncio.to_thread(file.path.exists):
        return f"in {file.path}"
    return "made at an earlier start (if it is lost, set LINKGRAPH_ADMIN_KEY to have another)"
