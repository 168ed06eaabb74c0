"""The live feed of clicks."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import strawberry

from domain.access import Scope
from domain.click_filters import EVERY_CLICK
from domain.errors import NotFound
from schema.clicks import ClickBatch, ClickFilter
from schema.context import Context, Info


@strawberry.type
class ClickSubscriptions:
    """What streams about clicks."""

    @strawberry.subscription(
        description=(
            "Clicks as they are committed. The first frame comes at once, without clicks and with the cursor "
            "of now; with `after`, first everything since then. A quiet feed tells its cursor every 30 s."
        ),
        metadata={"scope": Scope.ANALYTICS_READ},
    )
    async def clicks(
        self,
        info: Info,
        filter: ClickFilter | None = None,  # noqa: A002 - the API's name
        after: str | None = None,
    ) -> AsyncGenerator[ClickBatch, None]:
        """Frames of at most 50 clicks."""
        wanted = EVERY_CLICK if filter is None else filter.to_domain()
        await check_links(wanted.link_ids, info.context)
        feed = info.context.stores.click_feed.follow(info.context.viewer.workspace_id, wanted, after)
        async with aclosing(feed) as batches:
            async for batch in batches:
                yield ClickBatch.of(batch)


async def check_links(link_ids: frozenset[str] | None, context: Context) -> None:
    """Refuse links that this workspace has not: another's is not found, like one that never was."""
    if not link_ids:
        return
    found = await context.stores.links.by_ids(context.viewer.workspace_id, sorted(link_ids))
    missing = sorted(link_ids - found.keys())
    if missing:
        raise NotFound(f"There is no link {missing[0]}.")
