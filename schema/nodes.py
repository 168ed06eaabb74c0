"""The interface of everything that has an id."""

import strawberry


@strawberry.interface(description="An object with an id of its own; `node(id:)` finds it.")
class Node:
    """What `node` and `nodes` answer."""

    id: strawberry.ID = strawberry.field(description="Typed and sortable; the prefix tells the kind.")
