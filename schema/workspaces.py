"""The viewer and its workspace."""

import strawberry

from domain import attributions, hostnames, paging, workspaces
from domain.access import Scope
from domain.click_filters import ORPHANS
from domain.errors import Rejected
from domain.workspace_edits import WorkspaceDraft
from schema.clicks import Click, listed
from schema.context import Info
from schema.inputs import given, optional
from schema.keys import ApiKey
from schema.nodes import Node
from schema.paging import Connection
from schema.payloads import UserError

AttributionModel = attributions.AttributionModel
strawberry.enum(
    AttributionModel,
    name="AttributionModel",
    description="How a conversion is shared out among the clicks that led to it.",
)


@strawberry.type(description="The tenant that owns links, keys and figures.")
class Workspace(Node):
    """The API's view of domain.workspaces.Workspace."""

    name: str = strawberry.field(description="Its name.")
    timezone: str = strawberry.field(
        description="IANA time zone, by whose clocks figures are told where their `timezone` is null."
    )
    domains: list[str] = strawberry.field(
        description="Hosts that its short links can have, the default first."
    )
    click_retention_days: int | None = strawberry.field(
        description="Days that clicks are kept; null: for ever. Figures stay."
    )

    attribution: AttributionModel = strawberry.field(
        description="How conversions are shared out among the clicks that led to them."
    )
    attribution_window_days: int = strawberry.field(
        description="How old a click may be that a conversion is credited to."
    )

    @strawberry.field(
        description=(
            "Visits to slugs that do not exist, newest first, on hosts that no other workspace has links on."
        ),
        metadata={"scope": Scope.ANALYTICS_READ},
    )
    async def orphan_visits(
        self, info: Info, first: int | None = None, after: str | None = None
    ) -> Connection[Click]:
        """Reads one page behind a cursor."""
        name = f"{info.context.viewer.workspace_id}/clicks"
        window = paging.window(name, first=first, after=after, last=None, before=None)
        return await listed(ORPHANS, window, name, info.context)

    @classmethod
    def of(cls, workspace: workspaces.Workspace, short_base: str) -> "Workspace":
        """The workspace with the installation's own host before its others."""
        return cls(
            id=strawberry.ID(workspace.id),
            name=workspace.name,
            timezone=workspace.timezone,
            domains=list(workspace.hosts(hostnames.of(short_base))),
            click_retention_days=workspace.click_retention_days,
            attribution=workspace.attribution,
            attribution_window_days=workspace.attribution_window_days,
        )


@strawberry.input(description="A change of the workspace. What is absent stays.")
class UpdateWorkspaceInput:
    """A change as it is asked for."""

    name: str | None = optional("At most 200 characters; cannot be cleared.")
    timezone: str | None = optional("IANA time zone such as Europe/London; null: UTC.")
    click_retention_days: int | None = optional(
        "Days, 1 to 36,500, after which clicks are removed for good, within an hour; null: never."
    )

    attribution: AttributionModel | None = optional(
        "Conversions that are there already are shared out anew, within minutes; null: LAST."
    )
    attribution_window_days: int | None = optional("1 to 365, for old conversions too; null: 30.")

    def to_domain(self) -> WorkspaceDraft:
        """The draft of what was given."""
        return WorkspaceDraft(**given(self))


@strawberry.type(description="The answer of a change of the workspace.")
class WorkspacePayload:
    """The workspace, or why it was not changed."""

    workspace: Workspace | None = strawberry.field(description="The workspace as it is now; null on failure.")
    user_errors: list[UserError] = strawberry.field(description="Why nothing was changed; empty on success.")

    @classmethod
    def of(cls, outcome: workspaces.Workspace | Rejected, short_base: str) -> "WorkspacePayload":
        """The payload of an edit."""
        if isinstance(outcome, Rejected):
            return cls(workspace=None, user_errors=[UserError.of(error) for error in outcome.errors])
        return cls(workspace=Workspace.of(outcome, short_base), user_errors=[])


@strawberry.type(description="Whom this call acts for.")
class Viewer:
    """The API's view of domain.access.Viewer."""

    scopes: list[str] = strawberry.field(description="The rights of the key.")

    @strawberry.field(description="The workspace of the key.")
    async def workspace(self, info: Info) -> Workspace:
        """Every call acts in one workspace."""
        return Workspace.of(await info.context.workspace(), info.context.short_base)

    @strawberry.field(description="The key itself; null where the access is none of a key.")
    async def key(self, info: Info) -> ApiKey | None:
        """Read only where it is asked for."""
        viewer = info.context.viewer
        key = await info.context.stores.keys.by_id(viewer.workspace_id, viewer.key_id)
        return None if key is None else ApiKey.of(key)
