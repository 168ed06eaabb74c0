"""All-time figures of links: one row for each ledger slot, summed when they are read."""

from collections.abc import Sequence
from datetime import datetime

from pymongo.asynchronous.client_session import AsyncClientSession

from domain import ledgers
from domain.clicks import LinkStats
from domain.feeds import Heads
from storage import mongo, snapshots


class Stats:
    """Reads what the ledger's transactions counted."""

    def __init__(self, database: mongo.Database) -> None:
        self._database = database
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

        async def read(session: AsyncClientSession) -> tuple[dict[str, LinkStats], Heads]:
            figures = await self._by_links(workspace_id, link_ids, session)
            query = {"workspace_id": workspace_id}
            found = self._feeds.find(query, session=session, batch_size=10_000)
            return figures, {head["slot"]: head["seq"] async for head in found}

        return await snapshots.at_one_moment(self._database, read)

    async def _by_links(
        self, workspace_id: str, link_ids: Sequence[str], session: AsyncClientSession | None
    ) -> dict[str, LinkStats]:
        rows: dict[str, list[tuple[dict[str, int], int, datetime | None]]] = {each: [] for each in link_ids}
        query = {"workspace_id": workspace_id, "link_id": {"$in": list(rows)}}
        async for row in self._stats.find(query, batch_size=10_000, session=session):
            rows[row["link_id"]].append((row["kinds"], row["uniques"], row.get("last_click_at")))
        return {link_id: ledgers.total(link_id, found) for link_id, found in rows.items()}
