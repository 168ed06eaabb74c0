"""BulkJob.resultsUrl: every row of a job as JSON Lines over real HTTP, from the upload to the last line."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import pytest

from app import api as apis
from app.services import Services
from domain import keys
from domain.access import Scope
from domain.errors import Unavailable
from domain.keys import ApiKey
from domain.paging import Window
from tests.api.conftest import Api
from tests.api.test_bulk_create_links import done, started
from tests.protocols.conftest import listening_on


@dataclass(frozen=True)
class Site:
    """The whole API on a port, with one key of a workspace."""

    base: str
    services: Services

    async def client(self, api: Api, *scopes: Scope) -> httpx.AsyncClient:
        """A client with a key of the workspace."""
        secret = keys.secret(secrets.token_bytes)
        workspace_id = api.context.viewer.workspace_id
        key = ApiKey(
            id=self.services.ids.new("key"),
            workspace_id=workspace_id,
            name="files",
            prefix=keys.shown(secret),
            secret_hash=keys.digest(secret),
            scopes=frozenset(scopes or {Scope.LINKS_READ, Scope.LINKS_WRITE}),
            created_at=self.services.clock(),
        )
        assert await self.services.keys.add(workspace_id, key)
        headers = {"authorization": f"Bearer {secret}"}
        return httpx.AsyncClient(base_url=self.base, headers=headers, timeout=20)


@pytest.fixture
async def site(opened: Services) -> AsyncIterator[Site]:
    """The API's own application over real engines."""
    async with listening_on(apis.over(opened).application) as (port, _):
        yield Site(f"http://127.0.0.1:{port}", opened)


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in answer.text.splitlines()]


async def results_path(api: Api, job: str) -> str:
    """Where the API says that results are, without its public base."""
    found = await api("query ($id: ID!) { bulkJob(id: $id) { resultsUrl } }", id=job)
    url: str = found["bulkJob"]["resultsUrl"]
    assert url.startswith("https://api.example/")
    return url.removeprefix("https://api.example")


async def test_a_file_goes_in_and_a_line_for_each_row_comes_out(api: Api, site: Site) -> None:
    """BK3: the way of a million rows: upload, job, results, over several pages of the store."""
    rows = [f"https://example.com/{number}" for number in range(1_100)]
    rows[700] = "javascript:alert(1)"
    async with await site.client(api) as client:
        upload = await client.post(
            "/uploads", content="destination\n" + "\n".join(rows), headers={"content-type": "text/csv"}
        )
        job = await started(api, file=upload.json()["id"])
        path = await results_path(api, job)
        before = await client.get(path)
        assert (before.status_code, before.text) == (200, "")
        assert (await done(api, job))["failed"] == 1
        answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/jsonl; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="{job}.jsonl"'
    found = lines(answer)
    assert [line["row"] for line in found] == list(range(1_100))
    failed = found.pop(700)
    assert (failed["linkId"], failed["shortUrl"]) == (None, None)
    assert (failed["userErrors"][0]["code"], failed["userErrors"][0]["field"]) == (
        "UNSAFE_URL",
        ["700", "destination"],
    )
    assert all(line["userErrors"] == [] and line["linkId"].startswith("lnk_") for line in found)
    link = await api("query ($id: ID!) { link(by: {id: $id}) { shortUrl } }", id=found[0]["linkId"])
    assert found[0]["shortUrl"] == link["link"]["shortUrl"]


async def test_results_are_for_their_workspace(api: Api, other: Api, site: Site) -> None:
    """GQ-14: another workspace's job is not found, like one that never was."""
    job = await started(api, links=[{"destination": "https://example.com/"}])
    path = await results_path(api, job)
    async with await site.client(other) as client:
        for wanted in (
            path,
            path.replace(job, api.context.ids.new("job")),
            "/jobs",
            "/jobs/x/y",
            f"{path}/z",
        ):
            answer = await client.get(wanted)
            assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (
                404,
                "NOT_FOUND",
            )
        assert (await client.post(path)).status_code == 405
    async with await site.client(api, Scope.ANALYTICS_READ) as client:
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")
    async with httpx.AsyncClient(base_url=site.base) as client:
        assert (await client.get(path)).status_code == 401


async def test_a_fault_of_ours_is_masked(
    api: Api, site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """GQ-11: the answer names the request, and only the log tells what was wrong."""

    def broken(*_: object) -> None:
        raise RuntimeError("mongodb://root:hunter2@db.internal")

    path = await results_path(api, await started(api, links=[{"destination": "https://example.com/"}]))
    monkeypatch.setattr(site.services.jobs._results, "page", broken)
    async with await site.client(api) as client:
        answer = await client.get(path)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (500, "INTERNAL")
    assert "hunter2" not in answer.text
    assert error["extensions"]["requestId"] == answer.headers["x-request-id"]
    assert error["extensions"]["requestId"] in caplog.text


async def test_results_that_break_off_are_no_whole_file(
    api: Api, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MongoDB away in the middle: the client sees a broken answer, never a short file that looks whole."""
    job = await started(api, links=[{"destination": f"https://example.com/{row}"} for row in range(600)])
    assert (await done(api, job))["succeeded"] == 600
    path = await results_path(api, job)
    page = site.services.jobs._results.page

    async def away(workspace_id: str, job_id: str, window: Window, *, only_failed: bool) -> Any:
        if window.after is not None:
            raise Unavailable("The database does not answer right now; try again.")
        return await page(workspace_id, job_id, window, only_failed=only_failed)

    monkeypatch.setattr(site.services.jobs._results, "page", away)
    async with await site.client(api) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(path)
