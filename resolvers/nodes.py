"""Nodes: any object by its id, whichever kind it is."""

import asyncio
from typing import Final

import strawberry

from domain.errors import LimitExceeded
from schema import node_kinds
from schema.context import Info
from schema.nodes import Node

MAX_NODES: Final = 250


@strawberry.type
class NodeQueries:
    """Reading objects by id."""

    @strawberry.field(
        description="The object with this id; null where there is none. Needs the scope of its kind.",
        metadata={"scope": None},
    )
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:  # noqa: A002 - the API's name
        """Another workspace's object is not found, like one that never was."""
        return await node_kinds.load(id, info.context)

    @strawberry.field(
        description="Up to 250 objects, in the order of the ids; null where there is none.",
        metadata={"scope": None},
    )
    async def nodes(self, info: Info, ids: list[strawberry.ID]) -> list[Node | None]:
        """One round trip a kind."""
        if len(ids) > MAX_NODES:
            raise LimitExceeded(f"There are {len(ids):,} ids; at most {MAX_NODES} are accepted.")
        return await asyncio.gather(*(node_kinds.load(wanted, info.context) for wanted in ids))
