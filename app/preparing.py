"""What a database needs before anything works on it: every index, the first workspace and the admin key."""

import asyncio
import os
import secrets
from pathlib import Path
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from app import connections
from app.connections import Connections
from app.settings import Misconfigured, Settings
from domain import installations
from domain.errors import Unavailable
from storage import mongo
from storage.keys import MongoKeys
from storage.workspaces import MongoWorkspaces

FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


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


async def announced(settings: Settings) -> None:
    """Prepare the database for a role that runs alone, and print where the admin key is."""
    print(f"admin key: {await until_done(settings)}", flush=True)  # noqa: T201 - shown once, never logged


async def _first_access(opened: Connections) -> str:
    settings = opened.settings
    try:
        access = await installations.bootstrap(
            MongoWorkspaces(opened.database),
            MongoKeys(opened.database),
            now=opened.clock(),
            random_bytes=secrets.token_bytes,
            admin_key=settings.admin_key,
        )
    except ValueError as error:
        raise Misconfigured(str(error)) from None
    file = settings.data_dir / "admin.key"
    if access.secret is not None:
        return f"{access.secret} (shown this once; {_kept(file, access.secret)})"
    if settings.admin_key is not None:
        return "the one in LINKGRAPH_ADMIN_KEY"
    if await asyncio.to_thread(file.exists):
        return f"in {file}"
    return "made at an earlier start (if it is lost, set LINKGRAPH_ADMIN_KEY to have another)"


def _kept(file: Path, secret: str) -> str:
    """Keep the key for its owner's eyes only; the file is complete or absent."""
    unfinished = file.with_suffix(".new")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as writing:
            writing.write(f"{secret}\n")
        unfinished.replace(file)
    except OSError as error:
        return f"write it down, {file} cannot be written: {error.strerror}"
    return f"kept in {file}"
