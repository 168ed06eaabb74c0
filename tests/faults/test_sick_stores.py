"""One store refuses or falls silent: known links keep answering, nothing is lost, and everything heals."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from statistics import quantiles
from urllib.parse import unquote, urlsplit

import httpx
import pytest

from app.settings import Settings
from tests.application import Application, running
from tests.faults.proxies import Proxy, door
from tests.faults.subscribers import Subscriber
from tests.faults.test_nothing_lost import until_stored
from tests.faults.visitors import Visitors

pytestmark = pytest.mark.alone
# Longer than a route lives without being confirmed: known links are also asked for when their time is up.
SICK_SECONDS = 7


Behind = tuple[Application, dict[str, Proxy]]


@pytest.fixture(scope="module")
async def behind_doors(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Behind]:
    """The product on the session's engines, each behind a proxy; every test heals what it made sick."""
    mongo_path = unquote(urlsplit(settings.mongodb_url or "").netloc)
    redis_path = urlsplit(settings.redis_url or "").path
    async with door(mongo_path) as mongo, door(redis_path) as redis:
        environment = {
            "LINKGRAPH_MONGODB_URL": f"mongodb://127.0.0.1:{mongo.port}/?directConnection=true",
            "LINKGRAPH_MONGODB_DATABASE": f"sick_{secrets.token_hex(4)}",
            "LINKGRAPH_REDIS_URL": f"redis://127.0.0.1:{redis.port}",
        }
        async with running(tmp_path_factory.mktemp("sick"), environment=environment) as application:
            yield application, {"mongodb": mongo, "redis": redis}


@pytest.mark.parametrize("fault", ["refused", "silent"])
@pytest.mark.parametrize("store", ["mongodb", "redis"])
async def test_known_links_answer_while_a_store_is_sick(store: str, fault: str, behind_doors: Behind) -> None:
    """RD-13, RD-14: 302 for known links, 503 (never 404) for unknown ones without MongoDB; then whole."""
    application, doors = behind_doors
    async with httpx.AsyncClient(timeout=30) as client:
        link = await application.create_link(client, "https://example.com/known")
        assert (await followed(client, link["shortUrl"])).status_code == 302
        subscriber = Subscriber(application)
        visitors = Visitors(application.redirect, [link["slug"]], per_second=100, name=f"{store}-{fault}")
        async with subscriber.listening():
            await (doors[store].refuse() if fault == "refused" else asyncio.to_thread(doors[store].silence))
            async with visitors.walking():
                await asyncio.sleep(SICK_SECONDS)  # the fault lasts
                stranger = await client.get(f"{application.redirect}/unknown-slug")
            await doors[store].heal()
            stored = await until_stored(application, client, visitors.answered)
            await subscriber.until(len(visitors.answered), seconds=90)

    clicks = [click for click in stored if click["linkId"] == link["id"]]
    print(f"{store} {fault}: p99 {quantiles(visitors.seconds, n=100)[-1] * 1000:.0f} ms")
    assert set(visitors.statuses) == {b"302"}
    assert len(visitors.answered) >= SICK_SECONDS * 50
    assert len({click["referrer"] for click in clicks}) == len(clicks)
    assert stranger.status_code == (503 if store == "mongodb" else 404)
    assert ("retry-after" in stranger.headers) == (store == "mongodb")
    assert set(subscriber.seen.values()) == {1}


async def test_a_link_made_after_healing_redirects(behind_doors: Behind) -> None:
    """A mutation while MongoDB is away says UNAVAILABLE; after it is back the same call works."""
    application, doors = behind_doors
    async with httpx.AsyncClient(timeout=30) as client:
        await doors["mongodb"].refuse()
        document = (
            'mutation { createLink(input: {destination: "https://example.com/"}) { link { shortUrl } } }'
        )
        response = await client.post(
            f"{application.api}/graphql", json={"query": document}, headers=application.headers
        )
        codes = [error["extensions"]["code"] for error in response.json()["errors"]]
        await doors["mongodb"].heal()
        async with asyncio.timeout(30):
            while (await client.get(f"{application.api}/readyz")).status_code != 200:
                await asyncio.sleep(0.1)
        data = await application.graphql(client, document)
        landed = await followed(client, data["createLink"]["link"]["shortUrl"])

    assert codes == ["UNAVAILABLE"]
    assert landed.headers["location"] == "https://example.com/"


async def followed(client: httpx.AsyncClient, url: str) -> httpx.Response:
    """The answer of a short link, asked again as it says while MongoDB has only just come back."""
    async with asyncio.timeout(30):
        while (response := await client.get(url)).status_code == 503:
            await asyncio.sleep(float(response.headers["retry-after"]))
    return response
