"""Jobs survive the death of their worker: SIGKILL at random moments neither doubles nor skips a row."""

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.settings import Settings
from domain.jobs import RowResult
from domain.paging import Window
from storage import mongo
from storage.jobs import MongoJobs
from storage.mongo import Database
from tests.application import Application, running

pytestmark = pytest.mark.alone
DATABASE = f"test_{secrets.token_hex(4)}"
ROWS = 100_000
KILLS = 5
TEMPLATE = """mutation ($input: CreateTemplateInput!) {
  createTemplate(input: $input) { template { id } userErrors { message } } }"""
BULK = """mutation ($input: BulkCreateLinksInput!) {
  bulkCreateLinks(input: $input) { bulkJob { id total } userErrors { message } } }"""
JOB = "query ($id: ID!) { bulkJob(id: $id) { state done succeeded failed } }"


@pytest.fixture
async def application(tmp_path: Path, settings: Settings) -> AsyncIterator[Application]:
    environment = {
        "LINKGRAPH_MONGODB_URL": str(settings.mongodb_url),
        "LINKGRAPH_REDIS_URL": str(settings.redis_url),
        "LINKGRAPH_MONGODB_DATABASE": DATABASE,
        "LINKGRAPH_COST_BUDGET": "1000000000",
        "LINKGRAPH_COST_RESTORE_PER_SECOND": "1000000",
    }
    async with running(tmp_path, "--jobs-processes", "2", environment=environment) as application:
        yield application


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The application's database."""
    client = mongo.connect(str(settings.mongodb_url), timeout_ms=30_000, application="test")
    yield client[DATABASE]
    await client.drop_database(DATABASE)
    await client.close()


async def template(application: Application, client: httpx.AsyncClient) -> str:
    """The id of a template whose slugs and external ids come from its rows."""
    wanted = {"name": "t", "destination": "https://example.com/{{ n }}", "slug": "{{ n }}-{{ batch }}"}
    made = await application.graphql(client, TEMPLATE, input=wanted)
    found: str = made["createTemplate"]["template"]["id"]
    return found


async def uploaded(application: Application, client: httpx.AsyncClient) -> str:
    """The id of an upload of ROWS rows."""
    lines = "\n".join(
        f'{{"n": "n{number}", "batch": "file", "externalId": "e{number}"}}' for number in range(ROWS)
    )
    headers = {**application.headers, "content-type": "application/jsonl"}
    answer = await client.post(f"{application.api}/uploads", content=lines, headers=headers)
    assert answer.status_code in {200, 201}, answer.text
    found: str = answer.json()["id"]
    return found


async def progress(application: Application, client: httpx.AsyncClient, job: str) -> dict[str, Any]:
    """The job as it stands."""
    found: dict[str, Any] = (await application.graphql(client, JOB, id=job))["bulkJob"]
    return found


async def until_done(
    application: Application, client: httpx.AsyncClient, job: str, rows: int
) -> dict[str, Any]:
    """The job once so many of its rows are settled, or once it is finished."""
    async with asyncio.timeout(90):
        while True:
            found = await progress(application, client, job)
            if found["done"] >= rows or found["state"] not in {"QUEUED", "RUNNING"}:
                return found
            await asyncio.sleep(0.2)  # asked over the API, as its users do


async def kill_workers(
    application: Application, client: httpx.AsyncClient, job: str, dice: random.Random
) -> None:
    """Both jobs processes, KILLS times, wherever the job has come to by then."""
    for number in range(KILLS):
        await until_done(application, client, job, (number * ROWS) // (KILLS + 1) + 1)
        await asyncio.sleep(dice.uniform(0, 0.3))  # the random moment
        for victim in await application.alive("-m app jobs"):
            victim.kill()


async def results_of(job: str, database: Database) -> list[RowResult]:
    """What became of every row, as the API pages through it."""
    document = await database["jobs"].find_one({"_id": job})
    assert document is not None
    store, found, after = MongoJobs(database), list[RowResult](), None
    while True:
        window = Window(size=10_000, after=after)
        page = await store.results(document["workspace_id"], job, window, only_failed=False)
        found += page.items
        if not page.has_next:
            return found
        after = (page.items[-1].row,)


async def test_a_killed_worker_neither_doubles_nor_skips_a_row(
    application: Application, database: Database
) -> None:
    """BK-02, and the job of issue 3: killed five times, exactly 100,000 links, each row once."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    async with httpx.AsyncClient(timeout=60) as client:
        wanted = {
            "templateId": await template(application, client),
            "file": await uploaded(application, client),
        }
        answer = (await application.graphql(client, BULK, input=wanted))["bulkCreateLinks"]
        assert answer["userErrors"] == []
        job = answer["bulkJob"]["id"]
        await kill_workers(application, client, job, random.Random(seed))
        finished = await until_done(application, client, job, ROWS + 1)
    assert finished == {"state": "SUCCEEDED", "done": ROWS, "succeeded": ROWS, "failed": 0}
    links = (
        await database["links"]
        .find({"origin.template_id": wanted["templateId"]}, {"external_id": 1})
        .to_list()
    )
    assert Counter(link["external_id"] for link in links) == Counter(f"e{number}" for number in range(ROWS))
    results = await results_of(job, database)
    assert [result.row for result in results] == list(range(ROWS))
    numbered = {link["_id"]: link["external_id"] for link in links}
    assert all(numbered[result.link_id or ""] == f"e{result.row}" for result in results)
