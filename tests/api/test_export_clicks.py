"""`exportClicks`: from the call to the file, whole or a range of its bytes, over real HTTP."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from pyarrow import parquet

from app import api as apis
from app.services import Services
from domain import instants
from domain.access import Scope
from tests.api.conftest import Api
from tests.api.test_clicks import follow_up
from tests.api.test_results_url import Site
from tests.bulk import work_off
from tests.delivery.workers import visit
from tests.protocols.conftest import listening_on

EXPORT = """mutation ($range: TimeRange!, $filter: ClickFilter, $format: ExportFormat) {
  exportClicks(range: $range, filter: $filter, format: $format) {
    bulkJob { id kind state total resultsUrl } userErrors { code message } } }"""
JOB = """query ($id: ID!) { bulkJob(id: $id) {
  state total done succeeded failed resultsUrl results { nodes { row } } } }"""


@pytest.fixture
async def site(opened: Services) -> AsyncIterator[Site]:
    """The API's own application over real engines."""
    async with listening_on(apis.over(opened).application) as (port, _):
        yield Site(f"http://127.0.0.1:{port}", opened)


async def export(api: Api, **given: Any) -> str:
    """The id of the job."""
    payload = (await api(EXPORT, **{"range": {"last": "PT1H"}, **given}))["exportClicks"]
    assert payload["userErrors"] == []
    job = payload["bulkJob"]
    assert (job["kind"], job["state"], job["total"], job["resultsUrl"]) == ("EXPORT", "QUEUED", 0, None)
    job_id: str = job["id"]
    return job_id


async def path_of(api: Api, job_id: str) -> str:
    """Where the finished file is."""
    await work_off(api.services)
    job = (await api(JOB, id=job_id))["bulkJob"]
    assert (job["state"], job["failed"], job["results"]["nodes"]) == ("SUCCEEDED", 0, [])
    assert job["total"] == job["done"] == job["succeeded"]
    url: str = job["resultsUrl"]
    assert url == f"https://api.example/exports/{job_id}"
    return url.removeprefix("https://api.example")


async def test_each_format_has_every_click(api: Api, other: Api, site: Site) -> None:
    """A17: of this workspace alone, in the order of their instants."""
    await follow_up(other, [visit()])
    now_ms = visit().at_ms
    ids = await follow_up(
        api, [visit(at_ms=now_ms - number, agent="curl/8" if number % 2 else "") for number in range(5)]
    )
    await follow_up(api, [visit(at_ms=now_ms - 2 * 3_600_000)])
    async with await site.client(api, Scope.ANALYTICS_READ) as client:
        found: dict[str, list[str]] = {}
        for kind, media in (
            (None, "application/jsonl; charset=utf-8"),
            ("CSV", "text/csv; charset=utf-8; header=present"),
            ("PARQUET", "application/vnd.apache.parquet"),
        ):
            job_id = await export(api, format=kind)
            answer = await client.get(await path_of(api, job_id))
            assert (answer.status_code, answer.headers["content-type"]) == (200, media)
            ending = (kind or "jsonl").lower()
            assert answer.headers["content-disposition"] == f'attachment; filename="{job_id}.{ending}"'
            assert int(answer.headers["content-length"]) == len(answer.content)
            if kind == "PARQUET":
                table = parquet.read_table(pa.BufferReader(answer.content))
                found[ending] = table.column("id").to_pylist()
            elif kind == "CSV":
                found[ending] = [row["id"] for row in csv.DictReader(io.StringIO(answer.text, newline=""))]
            else:
                found[ending] = [msgspec.json.decode(line)["id"] for line in answer.text.splitlines()]
    assert found == dict.fromkeys(("jsonl", "csv", "parquet"), ids)


async def test_a_download_that_broke_off_goes_on_where_it_was(api: Api, site: Site) -> None:
    """RFC 9110, section 14: ranges of bytes; several, or none that can be read, give the whole file."""
    await follow_up(api, [visit() for _ in range(20)])
    path = await path_of(api, await export(api))
    async with await site.client(api, Scope.ANALYTICS_READ) as client:
        whole = (await client.get(path)).content
        size = len(whole)

        async def ranged(asked: str) -> tuple[int, str | None, bytes]:
            answer = await client.get(path, headers={"range": asked})
            return answer.status_code, answer.headers.get("content-range"), answer.content

        assert await ranged("bytes=100-") == (206, f"bytes 100-{size - 1}/{size}", whole[100:])
        assert await ranged("bytes=0-0") == (206, f"bytes 0-0/{size}", whole[:1])
        assert await ranged("bytes=10-19") == (206, f"bytes 10-19/{size}", whole[10:20])
        assert await ranged("bytes=-7") == (206, f"bytes {size - 7}-{size - 1}/{size}", whole[-7:])
        assert await ranged(f"bytes=5-{size * 9}") == (206, f"bytes 5-{size - 1}/{size}", whole[5:])
        assert await ranged(f"bytes={size}-") == (416, f"bytes */{size}", b"")
        assert await ranged("bytes=-0") == (416, f"bytes */{size}", b"")
        for none in ("bytes=9-3", "bytes=0-1,4-5", "rows=0-1", "bytes=-", "bytes=a-b", "bytes=" + "9" * 40):
            assert await ranged(none) == (200, None, whole)


async def test_an_empty_file_has_no_ranges(api: Api, site: Site) -> None:
    """RFC 9110, section 15.5.17: how long the file is, and no byte of it; the whole file is there."""
    path = await path_of(api, await export(api))
    async with await site.client(api, Scope.ANALYTICS_READ) as client:
        for asked in ("bytes=0-", "bytes=-5", "bytes=0-0", "bytes=7-"):
            answer = await client.get(path, headers={"range": asked})
            found = (answer.status_code, answer.headers.get("content-range"), answer.content)
            assert found == (416, "bytes */0", b""), asked
        whole = await client.get(path)
        assert (whole.status_code, whole.headers["content-length"], whole.content) == (200, "0", b"")


async def test_files_are_for_their_workspace_once_they_are_whole(api: Api, other: Api, site: Site) -> None:
    """GQ-14: another's export is not found, like one that never was, and neither is a job of another kind."""
    job_id = await export(api)
    async with await site.client(api, Scope.ANALYTICS_READ) as client:
        early = await client.get(f"/exports/{job_id}")
        assert (early.status_code, early.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")
        assert "QUEUED" in early.json()["errors"][0]["message"]
        path = await path_of(api, job_id)
        assert (await client.get(path)).status_code == 200
        for wanted in ("/exports", f"{path}/x", path.replace(job_id, api.context.ids.new("job"))):
            assert (await client.get(wanted)).status_code == 404
        assert (await client.post(path)).status_code == 405
    async with await site.client(other, Scope.ANALYTICS_READ) as client:
        assert (await client.get(path)).status_code == 404
    async with await site.client(api, Scope.LINKS_READ) as client:
        assert (await client.get(path)).status_code == 403


async def test_a_file_that_has_begun_to_expire_is_none(api: Api, site: Site) -> None:
    """Its pieces leave one by one: what is left of them is never given for the whole."""
    await follow_up(api, [visit()])
    path = await path_of(api, await export(api))
    await api.services.database.job_results.delete_one({"job_id": path.rpartition("/")[2]})
    async with await site.client(api, Scope.ANALYTICS_READ) as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")


async def test_a_filter_holds_and_the_range_ends_at_the_call(api: Api, site: Site) -> None:
    """What comes in later is part of no export that began before."""
    now_ms = visit().at_ms
    bot, _ = await follow_up(api, [visit(at_ms=now_ms - 10, agent="curl/8"), visit(at_ms=now_ms - 5)])
    job_id = await export(api, filter={"kinds": ["BOT"]})
    await follow_up(api, [visit(at_ms=now_ms + 60_000, agent="curl/8")])
    async with await site.client(api, Scope.ANALYTICS_READ) as client:
        text = (await client.get(await path_of(api, job_id))).text
    assert [msgspec.json.decode(line)["id"] for line in text.splitlines()] == [bot]


async def test_a_range_into_the_future_ends_at_the_call_too(api: Api, site: Site) -> None:
    now_ms = visit().at_ms
    after, before = (instants.written_milliseconds(now_ms + offset) for offset in (-3_600_000, 3_600_000))
    (own,) = await follow_up(api, [visit(at_ms=now_ms - 5)])
    job_id = await export(api, range={"between": {"after": after, "before": before}})
    await follow_up(api, [visit(at_ms=now_ms + 60_000)])
    async with await site.client(api, Scope.ANALYTICS_READ) as client:
        text = (await client.get(await path_of(api, job_id))).text
    assert [msgspec.json.decode(line)["id"] for line in text.splitlines()] == [own]


@pytest.mark.parametrize(
    "given",
    [
        {"range": {"last": "a while"}},
        {"range": {"between": {"after": "2026-05-02T00:00:00Z", "before": "2026-05-01T00:00:00Z"}}},
        {"range": {"between": {"after": "yesterday"}}},
        {"filter": {"kinds": None}},
    ],
)
async def test_what_cannot_be_asked_starts_no_job(api: Api, given: dict[str, Any]) -> None:
    variables = {"range": {"last": "PT1H"}, **given}
    assert await api.code(EXPORT, **variables) == "BAD_REQUEST"
    assert await api.services.jobs.count(api.context.viewer.workspace_id, limit=5) == 0


async def test_between_is_to_the_millisecond(api: Api, site: Site) -> None:
    at_ms = 1_760_000_000_123
    ids = await follow_up(api, [visit(at_ms=at_ms + offset) for offset in (-1, 0, 999, 1_000)])
    after, before = (
        datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for ms in (at_ms, at_ms + 1_000)
    )
    job_id = await export(api, range={"between": {"after": after, "before": before}})
    async with await site.client(api, Scope.ANALYTICS_READ) as client:
        text = (await client.get(await path_of(api, job_id))).text
    assert [msgspec.json.decode(line)["id"] for line in text.splitlines()] == ids[1:3]


async def test_roll_ups_are_a_file_too(api: Api, site: Site) -> None:
    """A17: counts by day, dimension and value; of filters that nobody counted there are none."""
    someone = visit(country="GB", visitor=api.context.viewer.workspace_id.encode())
    await follow_up(api, [someone, visit(country="GB", agent="curl/8")])
    document = EXPORT.replace("format: $format", "format: $format, of: ROLLUPS")
    payload = (await api(document, range={"last": "P1D"}, format="CSV"))["exportClicks"]
    async with await site.client(api, Scope.ANALYTICS_READ) as client:
        text = (await client.get(await path_of(api, payload["bulkJob"]["id"]))).text
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    (country,) = [row for row in rows if row["dimension"] == "COUNTRY"]
    assert (country["key"], country["clicks"], country["uniques"], country["bots"]) == ("GB", "1", "1", "1")
    assert await api.code(document, range={"last": "P1D"}, filter={"countries": ["GB"]}) == "BAD_REQUEST"
