"""A small graph that shows how the API serves any graph: fields that fail, hang, cost and need scopes."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from domain.access import Scope, Viewer
from domain.errors import Unauthenticated, Unavailable
from storage.mongo import Database

SECRET = "mongodb://root:hunter2@db.internal"
READ = {"scope": Scope.LINKS_READ}
WRITE = {"scope": Scope.LINKS_WRITE, "cost": 10}


@dataclass
class Happened:
    """What resolvers did, for tests to look at."""

    bumps: int = 0
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    opened: int = 0
    closed: int = 0
    all_closed: asyncio.Event = field(default_factory=asyncio.Event)
    contexts: list[object] = field(default_factory=list)


@dataclass(frozen=True)
class Context:
    """The example's `info.context`."""

    viewer: Viewer
    request_id: str
    happened: Happened
    database: Database

    def fork(self) -> "Context":
        return replace(self)

    def repeatable(self, at: datetime, random_bytes: Callable[[int], bytes]) -> "Context":  # noqa: ARG002 - the graph draws nothing
        return replace(self)


async def load(wanted: str, context: Context) -> None:
    """The example's objects have no ids."""


async def lookup(key: str) -> Viewer:
    """The keys are called by the scopes they give: `reader`, `writer` or `admin`, then `-anything`."""
    name, _, rest = key.partition("-")
    scopes = {
        "reader": {Scope.LINKS_READ},
        "writer": {Scope.LINKS_READ, Scope.LINKS_WRITE},
        "admin": {Scope.ADMIN},
    }
    if name not in scopes:
        raise Unauthenticated("The key is unknown.")
    return Viewer(workspace_id="ws_1", key_id=f"key_{name}{rest}", scopes=frozenset(scopes[name]))


@strawberry.type
class Item:
    name: str

    @strawberry.field
    def seen_contexts(self, info: Info[Context, None]) -> int:
        """How many different contexts this field was resolved with."""
        info.context.happened.contexts.append(info.context)
        return len({id(context) for context in info.context.happened.contexts})

    @strawberry.field
    def items(self, first: int = 50) -> "ItemConnection":
        return ItemConnection(nodes=[Item(name=f"{self.name}.{number}") for number in range(min(first, 3))])


@strawberry.type
class ItemConnection:
    nodes: list[Item]


@strawberry.input
class BumpInput:
    by: int = 1


@strawberry.input(one_of=True)
class Lookup:
    name: strawberry.Maybe[str]
    number: strawberry.Maybe[int]


@strawberry.type
class Query:
    @strawberry.field(metadata=READ)
    async def hello(self, name: str = "world") -> str:
        return f"Hello, {name}"

    @strawberry.field(metadata=READ)
    def items(self, first: int | None = None, last: int | None = None) -> ItemConnection:
        return ItemConnection(nodes=[Item(name=str(number)) for number in range(first or last or 50)])

    @strawberry.field(metadata=READ)
    def broken(self) -> str | None:
        raise RuntimeError(SECRET)

    @strawberry.field(metadata=READ)
    def away(self) -> str | None:
        raise Unavailable("A store did not answer.", retry_after_seconds=1)

    @strawberry.field(metadata=READ)
    async def stuck(self, info: Info[Context, None]) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            info.context.happened.cancelled.set()
            raise
        return "never"

    @strawberry.field(metadata=READ)
    async def slow_database(self, info: Info[Context, None]) -> int:
        await info.context.database["slow"].find_one({"$where": "sleep(60000) || true"})
        return 1

    @strawberry.field(metadata=READ)
    async def later(self, milliseconds: int) -> int:
        await asyncio.sleep(milliseconds / 1000)
        return milliseconds

    @strawberry.field(metadata=READ)
    def found(self, by: Lookup) -> str:
        return str(by.name or by.number)

    @strawberry.field(metadata=READ)
    def echo(self, value: JSON) -> JSON:
        return value


@strawberry.type
class Mutation:
    @strawberry.mutation(metadata=WRITE)
    def bump(self, info: Info[Context, None], by: int = 1) -> int:
        info.context.happened.bumps += by
        return info.context.happened.bumps

    @strawberry.mutation(metadata=WRITE)
    def bump_all(self, info: Info[Context, None], input: list[BumpInput]) -> list[Item]:  # noqa: A002 - the contract's name
        info.context.happened.bumps += sum(row.by for row in input)
        return [Item(name=str(row.by)) for row in input]


@strawberry.type
class Subscription:
    @strawberry.subscription(metadata=READ)
    async def count(self, to: int) -> AsyncGenerator[int, None]:
        for number in range(to):
            yield number

    @strawberry.subscription(metadata=READ)
    async def forever(self, info: Info[Context, None]) -> AsyncGenerator[int, None]:
        """One event at once, then silence; says when it is closed."""
        happened = info.context.happened
        happened.opened += 1
        happened.all_closed.clear()
        try:
            yield 0
            await asyncio.Event().wait()
        finally:
            happened.closed += 1
            if happened.closed == happened.opened:
                happened.all_closed.set()

    @strawberry.subscription(metadata=READ)
    async def flood(self, info: Info[Context, None], size: int = 10_000) -> AsyncGenerator[str, None]:
        """As much as the client takes, and more."""
        happened = info.context.happened
        happened.opened += 1
        happened.all_closed.clear()
        try:
            while True:
                yield "x" * size
                await asyncio.sleep(0)
        finally:
            happened.closed += 1
            if happened.closed == happened.opened:
                happened.all_closed.set()

    @strawberry.subscription(metadata=READ)
    async def contexts(self) -> AsyncGenerator[Item, None]:
        for number in range(3):
            yield Item(name=str(number))

    @strawberry.subscription(metadata=READ)
    async def breaks(self) -> AsyncGenerator[int, None]:
        yield 1
        raise RuntimeError(SECRET)


schema = strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription)
