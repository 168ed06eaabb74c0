"""A workspace: the tenant that owns links, keys and figures."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from domain.attributions import AttributionModel


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant.

    Args:
        timezone: IANA name, for figures of which the caller wants the workspace's own.
        domains: hosts of its own for short links, besides the installation's.
        click_retention_days: how many days clicks are kept; None: for ever. Figures stay.
        clicks_removed_before: just behind the latest click that any limit so far has removed; None: none was.
            No caller sets it, and it never moves back.
        attribution: how conversions are shared out among clicks.
        attribution_window_days: how old a click may be that a conversion is credited to.
    """

    id: str
    name: str
    timezone: str = "UTC"
    domains: tuple[str, ...] = ()
    click_retention_days: int | None = None
    clicks_removed_before: datetime | None = None
    attribution: AttributionModel = AttributionModel.LAST
    attribution_window_days: int = 30
    created_at: datetime

    def hosts(self, short_host: str) -> tuple[str, ...]:
        """Every host that its links may have; the first is what a link gets that names none."""
        return (short_host, *self.domains)


class Owners(Protocol):
    """Whose a host is, as the redirect asks."""

    async def owner_of(self, host: str) -> str | None:
        """The workspace that alone has links on a host; None: nobody, or several.

        Raises:
            errors.Unavailable: the database does not answer.
        """
        ...


class Workspaces(Protocol):
    """Where workspaces are kept."""

    async def by_id(self, workspace_id: str) -> Workspace | None:
        """The workspace, or None."""
        ...

    async def first(self, workspace_id: str, workspace: Workspace) -> Workspace:
        """What stands under the id; `workspace` itself where nobody was quicker."""
        ...

    async def update(self, workspace_id: str, values: Mapping[str, Any], at: datetime) -> Workspace | None:
        """Set fields of a workspace at `at`, leave the others as they are; None: it is gone."""
        ...


class Retentions(Protocol):
    """Which workspaces keep clicks for a limited time; raises errors.Unavailable."""

    async def limited(self, after: str, limit: int) -> Sequence[Workspace]:
        """At most `limit` of them whose id is behind `after`, by id."""
        ...
