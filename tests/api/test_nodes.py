"""nodes: several objects by their ids, one round trip a kind."""

import pytest

from app.services import Services
from tests.api.conftest import Api, Commands, stores_with

NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Link { slug } } }"


async def test_keeps_the_order_of_the_ids(api: Api) -> None:
    first, second = await api.create(), await api.create()
    found = (await api(NODES, ids=[second["id"], "x", first["id"], second["id"]]))["nodes"]
    assert [node and node["id"] for node in found] == [second["id"], None, first["id"], second["id"]]


async def test_reads_links_in_one_round_trip(opened: Services, api: Api) -> None:
    made = [(await api.create())["id"] for _ in range(20)]
    commands = Commands()
    async with stores_with(opened, commands) as stores:
        found = (await api.on(stores)(NODES, ids=made))["nodes"]
        assert commands.sent == ["find"]
    assert [node["id"] for node in found] == made


@pytest.mark.parametrize(("count", "code"), [(250, None), (251, "LIMIT_EXCEEDED")])
async def test_the_number_of_ids_is_limited(api: Api, count: int, code: str | None) -> None:
    result = await api.run(NODES, ids=["x"] * count)
    errors = result.errors or []
    assert [getattr(error.original_error, "code", None) for error in errors] == ([code] if code else [])
