"""createLink: one link, all of it or nothing."""

import asyncio
import unicodedata
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest

from app.services import Services
from domain.access import Scope
from domain.links import LinkChanged
from tests.api.conftest import CREATE, Api, Commands, stores_with


async def refused(api: Api, **fields: Any) -> list[tuple[str, list[str]]]:
    """Codes and fields of the errors of an input, once it is sure that nothing was kept."""
    before = await api.services.database["links"].count_documents({})
    made = (await api(CREATE, input={"destination": "https://example.com/", **fields}))["createLink"]
    assert made["link"] is None
    assert await api.services.database["links"].count_documents({}) == before
    return [(error["code"], error["field"]) for error in made["userErrors"]]


async def test_creates_a_link_with_its_defaults(api: Api) -> None:
    link = await api.create("HTTPS://Example.com:443/a b?x=1&utm_source=news&utm_medium=&y=%20#frag")
    assert link["destination"] == "https://example.com/a%20b?x=1&y=%20#frag"
    assert link["finalDestination"] == "https://example.com/a%20b?x=1&y=%20&utm_source=news#frag"
    assert link["domain"] == "s.example"
    assert link["shortUrl"] == f"https://s.example/{link['slug']}"
    assert len(link["slug"]) == 8
    expected = {
        "status": "ACTIVE",
        "title": None,
        "tags": [],
        "attributes": {},
        "utm": {"source": "news", "medium": None, "campaign": None, "term": None, "content": None},
        "redirectCode": 302,
        "forwardQuery": False,
        "fallback": None,
        "version": 1,
        "updatedAt": link["createdAt"],
    }
    assert {name: link[name] for name in expected} == expected


async def test_keeps_every_field(api: Api) -> None:
    fields: dict[str, Any] = {
        "domain": "go.example",
        "slug": "Früh-Jahr",
        "title": "Spring 🌱",
        "notes": "two\nlines",
        "tags": ["b", "a"],
        "externalId": "42",
        "externalSource": "billing",
        "attributes": {"plan": "trial", "seats": 3, "nested": {"list": [1, 2.5, None, True]}},
        "redirectCode": 307,
        "forwardQuery": True,
        "fallback": "https://example.com/gone?utm_source=kept",
    }
    link = await api.create(
        utm={"campaign": "spring"},
        startsAt="2030-01-01T01:00:00+01:00",
        expiresAt="2031-01-01t00:00:00.9999Z",
        **fields,
    )
    assert {name: link[name] for name in fields} == fields
    assert link["startsAt"] == "2030-01-01T00:00:00.000Z"
    assert link["expiresAt"] == "2031-01-01T00:00:00.999Z"
    assert link["status"] == "SCHEDULED"
    assert link["shortUrl"] == "https://go.example/Fr%C3%BCh-Jahr"
    assert link["utm"]["campaign"] == "spring"


async def test_null_means_the_default(api: Api) -> None:
    nulls: dict[str, Any] = dict.fromkeys(
        ["domain", "slug", "title", "tags", "attributes", "utm", "redirectCode", "forwardQuery", "expiresAt"]
    )
    link = await api.create(**nulls)
    assert (link["domain"], link["tags"], link["attributes"], link["redirectCode"]) == (
        "s.example",
        [],
        {},
        302,
    )


async def test_an_explicit_utm_wins_over_the_destination(api: Api) -> None:
    link = await api.create("https://e.example/?utm_source=a&utm_term=t", utm={"source": "b", "term": None})
    assert link["utm"]["source"] == "b"
    assert link["utm"]["term"] is None
    assert link["finalDestination"] == "https://e.example/?utm_source=b"


@pytest.mark.parametrize(
    "destination",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://example.com/1",
        "https://good.com\\@evil.com",
        "https://user:pass@example.com/",
        "https:///evil.example",
        "http:evil.example",
        "https://ex\tample.com",
        "https://example.com/\u202egnp.exe",
        "https://exam\u200bple.com/",
        "https://example.com/\ud800",
    ],
)
async def test_refuses_unsafe_destinations(api: Api, destination: str) -> None:
    """LK-01, LK-02, LK-04, GQ-15."""
    assert await refused(api, destination=destination) == [("UNSAFE_URL", ["destination"])]


@pytest.mark.parametrize(
    "destination",
    [
        "https://[::1",
        "https://example.com:99999/",
        "https://example.com:0x50/",
        "https://",
        f"https://example.com/{'x' * 9_000}",
        "//evil.example",
        "example.com",
        "",
    ],
)
async def test_refuses_what_is_no_url(api: Api, destination: str) -> None:
    """LK-02, LK-03."""
    assert await refused(api, destination=destination) == [("INVALID", ["destination"])]


async def test_vets_the_fallback_like_the_destination(api: Api) -> None:
    assert await refused(api, fallback="javascript:x") == [("UNSAFE_URL", ["fallback"])]


@pytest.mark.parametrize(
    "destination",
    ["https://S.Example/x", "http://s.example:8443/", "https://s.example./", "https://go.example/y"],
)
async def test_refuses_to_lead_back_to_short_links(api: Api, destination: str) -> None:
    """RD-17: case, port, trailing dot, custom domain."""
    assert await refused(api, destination=destination) == [("UNSAFE_URL", ["destination"])]


async def test_writes_foreign_letters_as_punycode_and_warns(api: Api) -> None:
    """LK-04, RD-10."""
    made = (await api(CREATE, input={"destination": "https://аррӏе.com/"}))["createLink"]
    assert made["link"]["destination"] == "https://xn--80ak6aa92e.com/"
    assert "xn--80ak6aa92e.com" in made["warnings"][0]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"slug": "metrics"}, ["slug"]),
        ({"slug": "ＧｒａｐｈＱＬ"}, ["slug"]),
        ({"slug": "robots%2etxt"}, ["slug"]),
        ({"slug": "robots.txt."}, ["slug"]),
        ({"slug": "pay\u200bpal"}, ["slug"]),
        ({"title": "x\u202ey"}, ["title"]),
        ({"title": "x" * 301}, ["title"]),
        ({"title": "\ud800"}, ["title"]),
        ({"tags": ["ok", ""]}, ["tags"]),
        ({"tags": ["x"] * 51}, ["tags"]),
        ({"redirectCode": 303}, ["redirectCode"]),
        ({"startsAt": "tomorrow"}, ["startsAt"]),
        ({"expiresAt": "2026-02-30T00:00:00Z"}, ["expiresAt"]),
        ({"expiresAt": "9999-12-31T23:59:59-23:00"}, ["expiresAt"]),
        ({"startsAt": "2030-01-02T00:00:00Z", "expiresAt": "2030-01-01T00:00:00Z"}, ["expiresAt"]),
        ({"utm": {"source": "a\x00b"}}, ["utm", "source"]),
        ({"attributes": ["a"]}, ["attributes"]),
        ({"attributes": "a"}, ["attributes"]),
    ],
)
async def test_names_the_field_that_is_wrong(api: Api, fields: dict[str, Any], field: list[str]) -> None:
    """LK-04, LK-05, GQ-15."""
    assert await refused(api, **fields) == [("INVALID", field)]


async def test_tells_everything_that_is_wrong_at_once(api: Api) -> None:
    errors = await refused(api, destination="data:x", slug="api", redirectCode=1, externalSource="crm")
    assert errors == [("UNSAFE_URL", ["destination"]), ("INVALID", ["slug"]), ("INVALID", ["redirectCode"])]
    assert await refused(api, externalSource="crm") == [("REQUIRED", ["externalId"])]


async def test_knows_only_the_domains_of_the_workspace(api: Api) -> None:
    assert await refused(api, domain="elsewhere.example") == [("NOT_FOUND", ["domain"])]


@pytest.mark.parametrize(
    "attributes",
    [
        {"$gt": ""},
        {"plan": {"$ne": None}},
        {"a.b": 1},
        {"a\x00b": 1},
        {"": 1},
        {"n": 2**63},
        {"n": -(2**53)},
        {"s": "\ud800"},
        {"a": {"b": {"c": {"d": {}}}}},
        {"a": "x" * 17_000},
        {str(number): number for number in range(101)},
    ],
)
async def test_refuses_attributes_that_a_database_or_client_would_misread(
    api: Api, attributes: dict[str, Any]
) -> None:
    """GQ-13, GQ-15: never an operator; MongoDB never sees it."""
    assert await refused(api, attributes=attributes) == [("INVALID", ["attributes"])]


async def test_judges_json_written_into_the_document(api: Api) -> None:
    """GQ-15: 1e400 and 2^63 as literals."""
    for literal in ("{n: 1e400}", "{n: 9223372036854775808}", "{_id: {n: -1e999}}"):
        document = (
            'mutation { createLink(input: {destination: "https://e.example", attributes: %s})'
            " { link { id } userErrors { code field } } }"
        )
        made = (await api(document % literal))["createLink"]
        assert made == {"link": None, "userErrors": [{"code": "INVALID", "field": ["attributes"]}]}


async def test_keeps_harmless_oddities_as_they_are(api: Api) -> None:
    """GQ-15: `__proto__` and -0 are only a name and a number."""
    link = await api.create(attributes={"__proto__": {"x": 1}, "zero": -0.0, "e": "é"})
    assert link["attributes"] == {"__proto__": {"x": 1}, "zero": 0.0, "e": "é"}


@pytest.mark.parametrize("wrong", [{"destination": 5}, {"destination": None}, {"tags": [1]}, {"startsAt": 7}])
async def test_a_wrong_json_type_is_thrown(api: Api, wrong: dict[str, Any]) -> None:
    result = await api.run(CREATE, input={"destination": "https://example.com/", **wrong})
    assert result.errors
    assert "has invalid value at ." in str(result.errors[0])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Café", unicodedata.normalize("NFD", "Café")),
        ("Straße", "strasse"),
        ("İzmir", "izmir"),
        ("sale", "SALE"),
    ],
)
async def test_one_slug_in_two_spellings_is_taken(api: Api, other: Api, first: str, second: str) -> None:
    """LK-06: also when another workspace has it."""
    made = await api.create(slug=first, domain="go.example")
    for caller in (api, other):
        assert await refused(caller, slug=second, domain="go.example") == [("TAKEN", ["slug"])]
    await api("mutation ($id: ID!) { deleteLink(id: $id) { deletedId } }", id=made["id"])
    assert await refused(api, slug=second, domain="go.example") == [("TAKEN", ["slug"])]


async def test_fifty_at_once_make_one_link(opened: Services, api: Api) -> None:
    """LK-07: over four connections of their own, as four processes have them."""
    call = {"destination": "https://example.com/", "slug": "wanted-by-fifty"}
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(stores_with(opened, Commands())) for _ in range(4)]
        callers = [api.on(stores[number % 4]) for number in range(50)]
        answers = await asyncio.gather(*(caller(CREATE, input=call) for caller in callers))
    made = [answer["createLink"] for answer in answers]
    assert sum(payload["link"] is not None for payload in made) == 1
    assert {error["code"] for payload in made for error in payload["userErrors"]} == {"TAKEN"}
    assert await api.services.database["links"].count_documents({"slug": "wanted-by-fifty"}) == 1


async def test_an_external_id_is_unique_in_its_source(api: Api, other: Api) -> None:
    await api.create(externalId="7", externalSource="crm")
    await api.create(externalId="7")
    await other.create(externalId="7", externalSource="crm")
    assert await refused(api, externalId="7", externalSource="crm") == [("TAKEN", ["externalId"])]
    assert await refused(api, externalId="7") == [("TAKEN", ["externalId"])]


async def test_tells_the_redirects(api: Api) -> None:
    """A created link is published on `<database>:links` once it is committed."""
    async with api.services.redis.pubsub() as news:
        await news.subscribe(f"{api.services.settings.mongodb_database}:links")
        await news.get_message(timeout=5)
        link = await api.create(slug="Told")
        message = await news.get_message(timeout=5)
    assert message is not None
    assert msgspec.msgpack.decode(message["data"], type=LinkChanged) == LinkChanged("s.example", "told", 1)
    assert link["version"] == 1


async def test_declares_its_scope(api: Api) -> None:
    """The scope that is enforced before execution stands at the field."""
    mutation = api.schema.get_type_by_name("Mutation")
    assert mutation is not None
    scopes = {field.python_name: field.metadata["scope"] for field in getattr(mutation, "fields", [])}
    assert scopes["create_link"] == Scope.LINKS_WRITE
