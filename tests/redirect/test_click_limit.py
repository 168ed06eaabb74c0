"""Links with a clickLimit: as many people as it says get through, whoever else comes."""

import asyncio
from collections import Counter

import msgspec
import pytest

from app.settings import Settings
from domain.visits import Outcome
from storage.seats import MongoSeats
from tests.api.conftest import Api
from tests.faults.proxies import door, mongodb_socket
from tests.redirect.decisions import ELSEWHERE, FIREFOX, IPHONE, MATCHED, Visitor, explained, visited
from tests.redirect.sites import DOMAIN, Site, serving_site

UPDATE = (
    "mutation ($input: UpdateLinkInput!) { updateLink(input: $input) "
    "{ link { clickLimit redirectCode version } userErrors { code field } } }"
)
PERSON = {"userAgent": FIREFOX}
NOT_PEOPLE: tuple[tuple[Visitor, tuple[str, ...], str], ...] = (
    ({"userAgent": "Googlebot/2.1"}, (), "GET"),
    ({"userAgent": "Slackbot-LinkExpanding 1.0"}, (), "GET"),
    (PERSON, (), "HEAD"),
    (PERSON, ("Sec-Purpose: prefetch",), "GET"),
    ({}, (), "GET"),
)


async def taken(site: Site, link_id: str, workspace_id: str = "ws_01") -> int:
    return (await MongoSeats(site.services.database).taken(workspace_id, [link_id]))[link_id]


async def test_only_people_take_seats(ruled: Site, caller: Api) -> None:
    """Bots, previews, prefetches, HEAD and those without an agent get what a person would get now."""
    link = await caller.create(MATCHED, domain=DOMAIN, clickLimit=1, fallback=ELSEWHERE)

    async def others() -> set[str | None]:
        answers = [
            await visited(ruled, link["slug"], visitor, *more, method=method)
            for visitor, more, method in NOT_PEOPLE
        ]
        assert {answer.status for answer in answers} == {302}
        return {answer.headers.get("location") for answer in answers}

    workspace_id = caller.context.viewer.workspace_id
    assert await others() == {MATCHED}
    assert await taken(ruled, link["id"], workspace_id) == 0
    assert (await explained(caller, link, PERSON))["outcome"] == "REDIRECT"
    assert (await visited(ruled, link["slug"], PERSON)).headers["location"] == MATCHED
    assert (await visited(ruled, link["slug"], PERSON)).headers["location"] == ELSEWHERE
    assert await others() == {ELSEWHERE}
    assert await taken(ruled, link["id"], workspace_id) == 1
    decision = await explained(caller, link, PERSON)
    assert (decision["outcome"], decision["destination"]) == ("LIMIT_REACHED", ELSEWHERE)
    outcomes = Counter(record.outcome for record in ruled.records_of(link["id"]))
    assert outcomes == {Outcome.REDIRECT: 6, Outcome.LIMIT_REACHED: 6}


async def test_a_full_link_without_a_fallback_is_gone(site: Site) -> None:
    """410, a page, and a click that says why."""
    link = await site.add(click_limit=1)
    statuses = [(await site.get(f"/{link.slug}", f"User-Agent: {FIREFOX}")).status for _ in range(3)]
    assert statuses == [302, 410, 410]
    assert [record.outcome for record in site.records(link)][1:] == [Outcome.LIMIT_REACHED] * 2


async def test_fifty_visitors_at_once_over_several_redirects(
    site: Site, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Exactly one gets through, and no seat is wasted."""
    own = msgspec.structs.replace(settings, data_dir=tmp_path_factory.mktemp("second"))
    async with serving_site(own) as second:
        for limit in (1, 7):
            link = await site.add(click_limit=limit)
            visits = (
                each.get(f"/{link.slug}", f"User-Agent: {agent}")
                for each in (site, second)
                for agent in [FIREFOX, IPHONE] * 12 + [FIREFOX]
            )
            statuses = Counter(answer.status for answer in await asyncio.gather(*visits))
            assert statuses == {302: limit, 410: 50 - limit}
            assert await taken(site, link.id) == limit


async def test_a_higher_limit_opens_the_link_again(ruled: Site, caller: Api) -> None:
    """What was let through counts on; a lower limit closes it, none opens it for everybody."""
    link = await caller.create(MATCHED, domain=DOMAIN, clickLimit=1)

    async def statuses(visits: int) -> list[int]:
        return [(await visited(ruled, link["slug"], PERSON)).status for _ in range(visits)]

    assert await statuses(2) == [302, 410]
    for limit, seen in ((3, [302, 302, 410]), (2, [410]), (None, [302, 302]), (3, [410])):
        payload = (await caller(UPDATE, input={"id": link["id"], "clickLimit": limit}))["updateLink"]
        assert (payload["userErrors"], payload["link"]["clickLimit"]) == ([], limit)
        await heard_of(ruled, link["slug"], limit)
        assert await statuses(len(seen)) == seen


async def heard_of(site: Site, slug: str, limit: int | None) -> None:
    """Wait until a redirect knows of an edit."""
    async with asyncio.timeout(30):
        while (entry := await site.redirect.routes.find(DOMAIN, slug.lower())) is None or (
            entry.route.seats != limit
        ):
            await asyncio.sleep(0.01)  # it tells nobody what it has heard


async def test_who_is_sent_nowhere_takes_no_seat(ruled: Site, caller: Api) -> None:
    """A rule that blocks decides before seats are asked for."""
    rules = [{"name": "blocked", "when": {"query": {"name": "a", "exists": True}}, "block": True}]
    link = await caller.create(MATCHED, domain=DOMAIN, clickLimit=1, rules=rules)
    seen = [await visited(ruled, link["slug"], {**PERSON, "query": {"a": "1"}}) for _ in range(2)]
    assert [answer.status for answer in seen] == [403, 403]
    assert await taken(ruled, link["id"], caller.context.viewer.workspace_id) == 0


async def test_a_link_that_gets_a_limit_leaves_the_short_way(site: Site) -> None:
    """Also where nobody told of the edit: what the table remembers of its spellings goes."""
    link = await site.add()
    for _ in range(2):
        assert (await site.get(f"/{link.slug}", f"User-Agent: {FIREFOX}")).status == 302
    await site.services.database["links"].update_one(
        {"_id": link.id}, {"$set": {"click_limit": 1, "version": 2}}
    )
    site.redirect.routes.listening()
    statuses = [(await site.get(f"/{link.slug}", f"User-Agent: {FIREFOX}")).status for _ in range(3)]
    assert statuses == [302, 410, 410]


async def test_without_the_database_nobody_knows(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """RD-14: 503 with Retry-After, for people and bots; who found the link full is told so without asking."""
    async with door(mongodb_socket(settings)) as mongodb:
        url = f"mongodb://127.0.0.1:{mongodb.port}/?directConnection=true"
        own = msgspec.structs.replace(
            settings, mongodb_url=url, redirect_lookup_ms=250, data_dir=tmp_path_factory.mktemp("seatless")
        )
        async with serving_site(own) as site:
            link, full = await site.add(click_limit=5), await site.add(click_limit=1)
            person = f"User-Agent: {FIREFOX}"
            assert (await site.get(f"/{link.slug}", person)).status == 302
            assert [(await site.get(f"/{full.slug}", person)).status for _ in range(2)] == [302, 410]
            await mongodb.refuse()
            for visitor in (person, "User-Agent: Googlebot/2.1"):
                answer = await site.get(f"/{link.slug}", visitor)
                assert (answer.status, "retry-after" in answer.headers) == (503, True)
                assert (await site.get(f"/{full.slug}", visitor)).status == 410
            assert len(site.records(link)) == 1


@pytest.mark.parametrize("code", [301, 308])
async def test_a_limit_and_a_permanent_code_do_not_go_together(caller: Api, code: int) -> None:
    """A browser that keeps the answer would not ask for its seat the next time."""
    for first, then in (
        ({"redirectCode": code}, {"clickLimit": 1}),
        ({"clickLimit": 1}, {"redirectCode": code}),
    ):
        link = await caller.create(MATCHED, domain=DOMAIN, **first)
        payload = (await caller(UPDATE, input={"id": link["id"], **then}))["updateLink"]
        assert payload == {"link": None, "userErrors": [{"code": "INVALID", "field": ["clickLimit"]}]}
