"""Rules and variants of links through the graph: how they are kept, changed and refused."""

from typing import Any

import pytest
from graphql import GraphQLInputObjectType

from domain import conditions
from tests.api.conftest import Api
from tests.api.test_guide import ROOT, examples

FIELDS = "rules { name when destination block variants { key destination weight } } variants { key weight }"
CREATE = (
    "mutation ($input: CreateLinkInput!) { createLink(input: $input) {"
    f" link {{ id version {FIELDS} }} userErrors {{ code field message }} }} }}"
)
UPDATE = CREATE.replace("CreateLinkInput", "UpdateLinkInput").replace("createLink", "updateLink")
URL = "https://example.com/"
GB = {"name": "gb", "when": {"country": ["gb"]}, "destination": "HTTPS://Example.com/gb"}


def variant(**fields: Any) -> dict[str, Any]:
    return {"key": "a", "destination": URL, **fields}


async def refused(api: Api, **fields: Any) -> list[tuple[str, str]]:
    """Codes and paths of what stands against a new link."""
    answer = (await api(CREATE, input={"destination": URL, **fields}))["createLink"]
    assert answer["link"] is None
    return [(error["code"], ".".join(error["field"])) for error in answer["userErrors"]]


async def test_rules_and_variants_are_kept_in_canonical_form(api: Api) -> None:
    rules = [GB, {"name": "rest", "when": {"percent": 5}, "variants": [variant(weight=2)]}]
    made = (await api(CREATE, input={"destination": URL, "rules": rules, "variants": [variant()]}))[
        "createLink"
    ]
    assert made["link"]["variants"] == [{"key": "a", "weight": 1}]
    assert made["link"]["rules"] == [
        {
            "name": "gb",
            "when": {"country": ["GB"]},
            "destination": "https://example.com/gb",
            "block": False,
            "variants": [],
        },
        {
            "name": "rest",
            "when": {"percent": 5},
            "destination": None,
            "block": False,
            "variants": [{"key": "a", "destination": URL, "weight": 2}],
        },
    ]


async def test_changes_replace_keep_and_clear_them(api: Api) -> None:
    link = (await api(CREATE, input={"destination": URL, "rules": [GB], "variants": [variant()]}))[
        "createLink"
    ]["link"]

    async def changed(**fields: Any) -> Any:
        answer = (await api(UPDATE, input={"id": link["id"], **fields}))["updateLink"]
        assert answer["userErrors"] == []
        return answer["link"]

    assert (await changed(title="x"))["rules"] == link["rules"]
    assert (await changed(rules=[GB]))["version"] == 2  # the same in another spelling is no change
    assert (await changed(rules=[{**GB, "name": "b"}]))["rules"][0]["name"] == "b"
    cleared = await changed(rules=None, variants=[])
    assert (cleared["rules"], cleared["variants"]) == ([], [])


@pytest.mark.parametrize("weight", [0, -1, 1_000_001])
async def test_weights(api: Api, weight: int) -> None:
    """LK-15."""
    assert await refused(api, variants=[variant(weight=weight)]) == [("INVALID", "variants.0.weight")]
    rule = {**GB, "destination": None, "variants": [variant(), variant(key="b", weight=weight)]}
    assert await refused(api, rules=[rule]) == [("INVALID", "rules.0.variants.1.weight")]


async def test_a_weight_that_is_no_integer_is_thrown(api: Api) -> None:
    """LK-15: a wrong JSON type is the caller's mistake, not the row's."""
    result = await api.run(CREATE, input={"destination": URL, "variants": [variant(weight=float("nan"))]})
    assert result.errors


@pytest.mark.parametrize(
    ("rule", "errors"),
    [
        ({"destination": None}, [("REQUIRED", "destination")]),
        ({"block": True}, [("INVALID", "block")]),
        ({"variants": [variant()]}, [("INVALID", "variants")]),
        ({"name": " "}, [("INVALID", "name")]),
        ({"name": "x" * 101}, [("INVALID", "name")]),
        ({"name": "a\u202eb"}, [("INVALID", "name")]),
        ({"destination": "javascript:alert(1)"}, [("UNSAFE_URL", "destination")]),
        ({"destination": "https://GO.example./x"}, [("UNSAFE_URL", "destination")]),
        ({"when": {"all": [{"country": ["GB", "ZZ"]}]}}, [("INVALID", "when.all.0.country.1")]),
        ({"when": {"time": {"from": "25:00"}}}, [("INVALID", "when.time.from")]),
        ({"when": {"any": []}}, [("INVALID", "when.any")]),
        ({"destination": None, "variants": [variant(), variant()]}, [("TAKEN", "variants.1.key")]),
        (
            {"destination": None, "variants": [variant(key=str(number)) for number in range(21)]},
            [("LIMIT_EXCEEDED", "variants")],
        ),
    ],
)
async def test_rules_that_break_a_rule(api: Api, rule: dict[str, Any], errors: list[tuple[str, str]]) -> None:
    """LK-01, RU6: each error names its place in the input."""
    assert await refused(api, rules=[GB, {**GB, "name": "second", **rule}]) == [
        (code, f"rules.1.{path}") for code, path in errors
    ]


async def test_names_and_numbers_of_rules(api: Api) -> None:
    assert await refused(api, rules=[GB, GB]) == [("TAKEN", "rules.1.name")]
    many = [{**GB, "name": str(number)} for number in range(51)]
    assert await refused(api, rules=many) == [("LIMIT_EXCEEDED", "rules")]


async def test_everything_wrong_is_told_at_once(api: Api) -> None:
    bad = {"name": "", "when": {"percent": 101}, "destination": "x"}
    assert await refused(api, rules=[bad], variants=[variant(key="")], redirectCode=200) == [
        ("INVALID", "rules.0.name"),
        ("INVALID", "rules.0.when.percent"),
        ("INVALID", "rules.0.destination"),
        ("INVALID", "variants.0.key"),
        ("INVALID", "redirectCode"),
    ]


async def test_conditions_nested_without_end_are_refused_and_nothing_breaks(api: Api) -> None:
    """RU6: five levels are accepted, whatever is sent."""
    deep: dict[str, Any] = {"percent": 1}
    for _ in range(6):
        deep = {"not": deep}
    path = "rules.0.when.not.not.not.not.not"
    assert await refused(api, rules=[{**GB, "when": deep}]) == [("LIMIT_EXCEEDED", path)]


@pytest.mark.parametrize(
    "visit",
    [{"ip": "300.1.1.1"}, {"at": "noon"}, {"query": ["a"]}],
)
async def test_visits_that_are_none(api: Api, visit: dict[str, Any]) -> None:
    link = await api.create()
    document = (
        "query ($id: ID!, $visit: VisitInput!) { link(by: {id: $id}) { explain(visit: $visit) { rule } } }"
    )
    assert await api.code(document, id=link["id"], visit=visit) == "BAD_REQUEST"


async def test_a_closed_link_is_explained(api: Api) -> None:
    link = await api.create(rules=[GB], expiresAt="2020-01-01T00:00:00Z")
    document = (
        "query ($id: ID!) { link(by: {id: $id}) { explain(visit: {}) { outcome destination rule trace } } }"
    )
    assert (await api(document, id=link["id"]))["link"]["explain"] == {
        "outcome": "EXPIRED",
        "destination": None,
        "rule": None,
        "trace": ['gb: country ["GB"]: not asked'],
    }


def test_the_graph_offers_every_condition_and_no_other(api: Api) -> None:
    """The names of the API's input are those of the registry."""
    offered = api.schema._schema.type_map["ConditionInput"]
    assert isinstance(offered, GraphQLInputObjectType)
    assert offered.fields.keys() == conditions.KINDS.keys()


async def test_the_guide_does_what_it_says(api: Api) -> None:
    """docs/guide/rules.md: the link is made, and a German phone in the evening gets one of two variants."""
    (make, made), (push, pushed), (explain, asked) = examples(ROOT / "docs" / "guide" / "rules.md")
    answer = (await api(make, **made))["createLink"]
    assert answer["userErrors"] == []
    assert (await api(push, **pushed))["setSignals"]["signals"] == pushed["values"]
    decision = (await api(explain, **{**asked, "id": answer["link"]["id"]}))["link"]["explain"]
    ends = {"short": "kurz", "long": "lang"}
    assert (decision["outcome"], decision["rule"]) == ("REDIRECT", "German phones")
    assert decision["destination"] == (
        f"https://example.com/de/{ends[decision['variant']]}?utm_source=newsletter"
    )
    assert decision["trace"][:2] == [
        'closed countries: country ["KP"]: no, the visit has AT',
        "support is awake: all: no",
    ]
