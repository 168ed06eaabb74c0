"""subscription { bulkJob }: the progress of a job as it happens, told or not told by Redis, until it ends."""

import asyncio
import dataclasses
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import httpx
import msgspec
import pytest

from app import api as apis
from app import tasks
from app.services import Services
from domain import keys
from domain.access import Scope
from domain.errors import NotFound
from domain.jobs import Job, JobState
from domain.keys import ApiKey
from storage.job_news import RedisJobNews
from tests.api.conftest import Api, workspace
from tests.api.test_bulk_create_links import CANCEL, started
from tests.bulk import work_off
from tests.protocols.conftest import hear, listening_on, say

WATCH = "subscription ($id: ID!) { bulkJob(id: $id) { state total done succeeded failed } }"


@pytest.fixture
async def api(opened: Services) -> AsyncIterator[Api]:
    """A workspace in a process that watches jobs."""
    async with tasks.background(opened.job_feed.listen, opened.job_feed.look_after):
        yield await workspace(opened)


async def job_of(api: Api, rows: int = 1_600) -> str:
    """A job of several chunks that waits."""
    return await started(api, links=[{"destination": f"https://example.com/{row}"} for row in range(rows)])


def feed(api: Api, job: str) -> AsyncGenerator[Job, None]:
    return api.services.job_feed.follow(api.context.viewer.workspace_id, job)


async def watched(api: Api, job: str, begun: asyncio.Event) -> list[Job]:
    """Every frame of a job; `begun` is set behind the first."""
    seen = []
    async with asyncio.timeout(30), aclosing(feed(api, job)) as frames:
        async for frame in frames:
            seen.append(frame)
            begun.set()
    return seen


async def whole_story(api: Api, opened: Services) -> list[Job]:
    """What a watcher sees of a job that is done by `opened` meanwhile."""
    job, begun = await job_of(api), asyncio.Event()
    watching = asyncio.create_task(watched(api, job, begun))
    await begun.wait()
    await work_off(opened)
    return await watching


def assert_whole(seen: list[Job]) -> None:
    assert (seen[0].state, seen[0].done) == (JobState.QUEUED, 0)
    assert [job.done for job in seen] == sorted(job.done for job in seen)
    assert (seen[-1].state, seen[-1].done, seen[-1].succeeded) == (JobState.SUCCEEDED, 1_600, 1_600)
    assert JobState.SUCCEEDED not in [job.state for job in seen[:-1]]


async def test_a_job_is_watched_until_it_ends(api: Api, opened: Services) -> None:
    assert_whole(await whole_story(api, opened))


async def test_what_redis_does_not_tell_is_found_in_the_database(api: Api, opened: Services) -> None:
    """The worker's news go where nobody listens, as those of one that cannot reach Redis."""
    elsewhere = RedisJobNews(opened.redis, f"nowhere-{secrets.token_hex(4)}")
    assert_whole(await whole_story(api, dataclasses.replace(opened, job_news=elsewhere)))


async def test_a_cancelled_job_ends_its_feed(api: Api, opened: Services) -> None:
    job, begun = await job_of(api), asyncio.Event()
    watching = asyncio.create_task(watched(api, job, begun))
    await begun.wait()
    await api(CANCEL, id=job)
    assert [frame.state for frame in await watching] == [JobState.QUEUED, JobState.CANCELLED]


async def test_a_finished_job_is_told_once(api: Api, opened: Services) -> None:
    job = await job_of(api, 2)
    await work_off(opened)
    assert [frame.done for frame in await watched(api, job, asyncio.Event())] == [2]


async def test_many_watchers_see_one_job_and_leave_nothing_behind(api: Api, opened: Services) -> None:
    job, begun = await job_of(api), asyncio.Event()
    watchers = [asyncio.create_task(watched(api, job, begun)) for _ in range(20)]
    await begun.wait()
    leaving = feed(api, job)
    assert (await anext(leaving)).done == 0
    await leaving.aclose()
    await work_off(opened)
    assert {frames[-1].done for frames in await asyncio.gather(*watchers)} == {1_600}
    assert opened.job_feed._watched == {}


async def test_what_is_not_there_is_not_found(api: Api, opened: Services) -> None:
    """GQ-14: another workspace's job, one that never was, and an id of another kind."""
    other = await workspace(opened)
    for job in (await job_of(other, 1), api.context.ids.new("job"), api.context.ids.new("lnk"), "x"):
        frames = await api.schema.subscribe(WATCH, {"id": job}, api.context)
        assert isinstance(frames, AsyncGenerator)
        first = await anext(frames)
        assert first.errors is not None
        assert isinstance(first.errors[0].original_error, NotFound)
        assert await anext(frames, None) is None


async def test_it_streams_over_websocket_and_events(api: Api, opened: Services) -> None:
    secret = keys.secret(secrets.token_bytes)
    workspace_id = api.context.viewer.workspace_id
    key = ApiKey(
        id=opened.ids.new("key"),
        workspace_id=workspace_id,
        name="watcher",
        prefix=keys.shown(secret),
        secret_hash=keys.digest(secret),
        scopes=frozenset({Scope.LINKS_READ}),
        created_at=opened.clock(),
    )
    assert await opened.keys.add(workspace_id, key)
    payload = {"query": WATCH, "variables": {"id": await job_of(api, 700)}}
    headers = {"authorization": f"Bearer {secret}", "accept": "text/event-stream"}
    async with listening_on(apis.over(opened).application) as (port, _):
        from websockets.asyncio.client import connect

        url = f"127.0.0.1:{port}/graphql"
        async with (
            connect(f"ws://{url}", subprotocols=["graphql-transport-ws"]) as socket,  # type: ignore[list-item]  # a plain string is a Subprotocol
            httpx.AsyncClient(headers=headers, timeout=20) as client,
            client.stream("POST", f"http://{url}", json=payload) as events,
        ):
            await say(socket, {"type": "connection_init", "payload": {"authorization": f"Bearer {secret}"}})
            await hear(socket)
            await say(socket, {"id": "1", "type": "subscribe", "payload": payload})
            first = await hear(socket)
            await work_off(opened)
            over_socket = [first, *[message async for message in _until_complete(socket)]]
            over_events = [line async for line in events.aiter_lines() if line.startswith("data: {")]
    last = {"state": "SUCCEEDED", "total": 700, "done": 700, "succeeded": 700, "failed": 0}
    assert first["payload"]["data"]["bulkJob"]["state"] == "QUEUED"
    assert over_socket[-1]["payload"]["data"]["bulkJob"] == last
    assert msgspec.json.decode(over_events[-1].removeprefix("data: "))["data"]["bulkJob"] == last


async def _until_complete(socket: Any) -> AsyncIterator[Any]:
    while (message := await hear(socket))["type"] != "complete":
        yield message
