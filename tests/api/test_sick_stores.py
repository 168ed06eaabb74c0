"""What operations answer while MongoDB or Redis is away."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator

import pytest

from app.services import Services
from storage import mongo, redis
from storage.changes import RedisLinkChanges
from tests.api.conftest import CREATE, Api

CALL = {"destination": "https://example.com/"}


@pytest.fixture
async def silent_port() -> AsyncIterator[int]:
    """A port that takes connections and never answers."""
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for writer in held:
        writer.close()
        await writer.wait_closed()


async def test_a_redis_that_is_silent_or_refuses_costs_no_more_than_its_budget(
    opened: Services, api: Api, silent_port: int
) -> None:
    """The link is kept and answered; the loss is counted."""
    for port in (silent_port, 1):
        news = redis.connect(f"redis://127.0.0.1:{port}", timeout_ms=5_000)
        changes = RedisLinkChanges(news, "x")
        started = time.monotonic()
        await changes.publish([])
        made = await api.telling(changes).create()
        assert time.monotonic() - started < 4.5  # less than the driver would wait
        assert await opened.links.by_id(api.context.viewer.workspace_id, made["id"]) is not None
        assert (changes.counts.told, changes.counts.lost) == (0, 1)
        await news.aclose()


# PyMongo's monitor leaves the socket of a connection that never got an answer to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("url", ["mongodb://127.0.0.1:1", "silent"])
async def test_a_mongodb_that_is_away_is_unavailable(
    opened: Services, api: Api, silent_port: int, url: str
) -> None:
    url = f"mongodb://127.0.0.1:{silent_port}" if url == "silent" else url
    client = mongo.connect(url, timeout_ms=200, application="test")
    sick = api.keeping(client["x"])
    try:
        assert await sick.code(CREATE, input=CALL) == "UNAVAILABLE"
        assert await sick.code("{ links { nodes { id } totalCount { value } } }") == "UNAVAILABLE"
        assert await sick.code('{ link(by: {externalId: "x"}) { id } }') == "UNAVAILABLE"
        assert await sick.code('{ node(id: "lnk_01kdvdna00e008000000000000") { id } }') == "UNAVAILABLE"
    finally:
        await client.close()
        del client, sick
        gc.collect()
