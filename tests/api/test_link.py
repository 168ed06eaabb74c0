"""link(by:): one link by its id, short URL or external id."""

import pytest

from domain.ids import of as id_of
from tests.api.conftest import Api

LOOKUP = "query ($by: LinkLookup!) { link(by: $by) { id } }"


async def test_finds_it_each_way(api: Api) -> None:
    link = await api.create(slug="Größe", externalId="77", externalSource="crm")
    for by in (
        {"id": link["id"]},
        {"shortUrl": link["shortUrl"]},
        {"shortUrl": "HTTPS://S.EXAMPLE/gr%C3%B6sse"},
        {"shortUrl": "s.example/GRÖSSE"},
        {"externalId": "77"},
    ):
        assert (await api(LOOKUP, by=by))["link"] == {"id": link["id"]}


async def test_an_external_id_without_a_source_comes_first(api: Api) -> None:
    await api.create(externalId="1", externalSource="a")
    plain = await api.create(externalId="1")
    assert (await api(LOOKUP, by={"externalId": "1"}))["link"] == {"id": plain["id"]}


async def test_what_is_not_there_is_null(api: Api, other: Api) -> None:
    """GQ-14, GQ-15: another workspace's link, and texts that name none."""
    foreign = await other.create(externalId="foreign")
    for by in (
        {"id": foreign["id"]},
        {"id": id_of("lnk", 1, bytes(10))},
        {"id": api.context.viewer.workspace_id},
        {"id": "\ud800"},
        {"id": ""},
        {"shortUrl": foreign["shortUrl"]},
        {"shortUrl": "https://s.example/%ff%fe"},
        {"shortUrl": "https://s.example/"},
        {"shortUrl": "https://s.example/\ud800"},
        {"shortUrl": ""},
        {"externalId": "foreign"},
        {"externalId": "\ud800"},
        {"externalId": "a\x00b"},
    ):
        assert (await api(LOOKUP, by=by))["link"] is None


@pytest.mark.parametrize("by", [{}, {"id": None}, {"id": "a", "externalId": "b"}, {"id": {"$gt": ""}}])
async def test_takes_exactly_one_way(api: Api, by: dict[str, object]) -> None:
    """GQ-13: an operator where an id belongs is a type error."""
    assert (await api.run(LOOKUP, by=by)).errors
