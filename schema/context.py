"""The context of an operation: who asks, and the stores, clock and ids that resolvers work with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Protocol

import strawberry
from strawberry.dataloader import DataLoader

from domain import hostnames, instants
from domain.access import Scope, Viewer
from domain.campaigns import Campaign, Campaigns
from domain.click_filters import Clicks
from domain.clicks import Click, LinkStats, Stats
from domain.errors import Forbidden, Unauthenticated
from domain.facts import Known
from domain.feeds import ClickFeed
from domain.ids import Ids
from domain.instants import Clock
from domain.keys import Keys
from domain.link_lists import LinkLists
from domain.links import Link, LinkChanges, Links
from domain.places import Places
from domain.revisions import Revisions
from domain.signals import SignalNews, Signals, SignalStore
from domain.templates import Template, Templates
from domain.workbenches import Workbench
from domain.workspaces import Workspace, Workspaces


class Stores(Protocol):
    """The stores that resolvers use; `app.services.Services` has them."""

    @property
    def links(self) -> Links:
        """Links."""

    @property
    def link_lists(self) -> LinkLists:
        """Lists of links."""

    @property
    def campaigns(self) -> Campaigns:
        """Campaigns."""

    @property
    def revisions(self) -> Revisions:
        """Revisions of links."""

    @property
    def templates(self) -> Templates:
        """Templates."""

    @property
    def keys(self) -> Keys:
        """API keys."""

    @property
    def workspaces(self) -> Workspaces:
        """Workspaces."""

    @property
    def changes(self) -> LinkChanges:
        """Who is told of changed links."""

    @property
    def clicks(self) -> Clicks:
        """Clicks of the ledger."""

    @property
    def stats(self) -> Stats:
        """Figures of links."""

    @property
    def click_feed(self) -> ClickFeed:
        """Clicks as they are committed."""

    @property
    def signals(self) -> SignalStore:
        """Signals."""

    @property
    def signal_news(self) -> SignalNews:
        """Who is told of changed signals."""

    @property
    def places(self) -> Places:
        """The geo database."""

    @property
    def known(self) -> Known:
        """What rules ask beyond link and visit."""


class Loaders:
    """Reads that are gathered into one round trip, and remembered for one operation or one event."""

    def __init__(self, workspace_id: str, stores: Stores) -> None:
        self._workspace_id = workspace_id
        self._stores = stores

    @cached_property
    def links(self) -> DataLoader[str, Link | None]:
        """Links of the viewer's workspace by id."""

        async def load(link_ids: list[str]) -> list[Link | None]:
            found = await self._stores.links.by_ids(self._workspace_id, link_ids)
            return [found.get(link_id) for link_id in link_ids]

        return DataLoader(load)

    @cached_property
    def campaigns(self) -> DataLoader[str, Campaign | None]:
        """Campaigns of the workspace by id."""

        async def load(campaign_ids: list[str]) -> list[Campaign | None]:
            found = await self._stores.campaigns.by_ids(self._workspace_id, campaign_ids)
            return [found.get(campaign_id) for campaign_id in campaign_ids]

        return DataLoader(load)

    @cached_property
    def templates(self) -> DataLoader[str, Template | None]:
        """Templates of the workspace by id."""

        async def load(template_ids: list[str]) -> list[Template | None]:
            found = await self._stores.templates.by_ids(self._workspace_id, template_ids)
            return [found.get(template_id) for template_id in template_ids]

        return DataLoader(load)

    @cached_property
    def signals(self) -> DataLoader[str, Signals]:
        """The signals of the viewer's workspace, once for all links that are explained."""

        async def load(workspace_ids: list[str]) -> list[Signals]:
            own = await self._stores.signals.by_workspace(self._workspace_id)
            return [own for _ in workspace_ids]

        return DataLoader(load)

    @cached_property
    def stats(self) -> DataLoader[str, LinkStats]:
        """All-time figures of the workspace's links by id."""

        async def load(link_ids: list[str]) -> list[LinkStats]:
            found = await self._stores.stats.by_links(self._workspace_id, link_ids)
            return [found[link_id] for link_id in link_ids]

        return DataLoader(load)

    @cached_property
    def clicks(self) -> DataLoader[str, Click | None]:
        """Clicks of the workspace by id."""

        async def load(click_ids: list[str]) -> list[Click | None]:
            found = await self._stores.clicks.by_ids(self._workspace_id, click_ids)
            return [found.get(click_id) for click_id in click_ids]

        return DataLoader(load)

    @cached_property
    def workspaces(self) -> DataLoader[str, Workspace | None]:
        """The viewer's workspace, and no other."""

        async def load(workspace_ids: list[str]) -> list[Workspace | None]:
            own = await self._stores.workspaces.by_id(self._workspace_id)
            return [own if workspace_id == self._workspace_id else None for workspace_id in workspace_ids]

        return DataLoader(load)


@dataclass(frozen=True, kw_only=True)
class Context:
    """What `info.context` is, in queries, mutations and subscriptions alike.

    Args:
        request_id: names the call in logs and masked errors.
        short_base: public base of short links, without a slash at its end.
    """

    viewer: Viewer
    request_id: str
    clock: Clock
    ids: Ids
    short_base: str
    stores: Stores

    @cached_property
    def loaders(self) -> Loaders:
        """The loaders of this operation or event."""
        return Loaders(self.viewer.workspace_id, self.stores)

    def fork(self) -> "Context":
        """The same viewer and stores with fresh loaders: for one event of a subscription."""
        return replace(self)

    def repeatable(self, at: datetime, random_bytes: Callable[[int], bytes]) -> "Context":
        """The same viewer at the instant `at` with other randomness: a second run makes the same ids."""
        return replace(self, clock=lambda: at, ids=Ids(lambda: instants.milliseconds(at), random_bytes))

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


Info = strawberry.Info[Context, None]
