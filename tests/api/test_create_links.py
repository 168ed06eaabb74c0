"""createLinks: 1 to 1,000 rows, each for itself."""

from collections.abc import Mapping
from typing import Any

import pytest

from app.services import Services
from domain.link_lists import LinkFilter, LinkOrder
from domain.paging import Window
from tests.api.conftest import Api, Commands, stores_with

CREATE_MANY = """
mutation ($input: [CreateLinkInput!]!) {
  createLinks(input: $input) {
    results { link { id slug destination externalId } userErrors { code field message } }
    succeeded failed userErrors { code field }
  }
}
"""


def row(number: int, **fields: Any) -> dict[str, Any]:
    return {"destination": f"https://example.com/{number}", **fields}


async def create(api: Api, rows: list[dict[str, Any]]) -> Mapping[str, Any]:
    payload: Mapping[str, Any] = (await api(CREATE_MANY, input=rows))["createLinks"]
    return payload


async def test_a_thousand_rows_of_which_ten_are_bad(api: Api) -> None:
    """BK-01: 990 links and ten precise errors, in the order of the input."""
    await api.create(slug="already-there")
    await api.create(externalId="known")
    bad: dict[int, tuple[dict[str, Any], list[tuple[str, list[str]]]]] = {
        3: ({"destination": "javascript:alert(1)"}, [("UNSAFE_URL", ["3", "destination"])]),
        77: ({"slug": "graphql"}, [("INVALID", ["77", "slug"])]),
        100: ({"slug": "Already-There"}, [("TAKEN", ["100", "slug"])]),
        250: ({"externalId": "known"}, [("TAKEN", ["250", "externalId"])]),
        251: ({"slug": "twin"}, []),
        500: ({"slug": "TWIN"}, [("TAKEN", ["500", "slug"])]),
        501: ({"expiresAt": "soon"}, [("INVALID", ["501", "expiresAt"])]),
        502: ({"attributes": {"$where": "1"}}, [("INVALID", ["502", "attributes"])]),
        700: ({"redirectCode": 200}, [("INVALID", ["700", "redirectCode"])]),
        701: ({"destination": "https://s.example/loop"}, [("UNSAFE_URL", ["701", "destination"])]),
        999: (
            {"destination": "", "title": "x" * 400},
            [("INVALID", ["999", "destination"]), ("INVALID", ["999", "title"])],
        ),
    }
    payload = await create(api, [row(number, **bad.get(number, ({}, []))[0]) for number in range(1_000)])
    assert (payload["succeeded"], payload["failed"], payload["userErrors"]) == (990, 10, [])
    for number, result in enumerate(payload["results"]):
        errors = [(error["code"], error["field"]) for error in result["userErrors"]]
        assert errors == bad.get(number, ({}, []))[1]
        assert (result["link"] is None) == bool(errors)
        if not errors:
            assert result["link"]["destination"] == f"https://example.com/{number}"
    workspace_id = api.context.viewer.workspace_id
    assert await api.services.database["links"].count_documents({"workspace_id": workspace_id}) == 992


async def test_twins_are_told_which_row_was_first(api: Api) -> None:
    """BK-03, LK-06."""
    payload = await create(
        api,
        [
            row(0, slug="straße"),
            row(1),
            row(2, slug="STRASSE"),
            row(3, externalId="e"),
            row(4, externalId="e"),
        ],
    )
    assert [result["link"] is not None for result in payload["results"]] == [True, True, False, True, False]
    (error,) = payload["results"][2]["userErrors"]
    assert (error["code"], error["field"]) == ("TAKEN", ["2", "slug"])
    assert "Row 0" in error["message"]
    assert "Row 3" in payload["results"][4]["userErrors"][0]["message"]


@pytest.mark.parametrize(("count", "code"), [(0, "REQUIRED"), (1_001, "LIMIT_EXCEEDED")])
async def test_the_number_of_rows_is_limited(api: Api, count: int, code: str) -> None:
    """BK-03: refused as a whole, nothing is kept."""
    payload = await create(api, [row(number) for number in range(count)])
    assert payload == {
        "results": [],
        "succeeded": 0,
        "failed": 0,
        "userErrors": [{"code": code, "field": ["input"]}],
    }
    workspace_id = api.context.viewer.workspace_id
    assert await api.services.database["links"].count_documents({"workspace_id": workspace_id}) == 0


@pytest.mark.parametrize("spoilt", [False, True])
async def test_the_number_of_round_trips_does_not_grow(opened: Services, api: Api, spoilt: bool) -> None:
    """Ten rows and a thousand cost the same, with and without rows that are taken."""
    await api.create(slug=f"spoilt-{spoilt}")
    sent: list[list[str]] = []
    for count in (10, 1_000):
        commands = Commands()
        async with stores_with(opened, commands) as stores:
            rows = [row(number, externalId=f"{count}-{number}") for number in range(count)]
            if spoilt:
                rows[5]["slug"] = f"Spoilt-{spoilt}"
            payload = await create(api.on(stores), rows)
            sent.append(commands.sent.copy())
        assert payload["failed"] == int(spoilt)
    assert sent[0] == sent[1]
    clean = ["find", "insert", "insert", "insert", "commitTransaction"]
    again = [
        "find",
        "insert",
        "insert",
        "abortTransaction",
        "find",
        "find",
        "insert",
        "insert",
        "insert",
        "commitTransaction",
    ]
    assert sent[0] == (again if spoilt else clean)


async def test_a_generated_slug_that_is_taken_is_drawn_again(api: Api) -> None:
    """Nobody sees a collision of generated slugs."""
    draws = iter([bytes(16), bytes([1] * 16), bytes([2] * 16)])
    first = await api.drawing(lambda _: bytes(16)).create()
    payload = await create(
        api.drawing(lambda count: next(draws) if count == 16 else bytes(range(count))), [row(1)]
    )
    assert first["slug"] == "22222222"
    assert payload["results"][0]["link"]["slug"] == "33333333"


async def test_keeping_the_same_links_again_is_no_conflict(api: Api) -> None:
    """A commit that seemed to fail but had not: the repeated call meets its own links."""
    await create(api, [row(number, externalId=str(number)) for number in range(3)])
    workspace_id = api.context.viewer.workspace_id
    every = LinkFilter(now=api.context.clock())
    page = await api.services.link_lists.page(workspace_id, every, LinkOrder.OLDEST, Window())
    assert await api.services.links.add_many(workspace_id, [listed.link for listed in page.items]) == {}
    assert await api.services.link_lists.count(workspace_id, every, limit=10) == 3
