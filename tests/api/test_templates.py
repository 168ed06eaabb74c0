"""createTemplate, updateTemplate, template, templates and Template.preview."""

from collections.abc import Mapping
from typing import Any

import pytest

from domain import creations, templates
from domain.access import Scope
from domain.ids import of as id_of
from domain.links import Link
from tests.api.conftest import Api, Commands, stores_with
from tests.api.test_campaigns import create as campaign

TEMPLATE = """
fragment template on Template {
  id name version destination slug domain title tags utm { source medium campaign term content } attributes
  expiresAfter variables { name type required default allowed } campaign { id } createdAt updatedAt
}
"""
CREATE = (
    "mutation ($input: CreateTemplateInput!) { createTemplate(input: $input) {"
    " template { ...template } userErrors { code message field } } }" + TEMPLATE
)
UPDATE = (
    "mutation ($input: UpdateTemplateInput!) { updateTemplate(input: $input) {"
    " template { ...template } userErrors { code message field } } }" + TEMPLATE
)
BY_ID = "query ($id: ID!) { template(id: $id) { ...template } }" + TEMPLATE
LIST = """
query ($first: Int, $after: String) {
  templates(first: $first, after: $after) {
    nodes { id } pageInfo { hasNextPage endCursor } totalCount { value exact }
  }
}
"""
PREVIEW = """
query ($id: ID!, $variables: JSON!) { template(id: $id) { preview(variables: $variables) {
  destination finalDestination slug title tags userErrors { code message field }
} } }
"""
WELCOME = "https://app.example.com/welcome/{{ customer.plan | downcase }}?ref={{ customer.id }}"


async def create(api: Api, **fields: Any) -> Mapping[str, Any]:
    """A template that is accepted."""
    payload = (await api(CREATE, input={"name": "Welcome", "destination": WELCOME, **fields}))[
        "createTemplate"
    ]
    assert payload["userErrors"] == []
    template: Mapping[str, Any] = payload["template"]
    return template


async def update(api: Api, template: Mapping[str, Any], **fields: Any) -> Mapping[str, Any]:
    """The payload of a change."""
    payload: Mapping[str, Any] = (await api(UPDATE, input={"id": template["id"], **fields}))["updateTemplate"]
    return payload


async def preview(api: Api, template: Mapping[str, Any], **variables: Any) -> Mapping[str, Any]:
    """What a template would make."""
    answer = await api(PREVIEW, id=template["id"], variables=variables)
    seen: Mapping[str, Any] = answer["template"]["preview"]
    return seen


def errors(payload: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Codes and paths."""
    return [(error["code"], error["field"]) for error in payload["userErrors"]]


async def test_makes_a_template_of_everything(api: Api) -> None:
    spring = await campaign(api)
    made = await create(
        api,
        slug="{{ customer.company | slugify }}-{{ step }}",
        domain="GO.example",
        title="Hello {{ customer.name }}",
        tags=["plan-{{ customer.plan }}", "welcome"],
        utm={"content": "{{ step }}"},
        attributes={"plan": "{{ customer.plan }}", "n": 1},
        expiresAfter="P30D",
        campaignId=spring["id"],
        variables=[
            {"name": "customer.plan", "required": True, "allowed": ["Free", "Pro"]},
            {"name": "step", "type": "INTEGER", "default": 1},
            {"name": "customer.name", "default": "friend"},
        ],
    )
    assert made["variables"] == [
        {
            "name": "customer.plan",
            "type": "STRING",
            "required": True,
            "default": None,
            "allowed": ["Free", "Pro"],
        },
        {"name": "step", "type": "INTEGER", "required": False, "default": 1, "allowed": None},
        {"name": "customer.name", "type": "STRING", "required": False, "default": "friend", "allowed": None},
        {"name": "customer.company", "type": "STRING", "required": True, "default": None, "allowed": None},
        {"name": "customer.id", "type": "STRING", "required": True, "default": None, "allowed": None},
    ]
    assert (made["domain"], made["expiresAfter"], made["version"]) == ("go.example", "P30D", 1)
    assert made["campaign"] == {"id": spring["id"]}
    assert (await api(BY_ID, id=made["id"]))["template"] == made
    seen = await preview(api, made, customer={"id": 42, "plan": "Pro", "company": "Café & Co"}, other="x")
    assert seen == {
        "destination": "https://app.example.com/welcome/pro?ref=42",
        "finalDestination": "https://app.example.com/welcome/pro?ref=42&utm_campaign=spring&utm_content=1",
        "slug": "cafe-co-1",
        "title": "Hello friend",
        "tags": ["plan-Pro", "welcome"],
        "userErrors": [],
    }


async def test_a_preview_names_what_is_missing_or_wrong(api: Api) -> None:
    made = await create(
        api, variables=[{"name": "customer.plan", "allowed": ["free", "pro"]}], title="{{ a_b }}"
    )
    seen = await preview(api, made, customer={"plan": "gold"})
    assert (seen["destination"], seen["slug"], seen["tags"]) == (None, None, None)
    assert [(error["code"], error["message"], error["field"]) for error in seen["userErrors"]] == [
        (
            "NOT_ALLOWED",
            "The variable customer.plan is 'gold'; allowed: free, pro.",
            ["variables", "customer.plan"],
        ),
        ("MISSING_VARIABLE", "The variable a_b is missing.", ["variables", "a_b"]),
        ("MISSING_VARIABLE", "The variable customer.id is missing.", ["variables", "customer.id"]),
    ]
    answer = await api(PREVIEW, id=made["id"], variables=[1])
    assert errors(answer["template"]["preview"]) == [("INVALID", ["variables"])]


@pytest.mark.parametrize(
    "value",
    ["../../admin", "//evil.example", "a?b=c", "a#b", "a&ref=2", "%2f..%2f", "a\r\nb", "ünï", "{{ x }}"],
)
async def test_a_value_stays_in_its_slot(api: Api, value: str) -> None:
    """LK-11: whatever it holds, the link that would be made has its host, depth and parameters."""
    made = await create(api, destination="https://example.com/a/{{ v }}/b?x={{ v }}&ref=1#f")
    destination = (await preview(api, made, v=value))["destination"]
    path, _, rest = destination.removeprefix("https://example.com/a/").partition("?")
    query, _, fragment = rest.partition("#")
    assert path.count("/") == 1
    assert path.endswith("/b")
    assert (query.count("&"), query.count("="), query.endswith("&ref=1"), fragment) == (1, 2, True, "f")


async def test_a_preview_is_judged_like_a_link(api: Api) -> None:
    spring = await campaign(api, utmPolicy={"allowed": {"medium": ["email"]}})
    made = await create(
        api,
        destination="https://example.com/{{ v }}",
        slug="{{ v }}",
        utm={"medium": "{{ m }}"},
        campaignId=spring["id"],
        attributes={"v": ["{{ v }}", {"deep": "{{ m }}"}]},
    )
    assert errors(await preview(api, made, v="graphql", m="email")) == [("INVALID", ["slug"])]
    assert errors(await preview(api, made, v="..", m="email")) == [("INVALID", ["destination"])]
    assert errors(await preview(api, made, v="a", m="fax")) == [("NOT_ALLOWED", ["utm", "medium"])]
    assert (await preview(api, made, v="A b/c", m="email"))["slug"] == "A-b-c"
    assert (await api("{ links { nodes { id } } }"))["links"]["nodes"] == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": " ", "destination": ""}, [("REQUIRED", ["name"]), ("REQUIRED", ["destination"])]),
        ({"destination": "https://{{ host }}/"}, [("INVALID", ["destination"])]),
        ({"destination": "javascript:{{ v }}"}, [("INVALID", ["destination"])]),
        ({"destination": "javascript:alert(1)"}, [("UNSAFE_URL", ["destination"])]),
        ({"destination": "https://s.example/{{ v }}"}, [("UNSAFE_URL", ["destination"])]),
        ({"destination": "https://e.com/?{{ v }}=1"}, [("INVALID", ["destination"])]),
        ({"destination": "https://e.com/{{ v"}, [("INVALID", ["destination"])]),
        (
            {"destination": "https://e.com/{% for a in b %}{{ a }}{% endfor %}"},
            [("INVALID", ["destination"])],
        ),
        ({"slug": "{{ v | nonsense }}"}, [("INVALID", ["slug"])]),
        ({"title": "x" * 2_049}, [("INVALID", ["title"])]),
        ({"tags": ["ok", "{{"]}, [("INVALID", ["tags", "1"])]),
        ({"utm": {"source": "{% if"}}, [("INVALID", ["utm", "source"])]),
        ({"attributes": {"a": [{"b": "{{ c"}]}}, [("INVALID", ["attributes"])]),
        ({"attributes": {"$a": 1}}, [("INVALID", ["attributes"])]),
        ({"domain": "nowhere.example"}, [("NOT_FOUND", ["domain"])]),
        ({"expiresAfter": "30 days"}, [("INVALID", ["expiresAfter"])]),
        ({"campaignId": id_of("cmp", 1, bytes(10))}, [("NOT_FOUND", ["campaignId"])]),
        ({"variables": [{"name": "a b"}]}, [("INVALID", ["variables", "0", "name"])]),
        (
            {"variables": [{"name": "n", "type": "INTEGER", "default": "x"}]},
            [("INVALID", ["variables", "0", "default"])],
        ),
        (
            {"variables": [{"name": "n", "default": {"$gt": ""}}]},
            [("INVALID", ["variables", "0", "default"])],
        ),
        (
            {"variables": [{"name": "n", "allowed": ["a"], "default": "b"}]},
            [("INVALID", ["variables", "0", "default"])],
        ),
        (
            {"variables": [{"name": "n", "type": "NUMBER", "allowed": ["x"]}]},
            [("INVALID", ["variables", "0", "allowed"])],
        ),
        ({"variables": [{"name": "n", "default": 2**63}]}, [("INVALID", ["variables", "0", "default"])]),
        ({"variables": [{"name": "n", "default": "\ud800"}]}, [("INVALID", ["variables", "0", "default"])]),
        ({"variables": [{"name": "n", "allowed": []}]}, [("INVALID", ["variables", "0", "allowed"])]),
        ({"variables": [{"name": "n"}, {"name": "n"}]}, [("DUPLICATE", ["variables", "n"])]),
        ({"variables": [{"name": "n_a.b"}, {"name": "n_a"}]}, [("DUPLICATE", ["variables", "n_a"])]),
        ({"variables": [{"name": f"n{number}"} for number in range(51)]}, [("INVALID", ["variables"])]),
    ],
)
async def test_refuses_templates(
    api: Api, fields: dict[str, Any], expected: list[tuple[str, list[str]]]
) -> None:
    """GQ-13, GQ-15, LK-01, RD-17: each bad field is named; nothing is kept."""
    payload = (await api(CREATE, input={"name": "x", "destination": "https://e.com/", **fields}))[
        "createTemplate"
    ]
    assert payload["template"] is None
    assert errors(payload) == expected
    assert (await api(LIST))["templates"]["totalCount"] == {"value": 0, "exact": True}


async def test_changes_only_what_is_given(api: Api) -> None:
    made = await create(
        api,
        title="{{ t }}",
        utm={"source": "a", "term": "{{ u }}"},
        variables=[{"name": "t", "default": "x"}],
    )
    changed = (
        await update(api, made, destination="https://e.com/{{ new }}", utm={"term": None, "medium": "m"})
    )["template"]
    assert (changed["version"], changed["title"], changed["createdAt"]) == (2, "{{ t }}", made["createdAt"])
    assert changed["utm"] == {"source": "a", "medium": "m", "campaign": None, "term": None, "content": None}
    assert [(each["name"], each["required"]) for each in changed["variables"]] == [
        ("t", False),
        ("new", True),
    ]
    assert (await update(api, made, title="{{ t }}"))["template"]["version"] == 2
    cleared = (await update(api, made, title=None, variables=None, utm=None))["template"]
    assert (cleared["title"], [each["name"] for each in cleared["variables"]]) == (None, ["new"])
    assert cleared["utm"] == dict.fromkeys(("source", "medium", "campaign", "term", "content"))
    for fields, expected in (
        ({"destination": None}, [("REQUIRED", ["destination"])]),
        ({"destination": "{{ v }}"}, [("INVALID", ["destination"])]),
        ({"version": 1, "name": "late"}, [("STALE", ["version"])]),
    ):
        refused = await update(api, made, **fields)
        assert (refused["template"], errors(refused)) == (None, expected)
    assert (await api(BY_ID, id=made["id"]))["template"] == cleared


async def test_another_workspaces_template_is_not_found(api: Api, other: Api) -> None:
    """GQ-14: also by node, where an own one is found."""
    made = await create(api)
    node = "query ($id: ID!) { node(id: $id) { __typename id } }"
    assert (await api(node, id=made["id"]))["node"] == {"__typename": "Template", "id": made["id"]}
    assert (await other(node, id=made["id"]))["node"] is None
    assert await api.acting(Scope.ANALYTICS_READ).code(node, id=made["id"]) == "FORBIDDEN"
    for wanted in (made["id"], "", "tpl_", made["id"].replace("tpl_", "lnk_")):
        assert (await other(BY_ID, id=wanted))["template"] is None
        refused = (await other(UPDATE, input={"id": wanted, "name": "mine"}))["updateTemplate"]
        assert errors(refused) == [("NOT_FOUND", ["id"])]


async def test_lists_pages_newest_first(api: Api, other: Api) -> None:
    made = [(await create(api, name=f"n{number}"))["id"] for number in range(3)]
    await create(other)
    first = (await api(LIST, first=2))["templates"]
    rest = (await api(LIST, first=2, after=first["pageInfo"]["endCursor"]))["templates"]
    seen = [node["id"] for node in first["nodes"] + rest["nodes"]]
    assert (sorted(seen), seen) == (sorted(made), sorted(seen, reverse=True))
    assert (first["totalCount"], rest["pageInfo"]["hasNextPage"]) == ({"value": 3, "exact": True}, False)
    assert await other.code(LIST, after=first["pageInfo"]["endCursor"]) == "BAD_CURSOR"


async def test_the_links_of_a_template_get_a_suffix_where_their_slug_is_taken(api: Api) -> None:
    """What bulk jobs will call: drafts that templates render, made by edits like any other."""
    made = await create(api, destination="https://e.com/{{ n }}", slug="{{ s }}", expiresAfter="P1M")
    kept = (await api.services.templates.by_ids(api.context.viewer.workspace_id, [made["id"]]))[made["id"]]
    slug = f"taken-{made['id'][-8:]}"
    await api.create(slug=slug)
    rows = [templates.render(kept, {"n": number, "s": slug}, api.context.clock()) for number in range(3)]
    links = await creations.create_many(rows, await api.context.workbench())
    assert all(isinstance(link, Link) for link in links)
    stored = [link for link in links if isinstance(link, Link)]
    assert [link.destination for link in stored] == [f"https://e.com/{number}" for number in range(3)]
    assert len({link.slug_key for link in stored}) == 3
    assert {link.slug[:-6] for link in stored} == {slug}
    assert all(link.expires_at is not None for link in stored)


async def test_previews_of_many_templates_are_as_many_round_trips_as_of_one(api: Api) -> None:
    for number in range(3):
        each = await campaign(api, name=f"n{number}")
        await create(api, destination="https://e.com/{{ v }}", campaignId=each["id"])
    commands = Commands()
    document = (
        '{ templates { nodes { campaign { key } preview(variables: {v: "a"}) { finalDestination } } } }'
    )
    async with stores_with(api.services, commands) as stores:
        nodes = (await api.on(stores)(document))["templates"]["nodes"]
        assert commands.sent == ["find", "find", "find"]
    assert [node["preview"]["finalDestination"] for node in nodes] == [
        f"https://e.com/a?utm_campaign={node['campaign']['key']}" for node in nodes
    ]
