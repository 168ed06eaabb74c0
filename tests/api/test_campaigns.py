"""createCampaign, updateCampaign, campaign, campaigns: made, changed, looked up and listed."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from domain.access import Scope
from domain.ids import of as id_of
from tests.api.conftest import Api

CAMPAIGN = """
fragment campaign on Campaign {
  id version name key channels { name source medium } utm { source medium campaign term content }
  utmPolicy { required allowed lowercase } startsAt endsAt cost { amount currency } createdAt updatedAt
}
"""
CREATE = (
    "mutation ($input: CreateCampaignInput!) { createCampaign(input: $input) {"
    " campaign { ...campaign } userErrors { code message field } } }" + CAMPAIGN
)
UPDATE = (
    "mutation ($input: UpdateCampaignInput!) { updateCampaign(input: $input) {"
    " campaign { ...campaign } userErrors { code message field } } }" + CAMPAIGN
)
BY_ID = "query ($id: ID!) { campaign(id: $id) { ...campaign } }" + CAMPAIGN
LIST = """
query ($first: Int, $after: String) {
  campaigns(first: $first, after: $after) {
    nodes { id name } pageInfo { hasNextPage endCursor } totalCount { value exact }
  }
}
"""


async def create(api: Api, **fields: Any) -> Mapping[str, Any]:
    """A campaign that is accepted."""
    payload = (await api(CREATE, input={"name": "Spring", **fields}))["createCampaign"]
    assert payload["userErrors"] == []
    campaign: Mapping[str, Any] = payload["campaign"]
    return campaign


async def refused(api: Api, **fields: Any) -> list[tuple[str, list[str]]]:
    """The errors of a campaign, once it is sure that none was kept."""
    payload = (await api(CREATE, input={"name": "Spring", **fields}))["createCampaign"]
    assert payload["campaign"] is None
    assert (await api(LIST))["campaigns"]["nodes"] == []
    return [(error["code"], error["field"]) for error in payload["userErrors"]]


async def update(api: Api, campaign: Mapping[str, Any], **fields: Any) -> Mapping[str, Any]:
    """The payload of a change."""
    payload: Mapping[str, Any] = (await api(UPDATE, input={"id": campaign["id"], **fields}))["updateCampaign"]
    return payload


async def test_makes_a_campaign_of_everything(api: Api) -> None:
    made = await create(
        api,
        name=" Spring sale ",
        key="spring-26",
        channels=[{"name": "Email", "source": "newsletter", "medium": "email"}],
        utm={"content": "hero"},
        utmPolicy={"required": ["source", "utm_medium"], "allowed": {"utm_medium": ["email", "social"]}},
        startsAt="2026-03-01T00:00:00Z",
        endsAt="2026-06-01T00:00:00+02:00",
        cost={"amount": "1250.5", "currency": "eur"},
    )
    assert made == {
        "id": made["id"],
        "version": 1,
        "name": "Spring sale",
        "key": "spring-26",
        "channels": [{"name": "Email", "source": "newsletter", "medium": "email"}],
        "utm": {"source": None, "medium": None, "campaign": "spring-26", "term": None, "content": "hero"},
        "utmPolicy": {
            "required": ["source", "medium"],
            "allowed": {"medium": ["email", "social"]},
            "lowercase": True,
        },
        "startsAt": "2026-03-01T00:00:00.000Z",
        "endsAt": "2026-05-31T22:00:00.000Z",
        "cost": {"amount": "1250.50", "currency": "EUR"},
        "createdAt": made["createdAt"],
        "updatedAt": made["createdAt"],
    }
    assert (await api(BY_ID, id=made["id"]))["campaign"] == made


async def test_makes_a_campaign_of_a_name(api: Api) -> None:
    made = await create(api, name="Café & Crème, Spring 2026!")
    assert made["key"] == "cafe-creme-spring-2026"
    assert made["utmPolicy"] == {"required": [], "allowed": {}, "lowercase": False}
    assert (made["channels"], made["cost"], made["startsAt"]) == ([], None, None)
    again = await create(api, name="Café & Crème, Spring 2026!")
    assert again["key"].startswith("cafe-creme-spring-2026-")
    assert len(again["key"]) == len(made["key"]) + 6
    assert (await create(api, name="Весна"))["key"] == "весна"
    assert len((await create(api, name="!!!"))["key"]) == 8


async def test_keys_are_unique_in_a_workspace(api: Api, other: Api) -> None:
    await create(api, key="spring")
    payload = (await api(CREATE, input={"name": "x", "key": "SPRING"}))["createCampaign"]
    assert payload["campaign"] is None
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("TAKEN", ["key"])]
    assert (await create(other, key="spring"))["key"] == "spring"


async def test_of_campaigns_that_want_a_key_at_once_one_gets_it(api: Api) -> None:
    payloads = await asyncio.gather(*(api(CREATE, input={"name": "x", "key": "race"}) for _ in range(10)))
    made = [payload["createCampaign"]["campaign"] for payload in payloads]
    assert len([campaign for campaign in made if campaign is not None]) == 1
    names = await asyncio.gather(*(api(CREATE, input={"name": "Same name"}) for _ in range(10)))
    assert len({payload["createCampaign"]["campaign"]["key"] for payload in names}) == 10


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"name": " "}, [("REQUIRED", ["name"])]),
        ({"name": "x" * 201, "key": ""}, [("INVALID", ["name"]), ("INVALID", ["key"])]),
        ({"name": "a\u202eb"}, [("INVALID", ["name"])]),
        (
            {
                "channels": [
                    {"name": "a", "source": "", "medium": "m"},
                    {"name": "A", "source": "s", "medium": "m"},
                ]
            },
            [("INVALID", ["channels", "0", "source"]), ("DUPLICATE", ["channels", "1", "name"])],
        ),
        (
            {"channels": [{"name": str(n), "source": "s", "medium": "m"} for n in range(51)]},
            [("INVALID", ["channels"])],
        ),
        ({"utm": {"campaign": "other"}}, [("INVALID", ["utm", "campaign"])]),
        ({"utm": {"source": "a\nb"}}, [("INVALID", ["utm", "source"])]),
        ({"utmPolicy": {"required": ["colour"]}}, [("INVALID", ["utmPolicy", "required"])]),
        ({"utmPolicy": {"allowed": {"colour": ["red"]}}}, [("INVALID", ["utmPolicy", "allowed"])]),
        ({"utmPolicy": {"allowed": {"medium": "email"}}}, [("INVALID", ["utmPolicy", "allowed"])]),
        ({"utmPolicy": {"allowed": {"medium": []}}}, [("INVALID", ["utmPolicy", "allowed"])]),
        ({"utmPolicy": {"allowed": {"$gt": [""]}}}, [("INVALID", ["utmPolicy", "allowed"])]),
        ({"utmPolicy": {"allowed": ["email"]}}, [("INVALID", ["utmPolicy", "allowed"])]),
        ({"utmPolicy": {"allowed": {"medium": ["Email"]}}}, [("INVALID", ["utmPolicy", "allowed"])]),
        ({"key": "Spring", "utmPolicy": {}}, [("INVALID", ["utm", "campaign"])]),
        (
            {
                "utm": {"medium": "fax"},
                "utmPolicy": {"allowed": {"medium": ["email"]}},
                "channels": [{"name": "a", "source": "News", "medium": "post"}],
            },
            [
                ("NOT_ALLOWED", ["utm", "medium"]),
                ("INVALID", ["channels", "0", "source"]),
                ("NOT_ALLOWED", ["channels", "0", "medium"]),
            ],
        ),
        ({"startsAt": "2026-02-01T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z"}, [("INVALID", ["endsAt"])]),
        ({"startsAt": "soon"}, [("INVALID", ["startsAt"])]),
        ({"cost": {"amount": "1.999", "currency": "EUR"}}, [("INVALID", ["cost", "amount"])]),
        ({"cost": {"amount": "-1", "currency": "EUR"}}, [("INVALID", ["cost", "amount"])]),
        ({"cost": {"amount": "1e400", "currency": "EUR"}}, [("INVALID", ["cost", "amount"])]),
        ({"cost": {"amount": "1.5", "currency": "JPY"}}, [("INVALID", ["cost", "amount"])]),
        ({"cost": {"amount": "1", "currency": "EURO"}}, [("INVALID", ["cost", "currency"])]),
    ],
)
async def test_refuses_campaigns(
    api: Api, fields: dict[str, Any], errors: list[tuple[str, list[str]]]
) -> None:
    """GQ-13, GQ-15: each bad field is named, whatever stands in JSON scalars; nothing is kept."""
    assert await refused(api, **fields) == errors


async def test_a_number_is_no_decimal(api: Api) -> None:
    assert (await api.run(CREATE, input={"name": "x", "cost": {"amount": 1.5, "currency": "EUR"}})).errors


async def test_changes_only_what_is_given(api: Api) -> None:
    made = await create(api, utm={"source": "news", "term": "t"}, cost={"amount": "5", "currency": "USD"})
    changed = (await update(api, made, name="Autumn", utm={"source": None, "content": "c"}))["campaign"]
    assert changed == {
        **made,
        "name": "Autumn",
        "version": 2,
        "updatedAt": changed["updatedAt"],
        "utm": {"source": None, "medium": None, "campaign": "spring", "term": "t", "content": "c"},
    }
    same = (await update(api, made, name="Autumn"))["campaign"]
    assert same["version"] == 2
    cleared = (await update(api, made, utm=None, cost=None, utmPolicy=None, channels=None))["campaign"]
    assert cleared["utm"] == {
        "source": None,
        "medium": None,
        "campaign": "spring",
        "term": None,
        "content": None,
    }
    assert (cleared["cost"], cleared["version"]) == (None, 3)
    for fields in ({"name": None}, {"utm": {"campaign": "other"}}):
        assert (await update(api, made, **fields))["campaign"] is None
    assert (await api(BY_ID, id=made["id"]))["campaign"] == cleared


async def test_a_version_locks(api: Api, other: Api) -> None:
    made = await create(api)
    assert (await update(api, made, version=1, name="a"))["campaign"]["version"] == 2
    stale = await update(api, made, version=1, name="b")
    assert stale["campaign"] is None
    assert [(error["code"], error["field"]) for error in stale["userErrors"]] == [("STALE", ["version"])]
    for caller, wanted in ((other, made["id"]), (api, id_of("cmp", 1, bytes(10))), (api, "lnk_x")):
        missing = (await caller(UPDATE, input={"id": wanted, "name": "c"}))["updateCampaign"]
        assert [(error["code"], error["field"]) for error in missing["userErrors"]] == [("NOT_FOUND", ["id"])]
    assert (await api(BY_ID, id=made["id"]))["campaign"]["name"] == "a"


async def test_lists_pages_newest_first(api: Api, other: Api) -> None:
    made = [(await create(api, name=f"n{number}"))["id"] for number in range(5)]
    await create(other)
    seen: list[str] = []
    after = None
    while True:
        page = (await api(LIST, first=2, after=after))["campaigns"]
        seen += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        assert page["totalCount"] == {"value": 5, "exact": True}
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert sorted(seen) == sorted(made)
    assert seen == sorted(seen, reverse=True)
    assert await other.code(LIST, after=after) == "BAD_CURSOR"
    assert await api.code(LIST, first=251) == "BAD_REQUEST"


async def test_another_workspaces_campaign_is_null(api: Api, other: Api) -> None:
    """GQ-14: also by node, where an own one is found."""
    made = await create(api)
    node = "query ($id: ID!) { node(id: $id) { __typename id } }"
    assert (await api(node, id=made["id"]))["node"] == {"__typename": "Campaign", "id": made["id"]}
    assert (await other(node, id=made["id"]))["node"] is None
    for wanted in (made["id"], "", "cmp_", made["id"].replace("cmp_", "lnk_")):
        assert (await other(BY_ID, id=wanted))["campaign"] is None
    assert await api.acting(Scope.ANALYTICS_READ).code(node, id=made["id"]) == "FORBIDDEN"


@pytest.mark.parametrize("collection", ["campaigns", "templates"])
async def test_lists_use_an_index(api: Api, collection: str) -> None:
    query = {"workspace_id": api.context.viewer.workspace_id, "_id": {"$lt": id_of("cmp", 2**40, bytes(10))}}
    explained = await api.services.database[collection].find(query).sort("_id", -1).limit(51).explain()
    assert "COLLSCAN" not in str(explained["queryPlanner"]["winningPlan"])
    assert "SORT" not in str(explained["queryPlanner"]["winningPlan"])
