"""Signals in MongoDB, one document a workspace, and the news of them over Redis."""

import asyncio
import logging
from typing import Final

from pymongo.errors import DuplicateKeyError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain.signals import Signals
from storage import codec
from storage.changes import Counts
from storage.mongo import Database, answering

BUDGET_SECONDS: Final = 0.1
_log = logging.getLogger(__name__)


class MongoSignals:
    """The collection `signals`; see domain.signals.SignalStore for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._signals = database["signals"]

    async def by_workspace(self, workspace_id: str) -> Signals:
        """The signals of a workspace, also where there are none."""
        with answering():
            document = await self._signals.find_one({"_id": workspace_id})
        return codec.to_value(document, Signals) if document else Signals(id=workspace_id)

    async def all(self) -> list[Signals]:
        """The signals of every workspace, for the redirect processes."""
        with answering():
            documents = await self._signals.find({}).to_list()
        return [codec.to_value(document, Signals) for document in documents]

    async def update(self, workspace_id: str, new: Signals) -> bool:
        """Replace the version before `new`; false where something else is there by now."""
        document = codec.to_document(new)
        seen = {"_id": workspace_id, "version": new.version - 1}
        with answering():
            try:
                result = await self._signals.replace_one(seen, document, upsert=new.version == 1)
            except DuplicateKeyError:  # somebody else was first, in the very same moment
                return False
        return bool(result.matched_count or result.upserted_id)


class RedisSignalNews:
    """Publishes ids of workspaces on the channel `<database>:signals`.

    Best effort: the change is committed already, and a redirect process that is not connected to Redis reads
    the signals again every second.
    """

    def __init__(self, redis: Redis, database: str) -> None:
        self._redis = redis
        self._channel = channel(database)
        self.counts = Counts()

    async def publish(self, workspace_id: str) -> None:
        """Tell every redirect process; takes at most BUDGET_SECONDS and never raises because of Redis."""
        try:
            async with asyncio.timeout(BUDGET_SECONDS):
                await self._redis.publish(self._channel, workspace_id)
        except (RedisError, OSError, TimeoutError) as error:
            self.counts.lost += 1
            _log.warning("changed signals were not published: %s", error)
        else:
            self.counts.told += 1


def channel(database: str) -> str:
    """The channel of the news of a database's signals."""
    return f"{database}:signals"
