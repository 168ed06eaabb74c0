"""Links a second from one template in one call, against the driver's own insert_many of the same documents.

`python -m app serve` runs with embedded engines. A call brings the rows, each with slug, parameters and
attributes; the time is from the call to the moment at which its job is seen to have SUCCEEDED. Then the same
documents are put into another collection of the same MongoDB, with the same indexes, by one insert_many of
PyMongo, majority acknowledged. Rounds alternate, and both collections grow alike.

    python -m bench.bulk [--rounds 5] [--rows 10000]
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from app import embedded
from storage import mongo
from storage.mongo import Database
from tests.application import Application, running

NEEDED: Final = 0.30
POLL_SECONDS: Final = 0.1
TEMPLATE: Final = """mutation ($input: CreateTemplateInput!) {
  createTemplate(input: $input) { template { id } userErrors { message } } }"""
BULK: Final = """mutation ($input: BulkCreateLinksInput!) {
  bulkCreateLinks(input: $input) { bulkJob { id } userErrors { message } } }"""
JOB: Final = "query ($id: ID!) { bulkJob(id: $id) { state succeeded failed } }"
WELCOME: Final = {
    "name": "Welcome",
    "destination": "https://app.example.com/{{ customer.plan | downcase }}/start?ref={{ customer.id }}",
    "slug": "{{ customer.company | slugify }}-{{ customer.id }}",
    "title": "Welcome, {{ customer.name }}",
    "utm": {"source": "crm", "medium": "email", "campaign": "welcome", "content": "{{ customer.plan }}"},
    "attributes": {"plan": "{{ customer.plan }}", "segment": "{{ segment }}", "ref": "{{ customer.id }}"},
    "tags": ["welcome"],
}


async def main(rounds: int, rows: int) -> int:
    """Measure and print; 1 where the promise is not kept."""
    with tempfile.TemporaryDirectory(prefix="lg") as folder:
        async with served(Path(folder)) as (application, database):
            ratio = await _measured(application, database, rounds, rows)
    print(f"ratio {ratio:.2f} (median; needed {NEEDED})")
    return 0 if ratio >= NEEDED else 1


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[Application, Database]]:
    """The product over embedded engines, and a way of our own to its database."""
    async with embedded.running(folder / "engines") as engines:
        environment = {
            "LINKGRAPH_MONGODB_URL": engines.mongodb_url,
            "LINKGRAPH_REDIS_URL": engines.redis_url,
            "LINKGRAPH_COST_BUDGET": "100000000",
            "LINKGRAPH_COST_RESTORE_PER_SECOND": "1000000",
        }
        client = mongo.connect(engines.mongodb_url, timeout_ms=60_000, application="bench")
        async with running(folder, environment=environment) as application:
            yield application, client["linkgraph"]
        await client.close()


async def _measured(application: Application, database: Database, rounds: int, rows: int) -> float:
    plain = database["plain_links"]
    await plain.create_indexes(list(mongo.INDEXES["links"]))
    ratios = []
    async with httpx.AsyncClient(timeout=60) as client:
        template_id = await template(application, client)
        await bulk(application, client, template_id, 0, 1_000)  # warm
        print(f"{'':8}{'bulkCreateLinks':>20}{'insert_many':>20}{'ratio':>8}")
        for number in range(1, rounds + 1):
            seconds = await bulk(application, client, template_id, number, rows)
            documents = await database["links"].find().sort("_id", -1).limit(rows).to_list()
            began = time.perf_counter()
            await plain.insert_many(documents)
            theirs = time.perf_counter() - began
            ratios.append(theirs / seconds)
            shown = [f"{rows / each:,.0f} links/s" for each in (seconds, theirs)]
            print(f"round {number:<2}{shown[0]:>20}{shown[1]:>20}{ratios[-1]:>8.2f}")
    return statistics.median(ratios)


async def template(application: Application, client: httpx.AsyncClient) -> str:
    """The id of a new template."""
    made = await application.graphql(client, TEMPLATE, input=WELCOME)
    found: str = made["createTemplate"]["template"]["id"]
    return found


async def bulk(
    application: Application, client: httpx.AsyncClient, template_id: str, batch: int, rows: int
) -> float:
    """Make links of rows in one call; seconds until the job is seen to have done them all."""
    given = [row(batch, number) for number in range(rows)]
    began = time.perf_counter()
    await done(application, client, rows, {"templateId": template_id, "rows": given})
    return time.perf_counter() - began


async def uploaded(application: Application, client: httpx.AsyncClient, batch: int, rows: int) -> str:
    """The id of an upload of rows."""
    lines = "\n".join(json.dumps(row(batch, number)) for number in range(rows))
    headers = {**application.headers, "content-type": "application/jsonl"}
    answer = await client.post(f"{application.api}/uploads", content=lines, headers=headers)
    found: str = answer.json()["id"]
    return found


async def done(
    application: Application,
    client: httpx.AsyncClient,
    rows: int,
    wanted: dict[str, Any],
    poll_seconds: float = POLL_SECONDS,
) -> None:
    """Start a job and wait until it has done all its rows."""
    answer = await application.graphql(client, BULK, input=wanted)
    job: Any = answer["bulkCreateLinks"]["bulkJob"]
    while True:
        await asyncio.sleep(poll_seconds)
        job = job | (await application.graphql(client, JOB, id=job["id"]))["bulkJob"]
        if job["state"] not in {"QUEUED", "RUNNING"}:
            break
    if (job["state"], job["succeeded"]) != ("SUCCEEDED", rows):
        raise SystemExit(f"the job ended otherwise: {job}")


def row(batch: int, number: int) -> dict[str, Any]:
    """Values of one customer."""
    customer = {
        "id": f"c{batch}-{number}",
        "plan": ("Trial", "Pro", "Team")[number % 3],
        "company": f"Acme & Söhne {number % 500}",
        "name": f"Jo Doe {number}",
    }
    return {"customer": customer, "segment": ("smb", "enterprise")[number % 2]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Links a second from one template in one call.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=10_000)
    options = parser.parse_args()
    sys.exit(asyncio.run(main(options.rounds, options.rows)))
