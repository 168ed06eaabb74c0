"""Figures of 30 days: totals, daily series and top countries through the graph, against the raw clicks.

Realistic clicks (`python -m app seed`) go through journal, ledger and roll-ups into a database of a tenth of
them and into one of all, on the same embedded engines. Then each question is asked of the workspace, the most
popular campaign and the most popular link, again and again, and of the raw clicks by an aggregation.
A page of 50 links with figures, campaign, template, a week's series and top countries comes last. An answer
is the whole operation as the API runs it, from its text to its JSON, with its price taken, in this process.

    python -m bench.analytics [--clicks 3000000] [--links 20000] [--rounds 40]
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pymongo

from app import api, embedded, garbage, seeding, services
from app.graphql import payloads
from app.services import Services
from app.settings import Settings
from domain import ids, instants
from domain.access import Scope, Viewer
from domain.clicks import ClicksCommitted
from domain.folds import Fold
from domain.installations import WORKSPACE_ID
from storage import mongo
from storage.folds import Folds
from storage.mongo import Document

NEEDED_MS: Final = 100
NEEDED_PAGE_MS: Final = 150
NEEDED_TIMES: Final = 50
NEEDED_RATIO: Final = 1.5
DAYS: Final = 30
RAW_ROUNDS: Final = 3
FOLDED_AT_ONCE: Final = 10_000
RAW_SECONDS: Final = 600
BUDGET: Final = 100_000_000
QUESTIONS: Final = {
    "totals": "totals { clicks uniques bots }",
    "daily series": "series(interval: DAY) { at clicks uniques }",
    "top countries": "breakdown(by: COUNTRY, first: 10) { slices { key clicks } other { clicks } }",
}
SCOPES: Final = {"link": "linkIds", "campaign": "campaignId", "workspace": None}
ASKED: Final = """query ($filter: ClickFilter) {
  analytics(range: {last: "P30D"}, filter: $filter) { %s } }"""
TOP: Final = "breakdown(by: %s, first: 2) { slices { key } }"
PAGE: Final = """{ links(first: 50) { nodes {
  id stats { clicks uniques } campaign { id } template { id } analytics(range: {last: "P7D"}) {
    series(interval: DAY) { at clicks } breakdown(by: COUNTRY, first: 5) { slices { key clicks } } } } } }"""


class Seen(NamedTuple):
    """What a question took, milliseconds.

    Args:
        raw: the median of the aggregation over raw clicks; 0: it was not asked for.
    """

    p50: float
    p95: float
    raw: float = 0.0


class Bench:
    """One seeded database, and a viewer who asks."""

    def __init__(self, opened: Services) -> None:
        self._opened = opened
        self._graph = api.over(opened).graph
        self._viewer = Viewer(
            workspace_id=WORKSPACE_ID, key_id=ids.of("key", 0, bytes(10)), scopes=frozenset({Scope.ADMIN})
        )
        garbage.settle()

    async def ask(self, document: str, **variables: Any) -> Any:
        """The data of an operation."""
        call = payloads.call_of({"query": document, "variables": variables})
        answer = await self._graph.answer(await self._graph.start(call, self._viewer, "bench"))
        msgspec.json.encode(answer)
        if "errors" in answer:
            raise SystemExit(f"{document}: {answer['errors']}")
        return answer["data"]

    async def filters(self) -> dict[str, dict[str, Any]]:
        """A filter for each scope: the link and the campaign with the most clicks, and none."""
        found: dict[str, dict[str, Any]] = {"workspace": {}}
        for name, dimension in (("link", "LINK"), ("campaign", "CAMPAIGN")):
            top = (await self.ask(ASKED % TOP % dimension))["analytics"]["breakdown"]["slices"]
            key = next(each["key"] for each in top if each["key"])
            found[name] = {SCOPES[name] or "": [key] if name == "link" else key}
        return found

    async def raw(self, question: str, wanted: Mapping[str, Any]) -> None:
        """The same question to the raw clicks, on the index of the scope."""
        now = self._opened.clock()
        first = ids.of("clk", instants.milliseconds(now - timedelta(days=DAYS)), bytes(10))
        match: Document = {"workspace_id": WORKSPACE_ID, "_id": {"$gte": first}, "outcome": "REDIRECT"}
        match |= {"link_id": wanted["linkIds"][0] if "linkIds" in wanted else {"$type": "string"}}
        match |= {"campaign_id": wanted["campaignId"]} if "campaignId" in wanted else {}
        day = {"$dateTrunc": {"date": "$at", "unit": "day"}}
        key = {"totals": "$kind", "daily series": day, "top countries": "$country"}[question]
        if question != "totals":
            match["kind"] = "HUMAN"
        count = {"clicks": {"$sum": 1}, "uniques": {"$sum": {"$cond": ["$unique", 1, 0]}}}
        stages: list[Document] = [{"$match": match}, {"$group": {"_id": key, **count}}]
        with pymongo.timeout(RAW_SECONDS):
            await (await self._opened.database.clicks.aggregate(stages, allowDiskUse=True)).to_list()


def main() -> None:
    """Measure and print; exit code 1 where a promise is not kept."""
    parser = argparse.ArgumentParser(description="figures through the graph")
    parser.add_argument("--clicks", type=int, default=3_000_000)
    parser.add_argument("--links", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lg") as folder:
        sys.exit(asyncio.run(_measure(Path(folder), options.clicks, options.links, options.rounds)))


async def _measure(folder: Path, clicks: int, links: int, rounds: int) -> int:
    async with embedded.running(folder / "engines", cache_gb=4) as engines:
        found = []
        for size in (clicks // 10, clicks):
            settings = Settings(
                data_dir=folder / str(size), mongodb_database=f"bench_{size}", cost_budget=BUDGET
            ).on(engines.mongodb_url, engines.redis_url)
            print(f"-- {size:,} clicks on {links:,} links", flush=True)
            await seeding.run(settings, clicks=size, links=links, days=DAYS, workspace_id=None, seed=1)
            async with services.open(settings, "worker") as opened:
                await _fold(opened.database)
            async with services.open(settings, "api") as opened:
                found.append(await _figures(Bench(opened), rounds, raw=size == clicks))
    return _judged(*found)


async def _fold(database: mongo.Database) -> None:
    """Fold what the seed's worker left for the next one: none is running here that would do it."""
    store = Folds(database)
    for lag in await store.lagging():
        name = (lag.workspace_id, lag.slot)
        while clicks := await store.unfolded(*name, upto=lag.head, limit=FOLDED_AT_ONCE):
            fold = Fold(lag.slot, clicks[0].seq - 1)
            fold.add(ClicksCommitted(lag.slot, clicks[0].seq, clicks[-1].seq, tuple(clicks)))
            await store.commit(lag.workspace_id, fold)


async def _figures(bench: Bench, rounds: int, *, raw: bool) -> dict[str, Seen]:
    """What each question took, by its name."""
    found: dict[str, Seen] = {}
    filters = await bench.filters()
    for scope in SCOPES:
        wanted = filters[scope]
        for question, selection in QUESTIONS.items():
            document = ASKED % selection
            seen = await _timed(lambda: bench.ask(document, filter=wanted), rounds)  # noqa: B023 - called at once
            if raw:
                slow = await _timed(lambda: bench.raw(question, wanted), RAW_ROUNDS)  # noqa: B023
                seen = seen._replace(raw=slow.p50)
            found[f"{question} of the {scope}"] = seen
    found["page of 50 links"] = await _timed(lambda: bench.ask(PAGE), rounds)
    return found


async def _timed(work: Callable[[], Awaitable[Any]], rounds: int) -> Seen:
    """How long some work takes once it has been done."""
    await work()
    took = []
    for _ in range(rounds):
        started = time.perf_counter()
        await work()
        took.append(1000 * (time.perf_counter() - started))
    return Seen(statistics.median(took), statistics.quantiles(took, n=20, method="inclusive")[-1])


def _judged(small: Mapping[str, Seen], large: Mapping[str, Seen]) -> int:
    """Print all of it; 1 where a promise is not kept."""
    print(f"{'milliseconds':32}{'p50':>8}{'p95':>8}{'raw':>10}{'raw/p50':>9}{'p50, tenth':>12}{'ratio':>7}")
    good = True
    for name, seen in large.items():
        times, ratio = seen.raw / seen.p50, seen.p50 / small[name].p50
        needed = NEEDED_MS if seen.raw else NEEDED_PAGE_MS
        kept = seen.p95 <= needed and ratio <= NEEDED_RATIO and (not seen.raw or times >= NEEDED_TIMES)
        good = good and kept
        row = f"{name:32}{seen.p50:8.1f}{seen.p95:8.1f}{seen.raw:10,.0f}{times:9,.0f}{small[name].p50:12.1f}"
        print(f"{row}{ratio:7.2f}{'' if kept else '  NOT KEPT'}")
    print(
        f"needed: p95 ≤ {NEEDED_MS} (page {NEEDED_PAGE_MS}), raw/p50 ≥ {NEEDED_TIMES}, ratio ≤ {NEEDED_RATIO}"
    )
    return 0 if good else 1


if __name__ == "__main__":
    main()
