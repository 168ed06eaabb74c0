"""Signals from setSignals to the Location of a real answer, heard over Redis or read again without it."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app import services
from app.settings import Settings
from domain.errors import Unavailable
from domain.signals import Signals as Kept
from redirect.signals import Signals
from tests.api.conftest import Api, workspace
from tests.redirect.sites import DOMAIN, Site, serving_site

SET = "mutation ($values: JSON!) { setSignals(values: $values) { signals userErrors { code message } } }"
HERE, SOLD_OUT = "https://example.com/buy", "https://example.com/sold-out"
RULES = [
    {"name": "sold out", "when": {"signal": {"name": "stock.sku-1", "lt": 1}}, "destination": SOLD_OUT},
]
EXPLAIN = "query ($id: ID!) { link(by: {id: $id}) { explain(visit: {}) { destination trace } } }"


@pytest.fixture
async def caller(settings: Settings) -> AsyncIterator[Api]:
    """The API of a workspace of its own."""
    async with services.open(settings, "api") as opened:
        yield await workspace(opened)


async def until_sent(site: Site, slug: str, wanted: str) -> str | None:
    """Where a visitor is sent once that is `wanted`: sooner than signals that are heard are read again."""
    found: str | None = None
    async with asyncio.timeout(20):
        while found != wanted:
            found = (await site.get(f"/{slug}")).headers.get("location")
    return found


async def set_to(api: Api, **values: Any) -> Any:
    answer = (await api(SET, values=values))["setSignals"]
    assert answer["userErrors"] == []
    return answer["signals"]


async def test_signals_reach_the_redirect_within_a_second(site: Site, caller: Api) -> None:
    """RU5: unknown at first, then set, changed and removed; `explain` agrees each time."""
    link = await caller.create(HERE, domain=DOMAIN, rules=RULES)
    for values, wanted in (({}, HERE), ({"stock.sku-1": 0}, SOLD_OUT), ({"stock.sku-1": 2**40}, HERE)):
        assert await set_to(caller, **values) == values
        assert await until_sent(site, link["slug"], wanted) == wanted
        decision = (await caller(EXPLAIN, id=link["id"]))["link"]["explain"]
        assert decision["destination"] == wanted
    await set_to(caller, **{"stock.sku-1": "0"})
    await until_sent(site, link["slug"], SOLD_OUT)
    assert await set_to(caller, **{"stock.sku-1": None}) == {}
    assert await until_sent(site, link["slug"], HERE) == HERE


async def test_another_workspaces_signals_are_unknown(site: Site, caller: Api, settings: Settings) -> None:
    link = await caller.create(HERE, domain=DOMAIN, rules=RULES)
    async with services.open(settings, "api") as opened:
        other = await workspace(opened)
        theirs = await other.create(HERE, domain=DOMAIN, rules=RULES)
        await set_to(other, **{"stock.sku-1": 0})
        await until_sent(site, theirs["slug"], SOLD_OUT)
    assert (await site.get(f"/{link['slug']}")).headers["location"] == HERE


async def test_signals_are_there_before_the_first_visitor(
    settings: Settings, caller: Api, tmp_path: Path
) -> None:
    link = await caller.create(HERE, domain=DOMAIN, rules=RULES)
    await set_to(caller, **{"stock.sku-1": 0})
    async with serving_site(msgspec.structs.replace(settings, data_dir=tmp_path)) as fresh:
        assert (await fresh.get(f"/{link['slug']}")).headers["location"] == SOLD_OUT


async def test_signals_are_read_again_without_redis(settings: Settings, caller: Api, tmp_path: Path) -> None:
    """RU5: Redis refuses every connection, and a change still arrives within a second."""
    nowhere = f"unix://{tmp_path}/{secrets.token_hex(4)}.sock"
    own = msgspec.structs.replace(settings, data_dir=tmp_path, redis_url=nowhere)
    link = await caller.create(HERE, domain=DOMAIN, rules=RULES)
    async with serving_site(own) as deaf:
        await until_sent(deaf, link["slug"], HERE)
        await set_to(caller, **{"stock.sku-1": 0})
        assert await until_sent(deaf, link["slug"], SOLD_OUT) == SOLD_OUT


class Flaky:
    """A database that goes away and comes back."""

    def __init__(self) -> None:
        self.kept = Kept(id="ws_01", version=1, values=(("a", 1),))
        self.away = False

    async def all(self) -> list[Kept]:
        """Everything."""
        return [await self.by_workspace("ws_01")]

    async def by_workspace(self, _: str) -> Kept:
        """What there is."""
        if self.away:
            raise Unavailable("away")
        return self.kept


async def test_what_is_known_stays_while_the_database_is_away() -> None:
    """RU5: and all of it is read again when it is back, the change that was missed among it."""
    source = Flaky()
    signals = Signals(source)
    await signals.attempt()
    source.away, source.kept = True, Kept(id="ws_01", version=2, values=(("a", 2),))
    signals.changed("ws_01")
    await signals.attempt()
    assert signals.values == {"ws_01": {"a": 1}}
    source.away = False
    await signals.attempt()
    assert signals.values == {"ws_01": {"a": 2}}
