"""Operations run through the real schema, with a real context, on real engines."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest
import strawberry
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from app import graph, services
from app.services import Services
from app.settings import Settings
from domain.access import Scope, Viewer
from domain.errors import Unavailable
from domain.ids import of as id_of
from domain.workspaces import Workspace
from schema.context import Context
from storage import mongo
from storage.campaigns import MongoCampaigns
from storage.changes import RedisLinkChanges
from storage.link_lists import MongoLinkLists
from storage.links import MongoLinks
from storage.mongo import Database
from storage.templates import MongoTemplates
from storage.workspaces import MongoWorkspaces


@dataclass(frozen=True)
class Api:
    """Calls operations as one viewer."""

    schema: strawberry.Schema
    services: Services
    context: Context

    async def __call__(self, document: str, **variables: Any) -> Mapping[str, Any]:
        """The data of an operation that has no errors."""
        result = await self.run(document, **variables)
        assert result.errors is None, result.errors
        assert result.data is not None
        msgspec.json.encode(result.data)  # as the carriers do: what they cannot write is no answer
        return result.data

    async def repeated(self, document: str, **variables: Any) -> Mapping[str, Any]:
        """The same, asked again while the database is too busy: for what may be told twice."""
        async with asyncio.timeout(60):
            while (result := await self.run(document, **variables)).errors:
                error = result.errors[0].original_error
                assert isinstance(error, Unavailable), result.errors
        assert result.data is not None
        return result.data

    async def run(self, document: str, **variables: Any) -> strawberry.types.ExecutionResult:
        """The whole result of an operation."""
        result = await self.schema.execute(
            document, variable_values=variables, context_value=self.context.fork()
        )
        assert isinstance(result, strawberry.types.ExecutionResult)
        return result

    async def code(self, document: str, **variables: Any) -> str | None:
        """The code of the ApiError that an operation ends with; None where it is GraphQL's own refusal."""
        result = await self.run(document, **variables)
        assert result.errors, result.data
        return getattr(result.errors[0].original_error, "code", None)

    async def create(self, destination: str = "https://example.com/", **fields: Any) -> Mapping[str, Any]:
        """A new link."""
        made = await self(CREATE, input={"destination": destination, **fields})
        assert made["createLink"]["userErrors"] == []
        link: Mapping[str, Any] = made["createLink"]["link"]
        return link

    def on(self, stores: Services) -> "Api":
        """The same viewer on other stores."""
        return replace(self, services=stores, context=replace(self.context, stores=stores))

    def telling(self, changes: RedisLinkChanges) -> "Api":
        """The same viewer, whose changes are told elsewhere."""
        return self.on(replace(self.services, changes=changes))

    def keeping(self, database: Database) -> "Api":
        """The same viewer, whose links are kept elsewhere."""
        links, link_lists = MongoLinks(database), MongoLinkLists(database)
        return self.on(replace(self.services, links=links, link_lists=link_lists))

    def drawing(self, random_bytes: Callable[[int], bytes]) -> "Api":
        """The same viewer with another source of randomness."""
        return replace(
            self, context=replace(self.context, ids=replace(self.context.ids, random_bytes=random_bytes))
        )

    def acting(self, *scopes: Scope) -> "Api":
        """The same workspace with other scopes."""
        viewer = msgspec.structs.replace(self.context.viewer, scopes=frozenset(scopes))
        return replace(self, context=replace(self.context, viewer=viewer))


LINK = """
fragment whole on Link {
  id domain slug shortUrl destination finalDestination status title notes tags
  externalId externalSource attributes
  utm { source medium campaign term content } redirectCode forwardQuery startsAt expiresAt fallback version
  createdAt updatedAt
}
"""
CREATE = (
    "mutation ($input: CreateLinkInput!) { createLink(input: $input) {"
    " link { ...whole } warnings userErrors { code message field } } }" + LINK
)


@pytest.fixture(scope="session")
async def opened(settings: Settings) -> AsyncIterator[Services]:
    """The services of an API process."""
    async with services.open(settings, "api") as everything:
        await mongo.ensure_indexes(everything.database)
        yield everything
        await everything.database.client.drop_database(everything.database.name)


async def workspace(opened: Services) -> Api:
    """A workspace of its own, with an admin's rights."""
    workspace_id = opened.ids.new("ws")
    await opened.workspaces.first(
        workspace_id,
        Workspace(id=workspace_id, name="Test", domains=("go.example",), created_at=opened.clock()),
    )
    viewer = Viewer(
        workspace_id=workspace_id,
        key_id=id_of("key", 0, secrets.token_bytes(10)),
        scopes=frozenset({Scope.ADMIN}),
    )
    context = Context(
        viewer=viewer,
        request_id="test",
        clock=opened.clock,
        ids=opened.ids,
        short_base="https://s.example",
        api_base="https://api.example",
        stores=opened,
    )
    return Api(graph.build(), opened, context)


@pytest.fixture
async def api(opened: Services) -> Api:
    """A fresh workspace."""
    return await workspace(opened)


@pytest.fixture
async def other(opened: Services) -> Api:
    """Another workspace."""
    return await workspace(opened)


class Commands(CommandListener):
    """Names of the commands that a client sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def started(self, event: CommandStartedEvent) -> None:
        """Remember one."""
        self.sent.append(event.command_name)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Nothing to remember."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Nothing to remember."""


@asynccontextmanager
async def stores_with(opened: Services, listener: CommandListener) -> AsyncIterator[Services]:
    """The same stores on a client whose commands are listened to."""
    settings = opened.settings
    client = mongo.connect(
        settings.mongodb_url or "", timeout_ms=5_000, application="test", event_listeners=[listener]
    )
    database = client[settings.mongodb_database]
    try:
        yield replace(
            opened,
            database=database,
            links=MongoLinks(database),
            link_lists=MongoLinkLists(database),
            campaigns=MongoCampaigns(database),
            templates=MongoTemplates(database),
            workspaces=MongoWorkspaces(database),
        )
    finally:
        await client.close()
