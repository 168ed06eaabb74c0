"""Invented clicks: as many as asked for, in order, by people and robots, with the rhythm of days."""

import random
from collections import Counter
from datetime import UTC, datetime

from domain import ledgers, seeding
from domain.agents import Agents
from domain.clicks import ClickKind, Device
from domain.facts import Known
from domain.links import Link, Rule
from domain.visits import Outcome, VisitRecord

AGENTS = Agents()
KNOWN = Known(AGENTS.read)
MONDAY_MS = 1_761_523_200_000
"""2025-10-27T00:00:00Z, the Monday behind the end of summer time in Europe."""
WEEK_MS = 7 * 86_400_000
AT = datetime(2025, 1, 1, tzinfo=UTC)


def link(number: int, **fields: object) -> Link:
    usual = {"workspace_id": "ws_1", "domain": "s.example", "slug": "s", "slug_key": "s"}
    given = {"destination": "https://example.com/", "created_at": AT, "updated_at": AT, **usual, **fields}
    return Link(id=f"lnk_{number:026}", **given)  # type: ignore[arg-type]


LINKS = [link(number) for number in range(200)]


def drawn(count: int = 20_000, seed: int = 1, links: list[Link] = LINKS) -> list[VisitRecord]:
    dice = random.Random(seed)
    return list(
        seeding.records(
            links, count, start_ms=MONDAY_MS, end_ms=MONDAY_MS + WEEK_MS - 1, dice=dice, known=KNOWN
        )
    )


RECORDS = drawn()


def test_there_are_as_many_as_asked_for_in_order_within_the_time() -> None:
    instants = [record.at_ms for record in RECORDS]
    assert len(instants) == 20_000
    assert instants == sorted(instants)
    assert instants[0] >= MONDAY_MS
    assert instants[-1] < MONDAY_MS + WEEK_MS - 1


def test_the_same_seed_gives_the_same_visits_and_another_one_others() -> None:
    assert drawn(500) == drawn(500)
    assert drawn(500) != drawn(500, seed=2)


def test_most_are_people_and_no_kind_is_missing() -> None:
    kinds = Counter(ledgers.kind_of(each.purpose, AGENTS.read(each.agent)) for each in RECORDS)
    assert kinds.keys() == set(ClickKind)
    assert 0.80 < kinds[ClickKind.HUMAN] / 20_000 < 0.86
    assert 0.08 < kinds[ClickKind.BOT] / 20_000 < 0.12
    devices = Counter(AGENTS.read(each.agent).device for each in RECORDS)
    assert devices.keys() >= {Device.MOBILE, Device.DESKTOP, Device.TABLET, Device.TV, Device.BOT}
    assert {each.qr for each in RECORDS} == {True, False}


def test_few_links_are_followed_often_and_many_seldom() -> None:
    by_link = Counter(each.link_id for each in RECORDS)
    most = [by_link[each.id] for each in LINKS]
    assert most[0] > 1.5 * most[1] > 2 * most[3]
    assert sum(most[:20]) > 0.5 * 20_000
    assert sum(1 for count in most if count) > 190


def test_days_are_busier_than_nights_and_weekends() -> None:
    hours = Counter(each.at_ms // seeding.HOUR_MS % 24 for each in RECORDS)
    assert hours[12] > 3 * hours[3]
    days = Counter((each.at_ms - MONDAY_MS) // 86_400_000 for each in RECORDS)
    assert min(days[day] for day in range(5)) > days[5]


def test_people_come_again_on_the_same_day() -> None:
    visitors = {(each.visitor, each.link_id, each.at_ms // 86_400_000) for each in RECORDS if each.visitor}
    assert 0.7 < len(visitors) / sum(1 for each in RECORDS if each.visitor) < 0.95
    assert any(not each.visitor for each in RECORDS)


def test_links_decide_themselves() -> None:
    """Rules, states and times hold as in the redirect: a paused link redirects nobody."""
    ruled = link(
        1, rules=(Rule(name="phones", when={"device": ["MOBILE"]}, destination="https://m.example/"),)
    )
    records = drawn(1_000, links=[ruled, link(2, paused=True)])
    phones = {each.rule for each in records if AGENTS.read(each.agent).device is Device.MOBILE}
    assert "phones" in phones
    assert {each.outcome for each in records if each.link_id == ruled.id} == {Outcome.REDIRECT}
    assert {each.outcome for each in records if each.link_id != ruled.id} == {Outcome.PAUSED}


def test_none_and_one() -> None:
    assert drawn(0) == []
    assert len(drawn(1)) == 1
