"""archiveLink and restoreLink: out of use and back."""

from tests.api.conftest import Api

ARCHIVE = "mutation ($id: ID!) { archiveLink(id: $id) { link { status version } userErrors { code field } } }"
RESTORE = "mutation ($id: ID!) { restoreLink(id: $id) { link { status version } userErrors { code field } } }"


async def test_archives_and_restores(api: Api) -> None:
    link = await api.create()
    archived = {"link": {"status": "ARCHIVED", "version": 2}, "userErrors": []}
    restored = {"link": {"status": "ACTIVE", "version": 3}, "userErrors": []}
    assert (await api(ARCHIVE, id=link["id"]))["archiveLink"] == archived
    assert (await api(ARCHIVE, id=link["id"]))["archiveLink"] == archived
    assert (await api(RESTORE, id=link["id"]))["restoreLink"] == restored
    assert (await api(RESTORE, id=link["id"]))["restoreLink"] == restored


async def test_another_workspaces_link_is_not_found(api: Api, other: Api) -> None:
    """GQ-14."""
    link = await other.create()
    missing = {"link": None, "userErrors": [{"code": "NOT_FOUND", "field": ["id"]}]}
    assert (await api(ARCHIVE, id=link["id"]))["archiveLink"] == missing
    assert (await api(RESTORE, id=link["id"]))["restoreLink"] == missing
    assert (await other.services.database["links"].find_one({"_id": link["id"]}) or {})["archived_at"] is None
