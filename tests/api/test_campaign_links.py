"""createCampaignLinks, and how links join a campaign: its defaults and its policy apply."""

from collections.abc import Mapping
from typing import Any

from domain import passwords
from domain.ids import of as id_of
from tests.api.conftest import Api, Commands, stores_with
from tests.api.test_campaigns import create as campaign

LINK = (
    "link { id slug destination finalDestination version"
    " campaign { id key } utm { source medium campaign content } }"
)
CREATE = (
    "mutation ($input: CreateLinkInput!) { createLink(input: $input) { "
    + LINK
    + " userErrors { code message field } } }"
)
UPDATE = (
    "mutation ($input: UpdateLinkInput!) { updateLink(input: $input) { "
    + LINK
    + " userErrors { code message field } } }"
)
CREATE_ALL = (
    "mutation ($campaignId: ID!, $input: CreateLinkInput!) {"
    " createCampaignLinks(campaignId: $campaignId, input: $input) { results { "
    + LINK
    + " userErrors { code field } } succeeded failed userErrors { code field } } }"
)
LINKS = """
query ($id: ID!, $first: Int, $after: String) { campaign(id: $id) {
  links(first: $first, after: $after) { nodes { id } totalCount { value } pageInfo { endCursor } } } }
"""
CHANNELS = [
    {"name": "Email", "source": "newsletter", "medium": "email"},
    {"name": "Paid social", "source": "linkedin", "medium": "social"},
]
POLICY = {"required": ["source"], "allowed": {"medium": ["email", "social"]}}


async def create(api: Api, **fields: Any) -> Mapping[str, Any]:
    """The payload of a new link."""
    payload: Mapping[str, Any] = (await api(CREATE, input={"destination": "https://example.com/", **fields}))[
        "createLink"
    ]
    return payload


async def update(api: Api, link: Mapping[str, Any], **fields: Any) -> Mapping[str, Any]:
    """The payload of a change."""
    payload: Mapping[str, Any] = (await api(UPDATE, input={"id": link["id"], **fields}))["updateLink"]
    return payload


def errors(payload: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Codes and paths."""
    return [(error["code"], error["field"]) for error in payload["userErrors"]]


def utm(link: Mapping[str, Any]) -> tuple[str | None, ...]:
    """Source, medium, campaign and content."""
    return tuple(link["utm"].values())


async def test_defaults_apply_where_the_link_says_nothing(api: Api) -> None:
    spring = await campaign(api, utm={"source": "news", "medium": "email"})
    made = (
        await create(
            api, campaignId=spring["id"], utm={"medium": "social"}, destination="https://e.com/?utm_content=c"
        )
    )["link"]
    assert utm(made) == ("news", "social", "spring", "c")
    assert made["campaign"] == {"id": spring["id"], "key": "spring"}
    assert made["finalDestination"] == (
        "https://e.com/?utm_source=news&utm_medium=social&utm_campaign=spring&utm_content=c"
    )
    assert (await create(api))["link"]["campaign"] is None


async def test_the_policy_refuses_and_names_what_is_allowed(api: Api) -> None:
    spring = await campaign(api, utmPolicy=POLICY)
    payload = await create(api, campaignId=spring["id"], utm={"medium": "fax", "content": "Hero"})
    assert payload["link"] is None
    assert [(error["code"], error["message"], error["field"]) for error in payload["userErrors"]] == [
        ("REQUIRED", "The campaign requires utm_source.", ["utm", "source"]),
        (
            "NOT_ALLOWED",
            "The campaign does not allow 'fax' as utm_medium; allowed: email, social.",
            ["utm", "medium"],
        ),
        (
            "INVALID",
            "The campaign's UTM parameters are lower-case: write utm_content as 'hero'.",
            ["utm", "content"],
        ),
    ]
    assert (await api(LINKS, id=spring["id"]))["campaign"]["links"]["totalCount"] == {"value": 0}


async def test_an_unknown_campaign_is_not_found(api: Api, other: Api) -> None:
    foreign = await campaign(other)
    for wanted in (foreign["id"], id_of("cmp", 1, bytes(10)), "x", ""):
        payload = await create(api, campaignId=wanted)
        assert (payload["link"], errors(payload)) == (None, [("NOT_FOUND", ["campaignId"])])
    made = (await create(api))["link"]
    assert errors(await update(api, made, campaignId=foreign["id"])) == [("NOT_FOUND", ["campaignId"])]


async def test_a_change_is_judged_where_it_touches_parameters(api: Api) -> None:
    spring = await campaign(api, utm={"source": "news"}, utmPolicy=POLICY)
    made = (await create(api, campaignId=spring["id"]))["link"]
    assert errors(await update(api, made, utm={"medium": "fax"})) == [("NOT_ALLOWED", ["utm", "medium"])]
    assert errors(await update(api, made, utm=None)) == [("REQUIRED", ["utm", "source"])]
    refused = await update(api, made, destination="https://example.com/?utm_medium=fax")
    assert errors(refused) == [("NOT_ALLOWED", ["utm", "medium"])]
    changed = (await update(api, made, utm={"medium": "social"}, title="t"))["link"]
    assert utm(changed) == ("news", "social", "spring", None)
    assert changed["version"] == 2


async def test_a_link_that_moves_takes_the_parameters_of_its_new_campaign(api: Api) -> None:
    spring = await campaign(api, name="Spring", utm={"source": "news", "content": "a"})
    autumn = await campaign(api, name="Autumn", utm={"source": "paper"}, utmPolicy={"required": ["medium"]})
    made = (await create(api, campaignId=spring["id"], utm={"content": "own"}))["link"]
    assert errors(await update(api, made, campaignId=autumn["id"])) == [("REQUIRED", ["utm", "medium"])]
    moved = (await update(api, made, campaignId=autumn["id"], utm={"medium": "print"}))["link"]
    assert utm(moved) == ("paper", "print", "autumn", "own")
    assert moved["campaign"]["id"] == autumn["id"]
    left = (await update(api, made, campaignId=None))["link"]
    assert (utm(left), left["campaign"]) == ((None, "print", None, "own"), None)
    same = (await update(api, made, campaignId=None))["link"]
    assert same["version"] == left["version"]


async def test_one_call_makes_a_link_for_each_channel(api: Api) -> None:
    spring = await campaign(api, channels=CHANNELS, utm={"content": "hero"}, utmPolicy=POLICY)
    fields = {"destination": "https://example.com/?utm_source=x", "slug": f"sale-{spring['id'][-8:]}"}
    payload = (await api(CREATE_ALL, campaignId=spring["id"], input=fields))["createCampaignLinks"]
    assert (payload["succeeded"], payload["failed"], payload["userErrors"]) == (2, 0, [])
    made = [result["link"] for result in payload["results"]]
    assert [utm(link) for link in made] == [
        ("newsletter", "email", "spring", "hero"),
        ("linkedin", "social", "spring", "hero"),
    ]
    assert [link["slug"] for link in made] == [f"{fields['slug']}-email", f"{fields['slug']}-paid-social"]
    assert [link["campaign"]["id"] for link in made] == [spring["id"]] * 2
    first = (await api(LINKS, id=spring["id"], first=1))["campaign"]["links"]
    rest = (await api(LINKS, id=spring["id"], first=1, after=first["pageInfo"]["endCursor"]))["campaign"][
        "links"
    ]
    assert {node["id"] for node in first["nodes"] + rest["nodes"]} == {link["id"] for link in made}
    assert first["totalCount"] == {"value": 2}


async def test_links_of_channels_share_a_password(api: Api) -> None:
    """What every link of the call can have, each gets; of the password only a hash is kept."""
    spring = await campaign(api, channels=CHANNELS)
    fields = {"destination": "https://example.com/", "password": "open sesame"}
    payload = (await api(CREATE_ALL, campaignId=spring["id"], input=fields))["createCampaignLinks"]
    assert (payload["succeeded"], payload["failed"]) == (2, 0)
    workspace_id = api.context.viewer.workspace_id
    made = [await api.services.links.by_id(workspace_id, each["link"]["id"]) for each in payload["results"]]
    kept = [link.password for link in made if link is not None and link.password is not None]
    assert [passwords.opens(sealed, "open sesame") for sealed in kept] == [True, True]


async def test_each_channel_succeeds_or_fails_alone(api: Api) -> None:
    spring = await campaign(api, channels=CHANNELS)
    slug = f"row-{spring['id'][-8:]}"
    await create(api, slug=f"{slug}-email")
    payload = (
        await api(CREATE_ALL, campaignId=spring["id"], input={"destination": "https://e.com/", "slug": slug})
    )["createCampaignLinks"]
    assert (payload["succeeded"], payload["failed"]) == (1, 1)
    assert [errors(result) for result in payload["results"]] == [[("TAKEN", ["0", "slug"])], []]


async def test_refuses_what_differs_by_channel(api: Api, other: Api) -> None:
    spring = await campaign(api, channels=CHANNELS)
    empty = await campaign(api, name="Empty")
    destination = {"destination": "https://example.com/"}
    cases: list[tuple[Api, str, dict[str, Any], list[tuple[str, list[str]]]]] = [
        (other, spring["id"], {}, [("NOT_FOUND", ["campaignId"])]),
        (api, "nonsense", {}, [("NOT_FOUND", ["campaignId"])]),
        (api, empty["id"], {}, [("REQUIRED", ["campaignId"])]),
        (api, spring["id"], {"campaignId": empty["id"]}, [("INVALID", ["input", "campaignId"])]),
        (api, spring["id"], {"externalId": "e"}, [("INVALID", ["input", "externalId"])]),
        (api, spring["id"], {"utm": {"source": "s"}}, [("INVALID", ["input", "utm", "source"])]),
    ]
    for caller, wanted, fields, expected in cases:
        payload = (await caller(CREATE_ALL, campaignId=wanted, input={**destination, **fields}))[
            "createCampaignLinks"
        ]
        assert (payload["results"], errors(payload)) == ([], expected)
    assert (await api(LINKS, id=spring["id"]))["campaign"]["links"]["nodes"] == []


async def test_links_are_filtered_by_campaign(api: Api) -> None:
    spring, autumn = await campaign(api), await campaign(api, name="Autumn")
    made = (await create(api, campaignId=spring["id"]))["link"]
    await create(api)
    listing = "query ($filter: LinkFilter) { links(filter: $filter) { nodes { id } } }"
    for wanted, expected in ((spring["id"], [{"id": made["id"]}]), (autumn["id"], []), ("", [])):
        assert (await api(listing, filter={"campaignId": wanted}))["links"]["nodes"] == expected
    assert await api.code(listing, filter={"campaignId": None}) == "BAD_REQUEST"


async def test_campaigns_of_many_links_are_one_round_trip(api: Api) -> None:
    """Database round trips of a query are constant in the number of links."""
    for number in range(3):
        each = await campaign(api, name=f"n{number}")
        await create(api, campaignId=each["id"])
    rows = [{"destination": "https://e.com/", "campaignId": each["id"]} for _ in range(5)]
    commands = Commands()
    async with stores_with(api.services, commands) as stores:
        listing = "{ links(first: 3) { nodes { campaign { name } } } }"
        assert len((await api.on(stores)(listing))["links"]["nodes"]) == 3
        assert commands.sent == ["find", "find"]
        commands.sent.clear()
        many = "mutation ($input: [CreateLinkInput!]!) { createLinks(input: $input) { succeeded } }"
        assert (await api.on(stores)(many, input=rows))["createLinks"]["succeeded"] == 5
        assert commands.sent == ["find", "find", "insert", "insert", "commitTransaction"]


async def test_a_rollback_brings_back_the_campaign_and_its_parameters(api: Api) -> None:
    spring = await campaign(api, utm={"source": "news"})
    made = (await create(api, campaignId=spring["id"]))["link"]
    await update(api, made, campaignId=None)
    roll_back = (
        "mutation ($id: ID!) { rollbackLink(id: $id, toVersion: 1) { " + LINK + " userErrors { code } } }"
    )
    link = (await api(roll_back, id=made["id"]))["rollbackLink"]["link"]
    assert (utm(link), link["campaign"], link["version"]) == (utm(made), made["campaign"], 3)
