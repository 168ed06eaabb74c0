"""Rules and variants of templates, and the links that templates made."""

from collections.abc import Mapping
from typing import Any

from domain.links import Origin
from tests.api.conftest import Api, Commands, stores_with
from tests.api.test_links import link, store
from tests.api.test_templates import create, errors

UPDATE = """
mutation ($input: UpdateTemplateInput!) { updateTemplate(input: $input) {
  template { version rules { name } variants { key } variables { name } } userErrors { code field message }
} }
"""
PREVIEW = """
query ($id: ID!, $variables: JSON!) { template(id: $id) {
  rules { name when destination variants { key destination weight } block }
  variants { key destination weight }
  preview(variables: $variables) {
    rules { name when destination variants { key destination weight } block }
    variants { key destination weight }
    userErrors { code field message }
  }
} }
"""
REFUSED = (
    "mutation ($input: CreateTemplateInput!) { createTemplate(input: $input)"
    " { template { id } userErrors { code field message } } }"
)
RULES: list[dict[str, Any]] = [
    {
        "name": "uk",
        "when": {"country": ["GB"]},
        "destination": "https://example.co.uk/{{ plan }}?ref={{ id }}",
    },
    {
        "name": "phones",
        "when": {"any": [{"device": ["MOBILE"]}, {"os": ["iOS"]}]},
        "variants": [
            {"key": "a", "destination": "https://m.example.com/{{ plan }}", "weight": 3},
            {"key": "b", "destination": "https://M.example.com/plain"},
        ],
    },
    {"name": "bots", "when": {"device": ["BOT"]}, "block": True},
]
VARIANTS: list[dict[str, Any]] = [
    {"key": "long", "destination": "https://example.com/long/{{ plan }}"},
    {"key": "short", "destination": "https://example.com/short", "weight": 2},
]


async def shown(api: Api, template: Mapping[str, Any], **variables: Any) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = (await api(PREVIEW, id=template["id"], variables=variables))["template"]
    return answer


async def test_destinations_of_rules_and_variants_are_patterns(api: Api) -> None:
    template = await create(api, rules=RULES, variants=VARIANTS)
    answer = await shown(api, template, plan="a/b?c#d", id="x&y=z", customer={"plan": "pro", "id": 1})
    rules = answer["rules"]
    assert [rule["destination"] for rule in rules] == [RULES[0]["destination"], None, None]
    assert rules[1]["variants"][1] == {"key": "b", "destination": "https://m.example.com/plain", "weight": 1}
    made = answer["preview"]
    assert made["userErrors"] == []
    assert [rule["when"] for rule in made["rules"]] == [rule["when"] for rule in RULES]
    assert made["rules"][0]["destination"] == "https://example.co.uk/a%2Fb%3Fc%23d?ref=x%26y%3Dz"
    assert made["rules"][1]["variants"] == [
        {"key": "a", "destination": "https://m.example.com/a%2Fb%3Fc%23d", "weight": 3},
        {"key": "b", "destination": "https://m.example.com/plain", "weight": 1},
    ]
    assert (made["rules"][2]["block"], made["rules"][2]["destination"]) == (True, None)
    assert made["variants"] == [
        {"key": "long", "destination": "https://example.com/long/a%2Fb%3Fc%23d", "weight": 1},
        {"key": "short", "destination": "https://example.com/short", "weight": 2},
    ]


async def test_variables_of_rules_are_variables_of_the_template(api: Api) -> None:
    template = await create(api, destination="https://example.com/", rules=RULES)
    assert {variable["name"] for variable in template["variables"]} == {"plan", "id"}
    made = (await shown(api, template, plan=".."))["preview"]
    assert errors(made) == [("MISSING_VARIABLE", ["variables", "id"])]
    made = (await shown(api, template, plan="..", id="1"))["preview"]
    assert errors(made) == [
        ("INVALID", ["rules", "0", "destination"]),
        ("INVALID", ["rules", "1", "variants", "0", "destination"]),
    ]
    assert made["rules"] is None
    assert made["variants"] is None


async def test_what_no_link_could_have_is_refused(api: Api) -> None:
    """LK-01, LK-15 and patterns that print a value where none may stand."""
    cases: list[tuple[dict[str, Any], list[tuple[str, list[str]]]]] = [
        (
            {"rules": [{**RULES[0], "destination": "javascript:alert({{ id }})"}]},
            [("INVALID", ["rules", "0", "destination"])],
        ),
        (
            {"rules": [RULES[0], {**RULES[0], "name": "b", "destination": "https://{{ id }}.example.com/"}]},
            [("INVALID", ["rules", "1", "destination"])],
        ),
        (
            {"rules": [{**RULES[0], "destination": "https://example.com/?{{ id }}=1"}]},
            [("INVALID", ["rules", "0", "destination"])],
        ),
        (
            {"variants": [{"key": "a", "destination": "https://example.com/{{ id | nofilter }}"}]},
            [("INVALID", ["variants", "0", "destination"])],
        ),
        (
            {"variants": [{"key": "a", "destination": "https://s.example/{{ id }}", "weight": 0}]},
            [("INVALID", ["variants", "0", "weight"])],
        ),
        (
            {"variants": [{"key": "a", "destination": "https://s.example/{{ id }}"}]},
            [("UNSAFE_URL", ["variants", "0", "destination"])],
        ),
        (
            {"rules": [{"name": "none", "when": {"country": ["GB"]}}]},
            [("REQUIRED", ["rules", "0", "destination"])],
        ),
        ({"rules": [RULES[0], RULES[0]]}, [("TAKEN", ["rules", "1", "name"])]),
    ]
    for fields, expected in cases:
        whole = {"name": "x", "destination": "https://example.com/{{ id }}", **fields}
        payload = (await api(REFUSED, input=whole))["createTemplate"]
        assert errors(payload) == expected, fields
        assert payload["template"] is None


async def test_a_change_replaces_and_null_clears(api: Api) -> None:
    template = await create(api, destination="https://example.com/", rules=RULES, variants=VARIANTS)
    payload = (await api(UPDATE, input={"id": template["id"], "rules": RULES[2:], "variants": None}))[
        "updateTemplate"
    ]
    assert payload["userErrors"] == []
    assert payload["template"] == {"version": 2, "rules": [{"name": "bots"}], "variants": [], "variables": []}


async def test_a_template_lists_its_links_and_they_name_it(api: Api, other: Api) -> None:
    first, second = await create(api), await create(api)
    foreign = await create(other)
    links = [
        link(api, number, origin=Origin(template_id=each["id"], template_version=1, values="{}"))
        for number, each in enumerate((first, first, second, foreign))
    ]
    plain = link(api, 9)
    await store(api, *links, plain)
    commands = Commands()
    async with stores_with(api.services, commands) as stores:
        answer = await api.on(stores)("{ links { nodes { id template { id name } } } }")
    assert {node["id"]: (node["template"] or {}).get("id") for node in answer["links"]["nodes"]} == {
        links[0].id: first["id"],
        links[1].id: first["id"],
        links[2].id: second["id"],
        links[3].id: None,
        plain.id: None,
    }
    assert commands.sent.count("find") == 2
    page = (
        "query ($id: ID!) { template(id: $id) {"
        " links(first: 1) { nodes { id } totalCount { value } pageInfo { endCursor } } } }"
    )
    found = (await api(page, id=first["id"]))["template"]["links"]
    assert (found["nodes"], found["totalCount"]) == ([{"id": links[1].id}], {"value": 2})
    rest = "query ($id: ID!, $after: String) { template(id: $id) { links(after: $after) { nodes { id } } } }"
    answer = await api(rest, id=first["id"], after=found["pageInfo"]["endCursor"])
    assert answer["template"]["links"]["nodes"] == [{"id": links[0].id}]
