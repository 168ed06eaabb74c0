"""Whether a viewer may run an operation: every scope that one of its fields needs, checked before it runs."""

from typing import Final

from app.graphql.costs import Operation
from domain.access import Viewer
from domain.errors import Forbidden, Unauthenticated

KEY_NEEDED: Final = "An API key is needed: send it as 'Authorization: Bearer <API key>'."


def check(operation: Operation, viewer: Viewer | None) -> None:
    """Pass an operation that `viewer` may run.

    Raises:
        Unauthenticated: it needs a key, and there is none.
        Forbidden: the key lacks a scope.
    """
    if viewer is None:
        if not operation.public:
            raise Unauthenticated(KEY_NEEDED)
        return
    lacking = viewer.lacks(operation.scopes)
    if lacking:
        names = ", ".join(sorted(lacking))
        raise Forbidden(f"The key lacks a scope that this operation needs: {names}.")
