"""API keys as the API shows them: never their secret."""

import strawberry

from domain import instants, keys
from schema.nodes import Node
from schema.scalars import DateTime


@strawberry.type(description="An API key of the workspace. Its secret was shown once and is not kept.")
class ApiKey(Node):
    """The API's view of domain.keys.ApiKey."""

    name: str = strawberry.field(description="What it is for.")
    prefix: str = strawberry.field(description="How its secret begins, to recognise it by.")
    scopes: list[str] = strawberry.field(description="Its rights; `admin` includes every other.")
    expires_at: DateTime | None = strawberry.field(description="When it ends; null: never.")
    created_at: DateTime = strawberry.field(description="When it was made.")

    @classmethod
    def of(cls, key: keys.ApiKey) -> "ApiKey":
        """The key without its hash."""
        return cls(
            id=strawberry.ID(key.id),
            name=key.name,
            prefix=key.prefix,
            scopes=sorted(scope.value for scope in key.scopes),
            expires_at=None if key.expires_at is None else DateTime(instants.written(key.expires_at)),
            created_at=DateTime(instants.written(key.created_at)),
        )
