"""Relay connections over keyset pages."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import strawberry

from domain import paging
from domain.paging import Key, Page

Item = TypeVar("Item")
Value = TypeVar("Value")


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    """https://relay.dev/graphql/connections.htm#sec-undefined.PageInfo"""

    has_next_page: bool = strawberry.field(description="Whether the list goes on behind this page.")
    has_previous_page: bool = strawberry.field(description="Whether it has items before this page.")
    start_cursor: str | None = strawberry.field(
        description="Cursor of the first item; null on an empty page."
    )
    end_cursor: str | None = strawberry.field(description="Cursor of the last item; null on an empty page.")


@strawberry.type(description="How many items the list has.")
class TotalCount:
    """Counting stops where it would cost as much as reading on."""

    value: int = strawberry.field(description="The number of items, at most 10,000.")
    exact: bool = strawberry.field(description="False: there are more than `value`.")


@strawberry.type(description="An item and its place in the list.")
class Edge(Generic[Item]):
    """One item of a connection."""

    node: Item = strawberry.field(description="The item.")
    cursor: str = strawberry.field(description="Its place, for `after` and `before` with the same order.")


@strawberry.type(description="One page of a list. Cursors bind workspace and order, not the filter.")
class Connection(Generic[Item]):
    """A page of a list, in the list's order."""

    edges: list[Edge[Item]] = strawberry.field(description="The items with their cursors.")
    nodes: list[Item] = strawberry.field(description="The items alone.")
    page_info: PageInfo = strawberry.field(description="Where this page lies.")
    counted: strawberry.Private[Callable[[int], Awaitable[int]]]

    @strawberry.field(description="How many items match in all.", metadata={"cost": 10})
    async def total_count(self) -> TotalCount:
        """Counts only where it is asked for."""
        found = await self.counted(paging.COUNTED + 1)
        return TotalCount(value=min(found, paging.COUNTED), exact=found <= paging.COUNTED)


def connection(
    page: Page[Value],
    *,
    list_name: str,
    node: Callable[[Value], Item],
    key: Callable[[Value], Key],
    counted: Callable[[int], Awaitable[int]],
) -> Connection[Item]:
    """The connection of a page.

    Args:
        list_name: what its cursors belong to; see domain.paging.window.
        node: the API's view of a value.
        key: the place of a value in the list.
        counted: counts the list up to a limit.
    """
    edges = [Edge(node=node(value), cursor=paging.cursor(list_name, key(value))) for value in page.items]
    return Connection(
        edges=edges,
        nodes=[edge.node for edge in edges],
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        ),
        counted=counted,
    )
