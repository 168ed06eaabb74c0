"""The viewer: whom a call acts for, and changes of its workspace."""

import strawberry

from domain import workspace_edits
from domain.access import Scope
from resolvers.outcomes import outcome
from schema.context import Info
from schema.workspaces import UpdateWorkspaceInput, Viewer, WorkspacePayload


@strawberry.type
class WorkspaceQueries:
    """Reading the viewer."""

    @strawberry.field(description="Whom this call acts for. Any key may ask.", metadata={"scope": None})
    def viewer(self, info: Info) -> Viewer:
        """The viewer of the key."""
        return Viewer(scopes=sorted(scope.value for scope in info.context.viewer.scopes))


@strawberry.type
class WorkspaceMutations:
    """Changing the workspace."""

    @strawberry.mutation(
        description="Change what is given of the key's workspace.", metadata={"scope": Scope.ADMIN}
    )
    async def update_workspace(self, info: Info, input: UpdateWorkspaceInput) -> WorkspacePayload:  # noqa: A002
        """All of it or nothing."""
        context = info.context
        stores = context.stores
        edit = workspace_edits.change(
            await context.workspace(), input.to_domain(), stores.workspaces, stores.conversions, context.clock
        )
        return WorkspacePayload.of(await outcome(edit), context.short_base)
