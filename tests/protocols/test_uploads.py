"""POST /uploads over real HTTP: what is taken, what is refused, and what is left of a file that broke off."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from app.connections import now, now_ms
from app.settings import Settings
from app.uploads import OPEN_PER_WORKSPACE, Uploads
from domain.errors import UserError
from domain.ids import Ids
from storage import mongo
from storage.uploads import MongoUploads
from tests.application import free_port
from tests.protocols.conftest import serving_api

MAX_BYTES = 300_000
MAX_ROWS = 2_000
MAX_WAITING = 20
WORKSPACE = "ws_1"


@dataclass(frozen=True)
class Door:
    """An address that takes files, and where they go."""

    url: str
    work: Uploads
    store: MongoUploads
    database: mongo.Database

    async def post(
        self, content: Any, media: str = "text/csv", key: str | None = "writer", **headers: str
    ) -> httpx.Response:
        given = {"content-type": media, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if key is not None:
            given["authorization"] = f"Bearer {key}"
        async with httpx.AsyncClient(timeout=20) as client:
            return await client.post(self.url, content=content, headers=given)

    async def rows(self, upload_id: str) -> list[Any]:
        """Every row that is kept, in order."""
        upload = await self.store.by_id(WORKSPACE, upload_id, self.work._clock())
        assert upload is not None
        rows: list[Any] = []
        for number in range(upload.chunks):
            chunk = await self.store.chunk(WORKSPACE, upload_id, number)
            assert chunk is not None
            assert chunk.first == len(rows)
            rows += chunk.read()
        assert len(rows) == upload.rows
        return rows

    async def left(self) -> int:
        """Chunks of files that are no uploads."""
        whole = [upload["_id"] async for upload in self.database["uploads"].find()]
        return await self.database["upload_chunks"].count_documents({"upload_id": {"$nin": whole}})


@asynccontextmanager
async def opened(settings: Settings, mongodb_url: str, timeout_ms: int = 5_000) -> AsyncIterator[Door]:
    """The API with small limits for files, which are kept on an engine."""
    client = mongo.connect(mongodb_url, timeout_ms=timeout_ms, application="tests")
    database = client[settings.mongodb_database]
    store = MongoUploads(database)
    work = Uploads(
        store,
        clock=now,
        ids=Ids(now_ms, secrets.token_bytes),
        patience_seconds=1.0,
        max_bytes=MAX_BYTES,
        max_rows=MAX_ROWS,
        max_waiting=MAX_WAITING,
    )
    async with serving_api(settings, works={"/uploads": work}) as served:
        yield Door(f"http://127.0.0.1:{served.port}/uploads", work, store, database)
    await client.close()


@pytest.fixture(scope="module")
async def door(settings: Settings) -> AsyncIterator[Door]:
    """Files are kept on the engine of the tests."""
    async with opened(settings, settings.mongodb_url or "") as each:
        yield each


def code(answer: httpx.Response) -> str:
    (error,) = answer.json()["errors"]
    found: str = error["extensions"]["code"]
    return found


async def test_a_csv_file_is_kept_row_by_row(door: Door) -> None:
    """Rows come back in order, over several chunks, with the columns of the header."""
    lines = [f"https://example.com/{number};tag {number}" for number in range(1_200)]
    answer = await door.post("destination;tags\r\n" + "\r\n".join(lines), "text/csv; charset=utf-8")
    assert answer.status_code == 201
    made = answer.json()
    upload_id = made.pop("id")
    assert made == {"rows": 1_200, "unfit": 0, "columns": ["destination", "tags"]}
    assert await door.rows(upload_id) == [
        {"destination": f"https://example.com/{number}", "tags": f"tag {number}"} for number in range(1_200)
    ]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("media", ["application/jsonl", "application/x-ndjson"])
async def test_json_lines_are_kept_as_they_are(door: Door, media: str) -> None:
    """BK-03: a row that is none, one of 80 kB among them, is an error of that row alone."""
    long = '{"title":"' + "x" * 80_000 + '"}'
    answer = await door.post(
        f'{{"destination":"https://example.com/"}}\n{long}\nno json\n{{"a":[1]}}\n', media
    )
    assert answer.status_code == 201
    assert (answer.json()["rows"], answer.json()["unfit"]) == (4, 2)
    first, second, third, last = await door.rows(answer.json()["id"])
    assert first == {"destination": "https://example.com/"}
    assert isinstance(second, UserError)
    assert second.message == "The row has 80,012 bytes; at most 65,536 are accepted."
    assert isinstance(third, UserError)
    assert last == {"a": [1]}


async def test_another_workspace_does_not_see_it(door: Door) -> None:
    answer = await door.post("a\n1\n")
    upload_id = answer.json()["id"]
    assert await door.store.by_id("ws_2", upload_id, door.work._clock()) is None
    assert await door.store.chunk("ws_2", upload_id, 0) is None


@pytest.mark.parametrize(
    ("content", "media", "headers", "refusal"),
    [
        ("a\n1\n", "application/json", {}, (415, "BAD_REQUEST")),
        ("a\n1\n", "multipart/form-data; boundary=x", {}, (415, "BAD_REQUEST")),
        ("a\n1\n", "text/csv; charset=latin-1", {}, (415, "BAD_REQUEST")),
        (b"\x1f\x8b\x08", "text/csv", {"content_encoding": "gzip"}, (415, "BAD_REQUEST")),
        ("a\n1\n", "text/csv", {"key": None}, (401, "UNAUTHENTICATED")),
        ("a\n1\n", "text/csv", {"key": "stranger"}, (401, "UNAUTHENTICATED")),
        ("a\n1\n", "text/csv", {"key": "reader"}, (403, "FORBIDDEN")),
        ("a\n1\n", "text/csv", {"origin": "https://evil.example"}, (403, "FORBIDDEN")),
        ("", "text/csv", {}, (400, "BAD_REQUEST")),
        ("a,b\n", "text/csv", {}, (400, "BAD_REQUEST")),
        ("a,a\n1,2\n", "text/csv", {}, (400, "BAD_REQUEST")),
        ('a,b\n1,"2\n', "text/csv", {}, (400, "BAD_REQUEST")),
        ("\n\n", "application/jsonl", {}, (400, "BAD_REQUEST")),
        ("a\n" + "1\n" * (MAX_ROWS + 1), "text/csv", {}, (413, "LIMIT_EXCEEDED")),
        ("a,b\n" + ",\n" * (MAX_ROWS * 10 + 1), "text/csv", {}, (413, "LIMIT_EXCEEDED")),
        ("a\n" + "x" * MAX_BYTES, "text/csv", {}, (413, "BAD_REQUEST")),
    ],
)
async def test_what_is_no_such_file_is_refused_and_leaves_nothing(
    door: Door, content: str | bytes, media: str, headers: dict[str, Any], refusal: tuple[int, str]
) -> None:
    """GQ-07, GQ-09, AU-02: size, type, encoding, key, scope and origin are judged as the graph does."""
    answer = await door.post(content, media, **headers)
    assert (answer.status_code, code(answer)) == refusal
    assert await door.left() == 0


async def test_an_undeclared_length_counts_as_it_arrives(door: Door) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"a\n"
        for _ in range(10):
            yield b"1234567\n" * 5_000

    with contextlib.suppress(httpx.TransportError):  # it may close while we are still sending
        assert (await door.post(pieces())).status_code == 413
    assert await door.left() == 0


async def test_a_slow_body_times_out(door: Door) -> None:
    """GQ-07: what was kept of it is dropped, and it is counted."""
    stuck = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"a\n" + b"1\n" * 1_000
        await stuck.wait()
        yield b""

    broken = door.work.counts.broken_off
    sending = asyncio.create_task(door.post(pieces()))
    while door.work.counts.broken_off == broken:
        await asyncio.sleep(0.02)  # its clock runs in the server; nobody else is told
    stuck.set()
    with contextlib.suppress(httpx.TransportError):  # it may close right behind its answer
        answer = await sending
        assert (answer.status_code, code(answer)) == (408, "BAD_REQUEST")
    assert await door.left() == 0


async def test_a_file_that_breaks_off_is_not_kept(door: Door) -> None:
    """A client that leaves in the middle leaves no upload and no chunk."""
    host, port = "127.0.0.1", int(door.url.split(":")[2].split("/")[0])
    before, broken = await door.database["uploads"].count_documents({}), door.work.counts.broken_off
    _, writer = await asyncio.open_connection(host, port)
    writer.write(
        b"POST /uploads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer writer\r\nContent-Type: text/csv\r\n"
        b"Content-Length: 100000\r\n\r\na\n" + b"1\n" * 1_500
    )
    await writer.drain()
    while not door.work.counts.open:
        await asyncio.sleep(0.01)  # until the server has begun to read
    writer.close()
    await writer.wait_closed()
    while door.work.counts.broken_off == broken:
        await asyncio.sleep(0.02)  # until the server has noticed
    assert door.work.counts.open == 0
    assert await door.database["uploads"].count_documents({}) == before
    assert await door.left() == 0


async def test_a_workspace_sends_only_so_many_at_once(door: Door) -> None:
    ready = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"a\n"
        await ready.wait()
        yield b"1\n"

    sending = [asyncio.create_task(door.post(pieces())) for _ in range(OPEN_PER_WORKSPACE)]
    while door.work.counts.open < OPEN_PER_WORKSPACE:
        await asyncio.sleep(0.01)  # until the server has begun with all of them
    answer = await door.post("a\n1\n")
    assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (429, "RATE_LIMITED", "5")
    ready.set()
    assert [each.status_code for each in await asyncio.gather(*sending)] == [201] * OPEN_PER_WORKSPACE
    assert (await door.post("a\n1\n")).status_code == 201


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_files_come_by_post(door: Door, method: str) -> None:
    async with httpx.AsyncClient(headers={"authorization": "Bearer writer"}) as client:
        answer = await client.request(method, door.url)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_there_is_nothing_below_it(door: Door) -> None:
    async with httpx.AsyncClient(headers={"authorization": "Bearer writer"}) as client:
        answer = await client.post(f"{door.url}/x", content="a\n1\n")
    assert (answer.status_code, code(answer)) == (404, "NOT_FOUND")


async def test_a_key_does_not_belong_into_the_address(door: Door) -> None:
    """AU-01."""
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.post(f"{door.url}?access_token=writer", content="a\n1\n")
    assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST")


async def test_only_so_many_wait_for_a_job(settings: Settings) -> None:
    """What a job has claimed counts no more."""
    own = msgspec.structs.replace(settings, mongodb_database=f"test_{secrets.token_hex(6)}")
    async with opened(own, own.mongodb_url or "") as door:
        upload_ids = [(await door.post("a\n1\n")).json()["id"] for _ in range(MAX_WAITING)]
        answer = await door.post("a\n1\n")
        assert (answer.status_code, code(answer)) == (400, "LIMIT_EXCEEDED")
        upload = await door.store.by_id(WORKSPACE, upload_ids[0], now())
        assert upload is not None
        assert await door.store.keep(WORKSPACE, upload, now() + timedelta(days=30))
        assert (await door.post("a\n1\n")).status_code == 201
        await door.database.client.drop_database(own.mongodb_database)


async def test_a_file_that_cannot_be_kept_is_told_so(settings: Settings) -> None:
    """MongoDB away in the middle of a file: 503, and the client may send it again."""
    async with opened(settings, f"mongodb://127.0.0.1:{free_port()}", timeout_ms=300) as door:
        answer = await door.post("a\n" + "1\n" * 600)
        assert (answer.status_code, code(answer)) == (503, "UNAVAILABLE")
        assert (door.work.counts.open, door.work.counts.broken_off) == (0, 1)
