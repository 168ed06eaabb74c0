"""The pages on bulk calls and imports are true: documents and shell commands run as they stand, in order."""

import asyncio
import re
import shutil
from collections.abc import AsyncGenerator, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.access import Scope
from tests.api.conftest import Api
from tests.api.test_guide import ROOT
from tests.api.test_results_url import Site, site  # noqa: F401 - a fixture
from tests.bulk import work_off

BLOCK = re.compile(
    r"^```graphql\n(?P<document>.*?)^```\n(?:```json\n(?P<variables>.*?)^```\n)?|^```sh\n(?P<command>.*?)^```\n",
    re.MULTILINE | re.DOTALL,
)
MADE = re.compile(r'"(tpl|job|upl)_[0-9a-z]{26}"')


def blocks(page: str) -> Iterator[Mapping[str, str | None]]:
    """Documents with their variables, and commands, in the order of the page."""
    for found in BLOCK.finditer((ROOT / "docs" / "guide" / page).read_text()):
        yield found.groupdict()


class Tour:
    """Does what a page says; the ids that were made last take the places of "tpl_…", "job_…" and "upl_…"."""

    def __init__(self, api: Api, base: str, key: str, folder: Path) -> None:
        self.answers: dict[str, Any] = {}
        self.printed: list[str] = []
        self._api = api
        self._base = base
        self._key = key
        self._folder = folder
        self._made: dict[str, str] = {}

    async def take(self, page: str) -> None:
        """Every example of a page, each job done before the next."""
        for block in blocks(page):
            if block["command"] is not None:
                await self._run(self._filled(block["command"]))
            else:
                await self._ask(
                    block["document"] or "", msgspec.json.decode(self._filled(block["variables"] or "{}"))
                )
            await work_off(self._api.services)

    async def _ask(self, document: str, variables: dict[str, Any]) -> None:
        (name,) = re.findall(r"^\w+ (\w+)", document)
        if document.startswith("subscription"):
            frames = await self._api.schema.subscribe(document, variables, self._api.context)
            assert isinstance(frames, AsyncGenerator)
            self.answers[name] = [frame.data async for frame in frames]
            return
        self.answers[name] = answer = await self._api(document, **variables)
        self._remember(msgspec.json.encode(answer).decode())

    async def _run(self, command: str) -> None:
        shell = await asyncio.create_subprocess_exec(
            *("bash", "-euc", command.replace("http://localhost:8000", self._base)),
            cwd=self._folder,
            env={"PATH": "/usr/bin:/bin", "LINKGRAPH_KEY": self._key},
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await shell.communicate()
        assert shell.returncode == 0
        self.printed.append(output.decode())
        self._remember(self.printed[-1])

    def _remember(self, text: str) -> None:
        for found in MADE.finditer(text):
            self._made[found[1]] = found[0].strip('"')

    def _filled(self, text: str) -> str:
        for prefix, made in self._made.items():
            text = text.replace(f"{prefix}_…", made)
        return text


@pytest.fixture
async def tour(api: Api, site: Site, tmp_path: Path) -> Tour:  # noqa: F811 - the fixture
    """A tour through the API of this process, with curl."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed: apt-get install curl")
    client = await site.client(api, Scope.LINKS_READ, Scope.LINKS_WRITE)
    key = client.headers["authorization"].removeprefix("Bearer ")
    await client.aclose()
    return Tour(api, site.base, key, tmp_path)


EDITS = (
    ("ChangeMany", "bulkUpdateLinks", "UPDATE", 2),
    ("TakeBack", "undoBulkJob", "UNDO", 2),
    ("DeleteMany", "bulkDeleteLinks", "DELETE", 1),
)


async def test_the_bulk_page_runs(tour: Tour) -> None:
    await tour.take("bulk.md")
    answers = tour.answers
    job = answers["MakeMany"]["bulkCreateLinks"]["bulkJob"]
    assert (job["kind"], job["state"], job["total"]) == ("CREATE", "QUEUED", 3)
    watched = answers["Watch"]["bulkJob"]
    assert (watched["state"], watched["succeeded"], watched["failed"]) == ("SUCCEEDED", 2, 1)
    (failed,) = watched["results"]["nodes"]
    assert [(error["code"], error["field"]) for error in failed["userErrors"]] == [
        ("NOT_ALLOWED", ["2", "customer.plan"])
    ]
    assert answers["Progress"][-1]["bulkJob"] == {
        "state": "SUCCEEDED",
        "total": 3,
        "done": 3,
        "succeeded": 2,
        "failed": 1,
    }
    uploaded, results = tour.printed[:2]
    columns = ["destination", "title", "tags", "utm_source", "attributes.segment"]
    assert msgspec.json.decode(uploaded) | {"id": ""} == {"id": "", "rows": 3, "unfit": 0, "columns": columns}
    lines = [msgspec.json.decode(line) for line in results.splitlines()]
    assert [[error["field"] for error in line["userErrors"]] for line in lines] == [
        [],
        [],
        [["2", "destination"]],
    ]
    assert answers["Cancel"]["cancelBulkJob"]["bulkJob"]["state"] == "SUCCEEDED"
    for name, field, kind, total in EDITS:
        payload = answers[name][field]
        assert payload["userErrors"] == []
        assert (payload["bulkJob"]["kind"], payload["bulkJob"]["total"]) == (kind, total)


async def test_the_importing_page_runs(tour: Tour, api: Api) -> None:
    await tour.take("importing.md")
    job = tour.answers["Import"]["importLinks"]
    assert job["userErrors"] == []
    assert (job["bulkJob"]["kind"], job["bulkJob"]["total"]) == ("IMPORT", 2)
    listed = await api("{ links { nodes { slug title createdAt } } }")
    assert listed["links"]["nodes"] == [
        {"slug": "spring-2019", "title": "Spring sale", "createdAt": "2019-03-01T09:00:00.000Z"},
        {"slug": "terms", "title": "Terms", "createdAt": "2018-01-15T12:30:00.000Z"},
    ]
