"""The live feed of clicks."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import strawberry

from domain.access import Scope
from domain.click_filters import EVERY_CLICK
from domain.errors import NotFound
from schema.clicks import ClickBatch, ClickFilter
from schema.context import Context, Info
from subscriptions.live import Live
from subscriptions.shared import Groups


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
    ) -> AsyncGenerator[ClickBatch, None]:  # and Live in it, which is no payload, where it is to be shared
        """Frames of at most 50 clicks; who runs identical operations once asks for it by the root value."""
        wanted = EVERY_CLICK if filter is None else filter.to_domain()
        await check_links(wanted.link_ids, info.context)
        feed, workspace_id = info.context.stores.click_feed, info.context.viewer.workspace_id
        root: Any = info.root_value
        follow = feed.shared if isinstance(root, Groups) else feed.follow
        async with aclosing(follow(workspace_id, wanted, after)) as parts:
            async for part in parts:
                shown: Any = part.shown_as(ClickBatch.of) if isinstance(part, Live) else ClickBatch.of(part)
                yield shown


async def check_links(link_ids: frozenset[str] | None, context: Context) -> None:
    """Refuse links that this workspace has not: another's is not found, like one that never was."""
    if not link_ids:
        return
    found = await context.stores.links.by_ids(context.viewer.workspace_id, sorted(link_ids))
    missing = sorted(link_ids - found.keys())
    if missing:
        raise NotFound(f"There is no link {missing[0]}.")
