"""Clicks: listing them over all links."""

import strawberry

from domain import paging
from domain.access import Scope
from domain.click_filters import EVERY_CLICK
from schema.clicks import Click, ClickFilter, listed
from schema.context import Info
from schema.paging import Connection


@strawberry.type
class ClickQueries:
    """Reading clicks."""

    @strawberry.field(
        description="Clicks of the workspace, newest first.", metadata={"scope": Scope.ANALYTICS_READ}
    )
    async def clicks(  # noqa: PLR0917 - the arguments of a connection; GraphQL calls them by name
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        filter: ClickFilter | None = None,  # noqa: A002 - the API's name
    ) -> Connection[Click]:
        """Reads one page behind or before a cursor."""
        wanted = EVERY_CLICK if filter is None else filter.to_domain()
        name = f"{info.context.viewer.workspace_id}/clicks"
        window = paging.window(name, first=first, after=after, last=last, before=before)
        return await listed(wanted, window, name, info.context)
