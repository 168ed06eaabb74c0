"""Links with a password: the form, the attempts, and what becomes of a right one."""

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from app.settings import Settings
from domain import passwords
from domain.errors import Unavailable
from domain.visits import Outcome, Purpose
from redirect import doors
from redirect.buckets import Buckets
from storage.seats import MongoSeats
from tests.api.conftest import Api
from tests.redirect.decisions import ELSEWHERE, FIREFOX, IPHONE, MATCHED, explained, visited
from tests.redirect.sites import DOMAIN, Response, Site, parsed, serving_site

PASSWORD = "correct horse 中 &="
SEALED = passwords.seal(PASSWORD)
FORM = "application/x-www-form-urlencoded"


async def posted(
    site: Site,
    slug: str,
    password: str | None = None,
    *more: str,
    body: str | None = None,
    kind: str = FORM,
    agent: str = FIREFOX,
) -> Response:
    """The answer to the form."""
    content = (f"password={quote(password or '', safe='')}" if body is None else body).encode()
    lines = [
        f"POST /{slug} HTTP/1.1",
        f"Host: {DOMAIN}",
        f"User-Agent: {agent}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(content)}",
        *more,
        "Connection: close",
    ]
    return parsed(await site.send("\r\n".join([*lines, "", ""]).encode() + content))


async def test_the_form_is_plain_and_keeps_to_itself(site: Site) -> None:
    """It works without scripts, for screen readers too; it tells nothing of the link and is not kept."""
    link = await site.add(password=SEALED)
    answer = await site.get(f"/{link.slug}?utm_x=1", f"User-Agent: {FIREFOX}")
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; form-action 'self' ")
    for part in ('<html lang="en">', '<label for="password">', "autofocus", 'method="post"'):
        assert part in answer.body
    for hidden in ("<script", "example.com", "utm_x", "action=", "location"):
        assert hidden not in answer.body.lower()
    assert "location" not in answer.headers
    assert [record.outcome for record in site.records(link)] == [Outcome.PASSWORD_REQUIRED]
    head = await site.get(f"/{link.slug}", method="HEAD")
    bot = await site.get(f"/{link.slug}", "User-Agent: Googlebot/2.1")
    assert (head.status, head.body, bot.body) == (200, "", answer.body)
    assert [record.purpose for record in site.records(link)] == [Purpose.FOLLOW, Purpose.HEAD, Purpose.FOLLOW]


async def test_the_right_password_leads_on_and_is_one_click(site: Site) -> None:
    """303, so that the destination is asked for by GET whatever the link's code is."""
    link = await site.add(password=SEALED, redirect_code=308)
    wrong = await posted(site, link.slug, "wrong horse")
    assert (wrong.status, wrong.headers["cache-control"]) == (403, "no-store")
    (described,) = re.findall(r'aria-describedby="(\w+)"', wrong.body)
    assert f'id="{described}" role="alert"' in wrong.body
    assert site.records(link) == []
    right = await posted(site, link.slug, PASSWORD)
    assert (right.status, right.headers["location"]) == (303, "https://example.com/landing")
    assert right.headers["cache-control"] == "private, no-store"
    assert [(each.outcome, each.destination) for each in site.records(link)] == [
        (Outcome.REDIRECT, "https://example.com/landing")
    ]


async def test_a_password_in_the_address_counts_for_nothing(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """LK-12: not accepted, not logged, not passed on."""
    caplog.set_level(logging.DEBUG)
    link = await site.add(password=SEALED, forward_query=True)
    address = f"{link.slug}?password={quote(PASSWORD)}&a=1"
    assert (await site.get(f"/{address}")).status == 200
    assert (await posted(site, address, "wrong horse")).status == 403
    right = await posted(site, address, PASSWORD)
    assert right.headers["location"] == "https://example.com/landing?a=1"
    # no role writes uvicorn's access log, see tests/redirect/test_four_processes.py
    written = [each.getMessage() for each in caplog.records if each.name != "uvicorn.access"]
    assert [message for message in written if "correct" in message] == []
    assert all("correct" not in str(record) for record in site.records(link))


@pytest.mark.parametrize("slug", ["plain", "unknown"])
async def test_only_locked_links_take_forms(site: Site, slug: str) -> None:
    """RD-06: 405 with Allow elsewhere, and no click."""
    if slug == "plain":
        link = await site.add(f"plain-{id(site)}")
        for _ in range(2):  # the second time from the table
            answer = await posted(site, link.slug, PASSWORD)
            assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
        assert site.records(link) == []
    else:
        assert (await posted(site, "no-such-link", PASSWORD)).status == 404
    locked = await site.add(password=SEALED)
    for method in ("PUT", "DELETE", "TRACE"):
        assert (await site.get(f"/{locked.slug}", method=method)).status == 405


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"kind": "multipart/form-data; boundary=x", "password": PASSWORD}, 415),
        ({"kind": "application/json", "body": '{"password":"correct horse"}'}, 415),
        ({"body": f"password={'x' * 2_000}"}, 413),
        ({"body": "password=a&password=b"}, 403),
        ({"body": ""}, 403),
        ({"body": "%ff=%00&=&password=%ff%00"}, 403),
        ({"kind": f"{FORM.upper()}; charset=UTF-8", "password": PASSWORD}, 303),
    ],
)
async def test_what_is_no_form_of_ours(site: Site, given: Mapping[str, Any], status: int) -> None:
    link = await site.add(password=SEALED)
    assert (await posted(site, link.slug, **given)).status == status


async def test_a_form_that_does_not_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends a byte now and then is told to come back."""
    monkeypatch.setattr(doors, "FORM_SECONDS", 0.05)
    link = await site.add(password=SEALED)
    head = f"POST /{link.slug} HTTP/1.1\r\nHost: {DOMAIN}\r\nContent-Type: {FORM}\r\nContent-Length: 99\r\n"
    answer = parsed(await site.send(f"{head}\r\npass".encode()))
    assert (answer.status, answer.headers["connection"]) == (408, "close")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are checked at once: buckets refill while a slow machine hashes."""
    monkeypatch.setattr(passwords, "opens", lambda _, given: given == PASSWORD)


@pytest.mark.usefixtures("hasty")
async def test_attempts_are_limited_before_they_are_checked(site: Site) -> None:
    """Ten a minute for a client on a link; then even the right one waits. Others, and other links, do not."""
    link, another = await site.add(password=SEALED), await site.add(password=SEALED)
    for number in range(doors.PER_VISITOR):
        assert (await posted(site, link.slug, f"guess {number}")).status == 403
    limited = await posted(site, link.slug, PASSWORD, agent=IPHONE)
    assert limited.status == 429
    assert 1 <= int(limited.headers["retry-after"]) <= 60 / doors.PER_VISITOR
    assert (await posted(site, another.slug, PASSWORD)).status == 303


@pytest.mark.usefixtures("hasty")
async def test_processes_share_the_attempts_of_a_client(
    site: Site, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Over all redirects together ten a minute, while Redis answers; its keys hold no address (PR-03)."""
    own = msgspec.structs.replace(settings, data_dir=tmp_path_factory.mktemp("second"))
    async with serving_site(own) as second:
        link = await site.add(password=SEALED)
        for number in range(doors.PER_VISITOR):
            assert (await posted((site, second)[number % 2], link.slug, "guess")).status == 403
        for each in (site, second):
            limited = await posted(each, link.slug, PASSWORD)
            assert (limited.status, "retry-after" in limited.headers) == (429, True)
        names = [name async for name in site.services.redis.scan_iter(match=f"*{link.id}*")]
        assert len(names) == 2
        assert [name for name in names if b"127.0.0.1" in name] == []


@pytest.mark.usefixtures("hasty")
async def test_each_process_counts_alone_while_redis_is_away(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """RD-13: passwords open links, and guessing stays limited."""
    away = msgspec.structs.replace(
        settings, redis_url="unix:///nowhere/redis.sock", data_dir=tmp_path_factory.mktemp("alone")
    )
    async with serving_site(away) as site:
        link = await site.add(password=SEALED)
        assert (await posted(site, link.slug, PASSWORD)).status == 303
        statuses = [(await posted(site, link.slug, "guess")).status for _ in range(doors.PER_VISITOR + 1)]
        assert statuses == [403] * doors.PER_VISITOR + [429]


async def test_a_right_password_costs_no_attempt(site: Site) -> None:
    """An office behind one address gets in one after the other."""
    link = await site.add(password=SEALED)
    statuses = [(await posted(site, link.slug, PASSWORD)).status for _ in range(doors.PER_VISITOR + 2)]
    assert set(statuses) == {303}


@pytest.mark.usefixtures("hasty")
async def test_many_clients_share_the_attempts_of_a_link(
    ruled: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guessing from many addresses is limited for the link as a whole."""
    monkeypatch.setattr(ruled.redirect._gates.doors, "_links", Buckets(per_minute=3))
    link = await ruled.add(password=SEALED)
    statuses = [
        (await posted(ruled, link.slug, "guess", f"X-Forwarded-For: 192.0.2.{number}")).status
        for number in range(5)
    ]
    assert statuses == [403, 403, 403, 429, 429]


async def test_too_many_at_once_are_asked_to_wait(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing is bounded in threads, memory and queue; beyond that nobody waits, and redirects go on."""

    async def busy(*_: object) -> bool:
        raise Unavailable("busy", retry_after_seconds=2)

    link, plain = await site.add(password=SEALED), await site.add()
    monkeypatch.setattr(site.redirect._gates.doors._vault, "opens", busy)
    answer = await posted(site, link.slug, PASSWORD)
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    assert (await site.get(f"/{plain.slug}")).status == 302


async def test_redirects_go_on_while_passwords_are_checked(site: Site) -> None:
    """Other visitors are answered before the hash is done."""
    link, plain = await site.add(password=SEALED), await site.add()
    await site.get(f"/{plain.slug}")
    done: list[str] = []

    async def opening() -> None:
        assert (await posted(site, link.slug, PASSWORD)).status == 303
        done.append("opened")

    async def passing() -> None:
        for _ in range(3):
            assert (await site.get(f"/{plain.slug}")).status == 302
        done.append("passed")

    await asyncio.gather(opening(), passing())
    assert done == ["passed", "opened"]


async def test_a_hash_that_is_none_opens_for_nobody(site: Site) -> None:
    """RD-09: a hand in the database makes no open door."""
    link = await site.add(password=passwords.Sealed(hash=PASSWORD))
    assert (await posted(site, link.slug, PASSWORD)).status == 403


async def test_rules_and_seats_decide_behind_the_door(ruled: Site, caller: Api) -> None:
    """The form is shown before either is asked; `explain` answers for those before the door and behind it."""
    rules = [{"name": "phones", "when": {"device": ["MOBILE"]}, "destination": MATCHED}]
    link = await caller.create(ELSEWHERE, domain=DOMAIN, rules=rules, password="open sesame", clickLimit=1)
    workspace_id = caller.context.viewer.workspace_id
    seats = MongoSeats(ruled.services.database)
    phone = {"userAgent": IPHONE}
    assert (await visited(ruled, link["slug"], phone)).status == 200
    assert (await posted(ruled, link["slug"], "open sesam", agent=IPHONE)).status == 403
    assert (await seats.taken(workspace_id, [link["id"]]))[link["id"]] == 0
    before = await explained(caller, link, phone)
    assert (before["outcome"], before["destination"]) == ("PASSWORD_REQUIRED", None)
    behind = await explained(caller, link, {**phone, "unlocked": True})
    assert (behind["outcome"], behind["rule"]) == ("REDIRECT", "phones")
    answer = await posted(ruled, link["slug"], "open sesame", agent=IPHONE)
    assert (answer.status, answer.headers["location"]) == (303, MATCHED)
    assert (await posted(ruled, link["slug"], "open sesame", agent=IPHONE)).status == 410
    assert (await explained(caller, link, {**phone, "unlocked": True}))["outcome"] == "LIMIT_REACHED"


async def test_a_closed_link_shows_no_form(site: Site) -> None:
    link = await site.add(password=SEALED, paused=True)
    assert (await site.get(f"/{link.slug}")).status == 410
    assert (await posted(site, link.slug, PASSWORD)).status == 410
