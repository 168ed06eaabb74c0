"""Nothing lost, nothing twice: every part of the product is killed at random moments under load."""

import asyncio
import random
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.application import Application, running
from tests.faults.subscribers import Subscriber
from tests.faults.visitors import Visitors

pytestmark = pytest.mark.alone
VICTIMS = {
    "redirect": "-m app redirect",
    "worker": "-m app worker",
    "mongod": "mongod ",
    "redis-server": "redis-server ",
}
ROUNDS = 5
CLICKS_PAGE = """
query ($after: String) {
  clicks(first: 250, after: $after) {
    nodes { id referrer linkId }
    pageInfo { hasNextPage endCursor }
  }
}
"""


@pytest.fixture
async def application(tmp_path: Path) -> Any:
    processes = ("--worker-processes", "2", "--redirect-processes", "2")
    # The books are read page by page, which costs more than a key may usually spend.
    budget = {"LINKGRAPH_COST_BUDGET": "10000000", "LINKGRAPH_COST_RESTORE_PER_SECOND": "1000000"}
    async with running(tmp_path, *processes, environment=budget) as application:
        yield application


async def stored_clicks(application: Application, client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Every click of the ledger, page by page."""
    clicks: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = (await application.read(client, CLICKS_PAGE, after=cursor))["clicks"]
        clicks += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return clicks
        cursor = page["pageInfo"]["endCursor"]


async def until_stored(
    application: Application, client: httpx.AsyncClient, marks: set[str]
) -> list[dict[str, Any]]:
    """The ledger, as soon as it holds every visit of `marks`."""
    async with asyncio.timeout(120):
        while True:
            clicks = await stored_clicks(application, client)
            if marks <= {click["referrer"] for click in clicks}:
                return clicks
            await asyncio.sleep(0.5)  # the ledger is asked over the API, as its users do


async def kill_each_in_turn(application: Application, subscriber: Subscriber, dice: random.Random) -> None:
    """Every victim once a round, at a random moment; the subscriber's line is cut once a round too."""
    for _ in range(ROUNDS):
        for pattern in dice.sample(sorted(VICTIMS.values()), len(VICTIMS)):
            await asyncio.sleep(dice.uniform(0.3, 1.2))  # the random moment
            dice.choice(await application.alive(pattern)).kill()
        await subscriber.drop()


async def test_every_answered_click_is_stored_once_and_seen_once(application: Application) -> None:
    """CL-13, CL-06, RT-12: stored = answered = figures, and a subscriber with a cursor saw each once."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    async with httpx.AsyncClient(timeout=30) as client:
        links = [
            await application.create_link(client, f"https://example.com/{number}") for number in range(5)
        ]
        visitors = Visitors(application.redirect, [link["slug"] for link in links], per_second=400)
        subscriber = Subscriber(application)
        async with subscriber.listening():
            async with visitors.walking():
                await kill_each_in_turn(application, subscriber, random.Random(seed))
                await asyncio.sleep(1)  # a last second of undisturbed visits
            clicks = await until_stored(application, client, visitors.answered)
            await subscriber.until(len(clicks), seconds=90)
        stats = await application.read(
            client, "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Link { id stats { clicks } } } }",
            ids=[link["id"] for link in links],
        )  # fmt: skip

    stored = Counter(click["referrer"] for click in clicks)
    print(f"{len(visitors.answered)} answered, {len(clicks)} stored, {len(visitors.refused)} refused,"
          f" {subscriber.connections} connections of the subscriber")  # fmt: skip
    assert len(visitors.answered) > 300 * ROUNDS
    assert [mark for mark, times in stored.items() if times > 1] == []
    assert visitors.answered - set(stored) == set()
    assert set(stored) <= visitors.sent
    assert set(visitors.refused) & set(stored) == set()
    assert {node["id"]: node["stats"]["clicks"] for node in stats["nodes"]} == Counter(
        click["linkId"] for click in clicks
    )
    assert subscriber.gaps == []
    assert subscriber.connections > ROUNDS
    assert subscriber.seen == Counter({click["id"]: 1 for click in clicks})
