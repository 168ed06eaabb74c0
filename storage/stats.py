"""All-time figures of links: one row for each ledger slot, summed when they are read."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure

from domain import ledgers
from domain.clicks import LinkStats
from domain.errors import Unavailable
from domain.feeds import Heads
from storage import mongo

_SNAPSHOT_UNAVAILABLE: Final = 246
"""A collection or an index has just been made: a snapshot of a moment ago does not have it."""
_PATIENCE: Final = 20
_PAUSE_SECONDS: Final = 0.1


class Stats:
    """Reads what the ledger's transactions counted."""

    def __init__(self, database: mongo.Database) -> None:
        self._client = database.client
        self._stats = database.stats
        self._feeds = database.feeds

    async def by_links(self, workspace_id: str, link_ids: Sequence[str]) -> dict[str, LinkStats]:
        """The figures of each of `link_ids`, zeroes for one without clicks; one round trip."""
        with mongo.answering():
            return await self._by_links(workspace_id, link_ids, None)

    async def at_heads(
        self, workspace_id: str, link_ids: Sequence[str]
    ) -> tuple[dict[str, LinkStats], Heads]:
        """The figures of links, and the heads of the workspace's feeds at the same moment."""
        for _ in range(_PATIENCE):
            try:
                with mongo.answering():
                    return await self._snapshot(workspace_id, link_ids)
            except OperationFailure as error:
                if error.code != _SNAPSHOT_UNAVAILABLE:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)  # until a majority has it: no event tells
        raise Unavailable("The figures cannot be read at one moment right now; try again.")

    async def _snapshot(
        self, workspace_id: str, link_ids: Sequence[str]
    ) -> tuple[dict[str, LinkStats], Heads]:
        async with self._client.start_session(snapshot=True) as session:
            figures = await self._by_links(workspace_id, link_ids, session)
            query = {"workspace_id": workspace_id}
            found = self._feeds.find(query, session=session, batch_size=10_000)
            return figures, {head["slot"]: head["seq"] async for head in found}

    async def _by_links(
        self, workspace_id: str, link_ids: Sequence[str], session: AsyncClientSession | None
    ) -> dict[str, LinkStats]:
        rows: dict[str, list[tuple[dict[str, int], int, datetime | None]]] = {each: [] for each in link_ids}
        query = {"workspace_id": workspace_id, "link_id": {"$in": list(rows)}}
        async for row in self._stats.find(query, batch_size=10_000, session=session):
            rows[row["link_id"]].append((row["kinds"], row["uniques"], row.get("last_click_at")))
        return {link_id: ledgers.total(link_id, found) for link_id, found in rows.items()}
