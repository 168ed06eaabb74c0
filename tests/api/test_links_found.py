"""links: found by words, attributes and template."""

from collections.abc import Mapping
from typing import Any

import pytest

from domain.links import Origin
from tests.api.conftest import Api
from tests.api.test_links import LIST, link, store

COUNT = "query ($filter: LinkFilter) { links(filter: $filter) { nodes { id } totalCount { value } } }"


async def found(api: Api, names: Mapping[str, str], **asked: Any) -> set[str]:
    """Names of the links that a filter lists; its total says the same."""
    links = (await api(COUNT, filter=asked))["links"]
    assert links["totalCount"]["value"] == len(links["nodes"])
    return {names[node["id"]] for node in links["nodes"]}


async def test_a_search_finds_what_its_words_begin(api: Api, other: Api) -> None:
    links = {
        "title": link(api, 1, title="Spring Sale for Partners"),
        "tags": link(api, 2, tags=("spring", "B2B")),
        "accents": link(api, 3, title="Été à la Crème, Straße"),
        "external": link(api, 4, external_id="CRM-4711"),
        "notes": link(api, 5, notes="asked for by\nFrau Müller"),
        "greek": link(api, 6, title="\u1f08\u03b8\u1fc6\u03bd\u03b1\u03b9"),
    }
    destination = await api.create(
        "https://shop.example.org/autumn%20sale/caf%C3%A9?x=1", slug="Pricing-List"
    )
    await store(api, *links.values())
    await store(other, link(other, 1, title="Spring Sale"))
    names = {kept.id: name for name, kept in links.items()} | {destination["id"]: "made"}
    cases = {
        "spring": {"title", "tags"},
        "SPR": {"title", "tags"},
        "spring sale": {"title"},
        "sale spring": {"title"},
        "sal": {"title", "made"},
        "pring": set(),
        "b2b": {"tags"},
        "ete creme": {"accents"},
        "STRASSE": {"accents"},
        "\u00c9t\u0065\u0301": {"accents"},
        "\u03b1\u03b8\u03b7\u03bd": {"greek"},
        "crm-47": {"external"},
        "mueller": set(),
        "muller frau": {"notes"},
        "pricing": {"made"},
        "https://shop.example.org/autumn%20sale": {"made"},
        "cafe": {"made"},
        "list": {"made"},
        "example": set(names.values()),
        "$ne": set(),
        ".*": None,
    }
    for text, expected in cases.items():
        if expected is None:
            assert await api.code(COUNT, filter={"search": text}) == "BAD_REQUEST"
        else:
            assert await found(api, names, search=text) == expected, text


async def test_a_link_is_found_by_what_it_is_now(api: Api) -> None:
    made = await api.create(title="Before")
    change = "mutation ($input: UpdateLinkInput!) { updateLink(input: $input) { userErrors { code } } }"
    await api(change, input={"id": made["id"], "title": "Afterwards", "attributes": {"plan": "pro"}})
    names = {made["id"]: "link"}
    assert await found(api, names, search="before") == set()
    assert await found(api, names, search="after") == {"link"}
    assert await found(api, names, attribute={"name": "plan", "in": ["pro"]}) == {"link"}
    await api("mutation ($id: ID!) { deleteLink(id: $id) { deletedId } }", id=made["id"])
    assert await found(api, names, search="after") == set()


async def test_finds_by_attributes_as_rules_do(api: Api) -> None:
    values: dict[str, Any] = {
        "trial": {"plan": "trial", "seats": 5},
        "pro": {"plan": "pro", "seats": "12.5", "company": {"size": -3, "tags": ["a", "b"]}},
        "odd": {"plan": True, "seats": "many", "long": "x" * 500},
        "zero": {"seats": -0.0},
        "bare": {},
    }
    links = {name: link(api, number, attributes=each) for number, (name, each) in enumerate(values.items())}
    await store(api, *links.values())
    names = {kept.id: name for name, kept in links.items()}
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({"name": "plan", "in": ["trial", "pro"]}, {"trial", "pro"}),
        ({"name": "plan", "in": ["Trial"]}, set()),
        ({"name": "plan", "in": ["true"]}, {"odd"}),
        ({"name": "seats", "in": ["5"]}, {"trial"}),
        ({"name": "seats", "gte": 5}, {"trial", "pro"}),
        ({"name": "seats", "gte": 5.1, "lt": 12.6}, {"pro"}),
        ({"name": "seats", "lt": 5}, {"zero"}),
        ({"name": "seats", "gte": 0, "lt": 1e300}, {"trial", "pro", "zero"}),
        ({"name": "seats", "in": ["5", "12.5"], "gte": 6}, {"pro"}),
        ({"name": "seats", "in": ["many"], "gte": 6}, set()),
        ({"name": "seats", "exists": True}, {"trial", "pro", "odd", "zero"}),
        ({"name": "seats", "exists": False}, {"bare"}),
        ({"name": "plan", "exists": False}, {"zero", "bare"}),
        ({"name": "company.size", "lt": 0}, {"pro"}),
        ({"name": "company.tags", "in": ["b"]}, {"pro"}),
        ({"name": "company", "exists": True}, set()),
        ({"name": "long", "exists": True}, {"odd"}),
        ({"name": "long", "in": ["x" * 200]}, set()),
    ]
    for asked, expected in cases:
        assert await found(api, names, attribute=asked) == expected, asked


@pytest.mark.parametrize(
    "asked",
    [
        {"search": None},
        {"search": ""},
        {"search": "x" * 201},
        {"search": "a b c d e f g h i j k"},
        {"search": "\ud800"},
        {"templateId": None},
        {"templateId": "\ud800"},
        {"attribute": None},
        {"attribute": {"name": "plan"}},
        {"attribute": {"name": "", "exists": True}},
        {"attribute": {"name": "plan", "in": []}},
        {"attribute": {"name": "plan", "in": ["\ud800"]}},
        {"attribute": {"name": "plan", "gte": 2, "lt": 1}},
    ],
)
async def test_refuses_what_asks_for_nothing(api: Api, asked: dict[str, Any]) -> None:
    """Nulls, no words, too many; GQ-15: half characters."""
    assert await api.code(LIST, filter=asked) == "BAD_REQUEST"


async def test_an_operator_is_no_search(api: Api) -> None:
    """GQ-13."""
    for asked in ({"search": {"$gt": ""}}, {"attribute": {"name": "a", "in": [{"$ne": ""}]}}):
        assert (await api.run(LIST, filter=asked)).errors


async def test_finds_what_a_template_made(api: Api) -> None:
    first, second, third = (api.context.ids.new("tpl") for _ in range(3))
    origins = {"first": first, "second": second}
    links = {
        name: link(api, n, origin=Origin(template_id=template, template_version=1, values="{}"))
        for n, (name, template) in enumerate(origins.items())
    } | {"plain": link(api, 9)}
    await store(api, *links.values())
    names = {kept.id: name for name, kept in links.items()}
    assert await found(api, names, templateId=first) == {"first"}
    assert await found(api, names, templateId=third) == set()
    assert await found(api, names, templateId="wexample") == set()
