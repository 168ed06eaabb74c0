"""`updateWorkspace`: name, time zone and how long clicks are kept, each judged, all or nothing."""

from collections.abc import Mapping
from typing import Any

import pytest

from domain.access import Scope
from tests.api.conftest import Api

UPDATE = """mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) {
  workspace { id name timezone domains clickRetentionDays } userErrors { code message field } } }"""
READ = "{ viewer { workspace { id name timezone domains clickRetentionDays } } }"


async def update(api: Api, **given: Any) -> Mapping[str, Any]:
    payload: Mapping[str, Any] = (await api(UPDATE, input=given))["updateWorkspace"]
    return payload


async def read(api: Api) -> Mapping[str, Any]:
    workspace: Mapping[str, Any] = (await api(READ))["viewer"]["workspace"]
    return workspace


async def test_what_is_given_changes_and_the_rest_stays(api: Api) -> None:
    before = await read(api)
    assert (before["timezone"], before["clickRetentionDays"]) == ("UTC", None)
    changed = await update(api, timezone="Europe/London", clickRetentionDays=790)
    assert changed["userErrors"] == []
    assert changed["workspace"] == {**before, "timezone": "Europe/London", "clickRetentionDays": 790}
    await update(api, name="  Acme  ")
    assert await read(api) == {**changed["workspace"], "name": "Acme"}
    await update(api, clickRetentionDays=None, timezone=None)
    assert await read(api) == {**before, "name": "Acme"}
    assert (await update(api))["workspace"] == {**before, "name": "Acme"}


@pytest.mark.parametrize(
    ("given", "code", "field", "words"),
    [
        ({"name": None}, "REQUIRED", "name", "A workspace needs a name."),
        ({"name": " "}, "REQUIRED", "name", "A workspace needs a name."),
        ({"name": "x" * 201}, "INVALID", "name", "201"),
        ({"timezone": "Mars/Olympus"}, "INVALID", "timezone", "'Mars/Olympus' is no IANA time zone"),
        ({"timezone": "../../etc/passwd"}, "INVALID", "timezone", "is no IANA time zone"),
        ({"clickRetentionDays": 0}, "INVALID", "clickRetentionDays", "1 to 36,500 days"),
        ({"clickRetentionDays": -3}, "INVALID", "clickRetentionDays", "not -3"),
        ({"clickRetentionDays": 2**31 - 1}, "INVALID", "clickRetentionDays", "1 to 36,500 days"),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_changes(
    api: Api, given: dict[str, Any], code: str, field: str, words: str
) -> None:
    before = await read(api)
    payload = await update(api, **{"name": "Other", **given})
    assert payload["workspace"] is None
    (error,) = payload["userErrors"]
    assert (error["code"], error["field"]) == (code, [field])
    assert words in error["message"]
    assert await read(api) == before


async def test_it_needs_an_admin_and_reaches_no_other_workspace(api: Api, other: Api) -> None:
    """The scope is the field's own; see tests/protocols for its enforcement."""
    before = await read(other)
    await update(api, name="Mine", clickRetentionDays=1)
    assert await read(other) == before
    field = api.schema.get_type_by_name("Mutation")
    metadata = {each.python_name: each.metadata for each in field.fields}  # type: ignore[union-attr]
    assert metadata["update_workspace"]["scope"] is Scope.ADMIN
