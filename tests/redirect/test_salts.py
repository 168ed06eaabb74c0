"""Salts: agreed on by all processes a day ahead, and forgotten for good."""

import asyncio
import secrets

from domain import visitors
from redirect.salts import Salts
from storage.salts import MongoSalts
from tests.redirect.sites import Site

DAY = visitors.DAY_MS
TODAY = 25_000


def name_at(salts: Salts, at_ms: int) -> bytes:
    """What one visitor is called at an instant."""
    day = salts.at(at_ms)
    assert day is not None
    return visitors.hash_of(day, "ws_1", "203.0.113.7", "agent")


async def test_processes_agree_a_day_ahead(site: Site) -> None:
    """At once, in the very same moment, and at midnight without asking."""
    store = MongoSalts(site.services.database)
    now = TODAY * DAY + 1
    several = [Salts(store, lambda: now, secrets.token_bytes) for _ in range(8)]
    await asyncio.gather(*(each.renew() for each in several))
    today = {name_at(each, now) for each in several}
    tomorrow = {name_at(each, now + DAY) for each in several}
    assert len(today) == len(tomorrow) == 1
    assert today != tomorrow
    assert several[0].at(now + 2 * DAY) is None


async def test_old_salts_are_forgotten(site: Site) -> None:
    """PR-04: two days later nobody can make that hash again."""
    store = MongoSalts(site.services.database)
    now = (TODAY + 100) * DAY
    salts = Salts(store, lambda: now, secrets.token_bytes)
    await salts.renew()
    first = now
    now += 3 * DAY
    await salts.renew()
    assert salts.at(first) is None
    kept = [row["_id"] async for row in site.services.database["salts"].find()]
    assert visitors.name_of(TODAY + 100) not in kept
    assert visitors.name_of(TODAY + 103) in kept
