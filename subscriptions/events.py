"""The live feed of events."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import strawberry

from domain import events
from schema.clicks import ClickFilter
from schema.context import Info
from schema.events import EventBatch
from subscriptions.clicks import check_links
from subscriptions.live import Live
from subscriptions.shared import Groups


@strawberry.type
class EventSubscriptions:
    """What streams about everything that happens."""

    @strawberry.subscription(
        description=(
            "Events in the order in which they happened to each object, at least once and each under one id. "
            'The first frame comes at once; with `after`, first everything since then, for 30 days. "link.*" '
            "and no types at all mean those that the key may hear of. With `filter`: about links that it "
            "holds for, by link, tag, campaign, template or attribute."
        ),
        metadata={"scope": None},
    )
    async def events(
        self,
        info: Info,
        types: list[str] | None = None,
        filter: ClickFilter | None = None,  # noqa: A002 - the API's name
        after: str | None = None,
    ) -> AsyncGenerator[EventBatch, None]:  # and Live in it, see subscriptions.clicks
        """Frames of at most 50 events."""
        viewer, feed = info.context.viewer, info.context.stores.event_feed
        about = None if filter is None else filter.to_domain()
        wanted = events.wanted(types, about, viewer)
        await check_links(wanted.link_ids, info.context)
        root: Any = info.root_value
        follow = feed.shared if isinstance(root, Groups) else feed.follow
        async with aclosing(follow(viewer.workspace_id, wanted, after)) as parts:
            async for part in parts:
                shown: Any = part.shown_as(EventBatch.of) if isinstance(part, Live) else EventBatch.of(part)
                yield shown
