"""Attribution ids from a link to the address that its visitors land on, and back to their click."""

from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from app.settings import Settings
from domain import aids, journals, ledgers
from domain.agents import Agents
from domain.links import Rule
from domain.secrets import AIDS
from storage.secrets import MongoSecrets
from tests.api.conftest import Api
from tests.faults.proxies import door, mongodb_socket
from tests.redirect.decisions import FIREFOX
from tests.redirect.sites import DOMAIN, Site, serving_site

AGENT = f"User-Agent: {FIREFOX}"
LANDING = "https://example.com/landing"


async def key(site: Site) -> bytes:
    return await MongoSecrets(site.services.database, lambda _: b"").agreed(AIDS)


@pytest.mark.parametrize(
    ("destination", "path", "landed"),
    [
        (LANDING, "", f"{LANDING}?aid=*"),
        (f"{LANDING}?a=1#part", "", f"{LANDING}?a=1&aid=*#part"),
        (f"{LANDING}?aid=old&a=1&said=2", "", f"{LANDING}?a=1&said=2&aid=*"),
        (LANDING, "?a=2&aid=forged", f"{LANDING}?a=2&aid=*"),
    ],
)
async def test_a_destination_is_told_of_the_click(
    site: Site, destination: str, path: str, landed: str
) -> None:
    """L10: behind everything else of the query; what a visitor gives under its name does not count."""
    link = await site.add(destination=destination, aid_parameter="aid", forward_query=True)
    first, second = [(await site.get(f"/{link.slug}{path}", AGENT)).headers["location"] for _ in range(2)]
    told = [parse_qs(urlsplit(each).query)["aid"] for each in (first, second)]
    assert [first, second] == [landed.replace("*", each[0]) for each in told]
    read = [aids.read(await key(site), each[0]) for each in told]
    records = site.records(link)
    clicks = [journals.click_id("", 0, record.at_ms, record.noise) for record in records]
    assert [(each.click_id, each.link_id) for each in read if each] == [(each, link.id) for each in clicks]
    assert len(set(clicks)) == 2
    assert told[0][0] not in str(records[0].destination)


async def test_rules_and_heads_tell_too_and_fallbacks_do_not(site: Site) -> None:
    rules = (Rule(name="all", when={"percent": 100}, destination="https://example.com/ruled"),)
    link = await site.add(aid_parameter="click", rules=rules, fallback="https://example.com/over")
    ruled = await site.get(f"/{link.slug}", AGENT, method="HEAD")
    assert ruled.headers["location"].startswith("https://example.com/ruled?click=")
    await site.edit(link, paused=True)
    closed = await site.get(f"/{link.slug}", AGENT)
    while closed.headers["location"].startswith("https://example.com/ruled"):  # the edit is on its way
        closed = await site.get(f"/{link.slug}", AGENT)
    assert closed.headers["location"] == "https://example.com/over"


async def test_the_ledger_keeps_the_click_that_was_told(site: Site) -> None:
    """Its id is the one in the AID; only such clicks keep the day's hash of their visitor."""
    told, plain = await site.add(aid_parameter="aid"), await site.add()
    for link in (told, plain):
        await site.get(f"/{link.slug}", AGENT)
    read = Agents().read
    (record,), (other,) = site.records(told), site.records(plain)
    click = ledgers.entry(journals.click_id("j", 8, record.at_ms, record.noise), record, read).click
    assert (click.visitor, len(click.visitor)) == (record.visitor, 16)
    assert (other.noise, ledgers.entry("clk_1", other, read).click.visitor) == (b"", b"")


async def test_without_the_key_visitors_are_answered_all_the_same(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """MongoDB was silent when the process started: no AID, and that is counted."""
    folder = tmp_path_factory.mktemp("keyless")
    async with door(mongodb_socket(settings)) as mongodb:
        url = f"mongodb://127.0.0.1:{mongodb.port}/?directConnection=true"
        own = msgspec.structs.replace(settings, data_dir=folder, mongodb_url=url, redirect_lookup_ms=250)
        mongodb.silence()
        async with serving_site(own, indexes=False) as keyless:
            await mongodb.heal()
            link = await keyless.add(aid_parameter="aid")
            answer = await keyless.get(f"/{link.slug}", AGENT)
            assert (answer.status, answer.headers["location"]) == (302, LANDING)
            assert keyless.counts.aids_missing == 1


async def test_channels_are_told_apart(site: Site) -> None:
    """P8, L11: `?via=` is the click's utm_source, and is not passed on; what is no channel is nothing."""
    link = await site.add(aid_parameter="aid", forward_query=True)
    for query in ("?via=whatsapp&a=1", "?via=nonsense", "?via=sms&via=email", ""):
        answer = await site.get(f"/{link.slug}{query}", AGENT)
        assert "via" not in answer.headers["location"]
    assert [record.utm[0] for record in site.records(link)] == ["whatsapp", None, "email", None]


@pytest.mark.parametrize("name", ["", "a b", "utm_source", "QR", "via", "password", "a&b", "x" * 51])
async def test_parameters_that_cannot_carry_it_are_refused(caller: Api, name: str) -> None:
    payload = await caller(
        "mutation ($input: CreateLinkInput!) "
        "{ createLink(input: $input) { link { id } userErrors { code field } } }",
        input={"destination": LANDING, "domain": DOMAIN, "aidParameter": name},
    )
    assert payload["createLink"]["link"] is None
    assert payload["createLink"]["userErrors"] == [{"code": "INVALID", "field": ["aidParameter"]}]
