"""All-time figures of links: one row for each ledger slot, summed when they are read."""

from collections.abc import Sequence
from datetime import datetime

from domain import ledgers
from domain.clicks import LinkStats
from storage import mongo


class Stats:
    """Reads what the ledger's transactions counted."""

    def __init__(self, database: mongo.Database) -> None:
        self._stats = database.stats

    async def by_links(self, workspace_id: str, link_ids: Sequence[str]) -> dict[str, LinkStats]:
        """The figures of each of `link_ids`, zeroes for one without clicks; one round trip."""
        rows: dict[str, list[tuple[dict[str, int], int, datetime | None]]] = {each: [] for each in link_ids}
        query = {"workspace_id": workspace_id, "link_id": {"$in": list(rows)}}
        with mongo.answering():
            async for row in self._stats.find(query, batch_size=10_000):
                rows[row["link_id"]].append((row["kinds"], row["uniques"], row.get("last_click_at")))
        return {link_id: ledgers.total(link_id, found) for link_id, found in rows.items()}
