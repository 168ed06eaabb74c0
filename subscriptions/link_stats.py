"""Live figures of links."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import strawberry

from domain.access import Scope
from domain.errors import BadRequest, LimitExceeded
from schema.clicks import MAX_LISTED, LinkStats
from schema.context import Info
from subscriptions.clicks import check_links

FASTEST_MS: Final = 250
SLOWEST_MS: Final = 3_600_000
_USUAL_MS: Final = 1_000


@strawberry.type
class LinkStatsSubscriptions:
    """What streams about figures."""

    @strawberry.subscription(
        description=(
            "Figures of up to 250 links: all of them at once, then those that changed, at most one frame in "
            "`everyMs` milliseconds (250 to 3,600,000)."
        ),
        metadata={"scope": Scope.ANALYTICS_READ},
    )
    async def link_stats(
        self, info: Info, ids: list[strawberry.ID], every_ms: int | None = _USUAL_MS
    ) -> AsyncGenerator[list[LinkStats], None]:
        """Rows in the order of `ids`."""
        pace_ms = _pace(every_ms)
        link_ids = _links(ids)
        await check_links(frozenset(link_ids), info.context)
        workspace_id = info.context.viewer.workspace_id
        figures = info.context.stores.live_stats.follow(workspace_id, link_ids, pace_ms / 1000)
        async with aclosing(figures) as frames:
            async for rows in frames:
                yield [LinkStats.of(stats) for stats in rows]


def _pace(every_ms: int | None) -> int:
    pace_ms = _USUAL_MS if every_ms is None else every_ms
    if not FASTEST_MS <= pace_ms <= SLOWEST_MS:
        raise BadRequest(f"everyMs is {pace_ms}; {FASTEST_MS} to {SLOWEST_MS} is possible.")
    return pace_ms


def _links(ids: list[strawberry.ID]) -> list[str]:
    if len(ids) > MAX_LISTED:
        raise LimitExceeded(f"There are {len(ids):,} ids; at most {MAX_LISTED} are possible.")
    if not ids:
        raise BadRequest(f"There are no ids; give 1 to {MAX_LISTED}.")
    return list(dict.fromkeys(ids))
