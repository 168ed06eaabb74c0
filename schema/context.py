"""The context of an operation: who asks, and the stores, clock and ids that resolvers work with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import strawberry

from domain import books, hostnames, instants
from domain.access import Scope, Viewer
from domain.books import Books
from domain.bulk_creations import Desk
from domain.errors import Forbidden, Unauthenticated
from domain.ids import Ids
from domain.instants import Clock
from domain.offices import Office
from domain.workbenches import Workbench
from domain.workspaces import Workspace
from schema.loaders import Loaders
from schema.questions import Questions
from schema.stores import Stores


@dataclass(frozen=True, kw_only=True)
class Context:
    """What `info.context` is, in queries, mutations and subscriptions alike.

    Args:
        request_id: names the call in logs and masked errors.
        short_base: public base of short links, without a slash at its end.
        api_base: the same of the API.
        repeats: it runs a mutation that a second run has to make the same: with a clock and ids of its own.
    """

    viewer: Viewer
    request_id: str
    clock: Clock
    ids: Ids
    short_base: str
    api_base: str
    stores: Stores
    repeats: bool = False

    @cached_property
    def loaders(self) -> Loaders:
        """The loaders of this operation or event."""
        return Loaders(self.viewer.workspace_id, self.stores)

    @cached_property
    def questions(self) -> Questions:
        """The questions of analytics of this operation or event."""
        stores = self.stores
        return Questions(self.viewer.workspace_id, self.clock(), stores.analytics, stores.revenues)

    def fork(self) -> "Context":
        """The same viewer and stores with fresh loaders: for one event of a subscription."""
        return replace(self)

    def repeatable(self, at: datetime, random_bytes: Callable[[int], bytes]) -> "Context":
        """The same viewer at the instant `at` with other randomness: a second run makes the same ids."""
        ids = Ids(lambda: instants.milliseconds(at), random_bytes)
        return replace(self, clock=lambda: at, ids=ids, repeats=True)

    def require(self, scope: Scope) -> None:
        """Raise Forbidden where the viewer lacks `scope`; for needs that only a field's arguments show."""
        if not self.viewer.may(scope):
            raise Forbidden(f"The key lacks the scope {scope.value}, which this object needs.")

    async def workspace(self) -> Workspace:
        """The viewer's workspace.

        Raises:
            Unauthenticated: it is gone, and the key with it.
        """
        workspace = await self.loaders.workspaces.load(self.viewer.workspace_id)
        if workspace is None:
            raise Unauthenticated("The key's workspace does not exist any more.")
        return workspace

    def office(self) -> Office:
        """What calls that concern many links work with besides."""
        stores = self.stores
        return Office(
            lists=stores.link_lists, templates=stores.templates, jobs=stores.jobs, news=stores.job_news
        )

    def bulk_desk(self) -> Desk:
        """What bulk calls are judged with."""
        stores = self.stores
        return Desk(
            templates=stores.templates,
            uploads=stores.uploads,
            jobs=stores.jobs,
            news=stores.job_news,
            vault=stores.vault,
        )

    async def workbench(self) -> Workbench:
        """What edits of links work with."""
        workspace = await self.workspace()
        return Workbench(
            workspace_id=workspace.id,
            hosts=workspace.hosts(hostnames.of(self.short_base)),
            actor=self.viewer.key_id,
            links=self.stores.links,
            revisions=self.stores.revisions,
            campaigns=self.stores.campaigns,
            changes=self.stores.changes,
            clock=self.clock,
            ids=self.ids,
        )

    async def books(self) -> Books:
        """What conversions are kept with."""
        return await books.opened(await self.workspace(), self.stores, self.clock, self.ids)


Info = strawberry.Info[Context, None]
