"""viewer: whom a call acts for."""

from domain import keys
from domain.access import Scope
from domain.keys import ApiKey
from tests.api.conftest import Api

VIEWER = (
    "{ viewer { workspace { id name timezone domains } scopes key { id name prefix scopes expiresAt } } }"
)


async def test_tells_workspace_scopes_and_key(api: Api) -> None:
    viewer = api.context.viewer
    key = ApiKey(
        id=viewer.key_id,
        workspace_id=viewer.workspace_id,
        name="CI",
        prefix="lg_live_abcd",
        secret_hash=keys.digest(viewer.key_id),
        scopes=frozenset({Scope.LINKS_READ, Scope.ANALYTICS_READ}),
        created_at=api.context.clock(),
    )
    assert await api.services.keys.add(viewer.workspace_id, key)
    told = (await api.acting(*key.scopes)(VIEWER))["viewer"]
    assert told == {
        "workspace": {
            "id": viewer.workspace_id,
            "name": "Test",
            "timezone": "UTC",
            "domains": ["s.example", "go.example"],
        },
        "scopes": ["analytics:read", "links:read"],
        "key": {
            "id": viewer.key_id,
            "name": "CI",
            "prefix": "lg_live_abcd",
            "scopes": ["analytics:read", "links:read"],
            "expiresAt": None,
        },
    }
