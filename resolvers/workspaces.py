"""The viewer: whom a call acts for."""

import strawberry

from schema.context import Info
from schema.workspaces import Viewer


@strawberry.type
class WorkspaceQueries:
    """Reading the viewer."""

    @strawberry.field(description="Whom this call acts for. Any key may ask.", metadata={"scope": None})
    def viewer(self, info: Info) -> Viewer:
        """The viewer of the key."""
        return Viewer(scopes=sorted(scope.value for scope in info.context.viewer.scopes))
