"""GraphQL over HTTP: media types, statuses, and everything that is not a call."""

import asyncio
import gzip
from typing import Any

import httpx
import pytest

from tests.protocols import example
from tests.protocols.conftest import Served, serving_api

RESPONSE = "application/graphql-response+json"
FORM = "application/x-www-form-urlencoded"


def code_of(response: httpx.Response) -> str:
    code: str = response.json()["errors"][0]["extensions"]["code"]
    return code


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", "application/json"),
        ("", "application/json"),
        ("application/json", "application/json"),
        (RESPONSE, RESPONSE),
        (f"application/json;q=0.5, {RESPONSE}", RESPONSE),
        (
            f"{RESPONSE}, application/graphql+json, application/json, text/event-stream, multipart/mixed",
            RESPONSE,
        ),
        (f"application/json, {RESPONSE};q=0.9", "application/json"),
        (f"{RESPONSE};q=0, */*", "application/json"),
        ("application/*", "application/json"),
    ],
)
async def test_the_answers_type_is_negotiated(served: Served, accept: str, media: str) -> None:
    response = await served.post("{ hello }", headers={"accept": accept})
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media}; charset=utf-8"
    assert response.json()["data"] == {"hello": "Hello, world"}


async def test_what_nobody_accepts_is_not_sent(served: Served) -> None:
    response = await served.post("mutation { bump }", headers={"accept": "image/png"})
    assert (response.status_code, code_of(response)) == (406, "BAD_REQUEST")
    assert served.happened.bumps == 0


@pytest.mark.parametrize(
    ("document", "more", "code"),
    [
        ("{", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("{ nothing }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("query ($n: Int!) { later(milliseconds: $n) }", {"variables": {"n": "x"}}, "BAD_REQUEST"),
        ("{ " + "hello " * 600 + "}", {}, "QUERY_TOO_COMPLEX"),
    ],
)
async def test_request_errors(served: Served, document: str, more: dict[str, Any], code: str) -> None:
    """They are 400 in the newer media type, 200 in application/json, and have no data in either."""
    for accept, status in ((RESPONSE, 400), ("application/json", 200)):
        response = await served.post(document, headers={"accept": accept}, **more)
        assert (response.status_code, code_of(response)) == (status, code)
        assert "data" not in response.json()


@pytest.mark.parametrize("name", [None, "C"])
async def test_several_operations_need_a_name(served: Served, name: str | None) -> None:
    document = "mutation A { bump } mutation B { bump }"
    response = await served.post(document, operationName=name)
    assert (response.status_code, code_of(response)) == (400, "BAD_REQUEST")
    assert served.happened.bumps == 0


@pytest.mark.parametrize(
    "body", ["null", '"x"', "5", "[]", "{}", "[" * 100_000, '{"query": NaN}', "\udcff", ""]
)
async def test_what_is_no_call_is_400(served: Served, body: str) -> None:
    """GQ-04, GQ-05: never 500."""
    async with served.client() as client:
        response = await client.post(
            served.url,
            content=body.encode(errors="surrogateescape"),
            headers={"content-type": "application/json"},
        )
    assert (response.status_code, code_of(response)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("size", [2, 100])
async def test_batches_are_refused(served: Served, size: int) -> None:
    """GQ-08: by a message that says so."""
    async with served.client() as client:
        response = await client.post(served.url, json=[{"query": "mutation { bump }"}] * size)
    assert response.status_code == 400
    assert response.json()["errors"][0]["message"].startswith("Batches are not taken")
    assert served.happened.bumps == 0


async def test_large_bodies_are_cut_off(served: Served) -> None:
    """GQ-07: 20 MB, declared or not."""
    body = b'{"query": "{ hello }", "x": "' + b"x" * 20_000_000 + b'"}'

    async def chunks() -> Any:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    headers = {"content-type": "application/json"}
    statuses = []
    for content in (body, chunks()):
        async with served.client() as client:
            try:
                statuses.append((await client.post(served.url, content=content, headers=headers)).status_code)
            except httpx.TransportError:
                statuses.append(413)  # the server answered and closed while we were still sending
    assert statuses == [413, 413]


@pytest.mark.parametrize(("key", "status"), [("admin", 200), (None, 413)])
async def test_rows_of_a_bulk_call_need_a_key(served: Served, key: str | None, status: int) -> None:
    """BK-03: 10 MiB of rows fit into a call with a key; nobody else is read that far."""
    body = b'{"query": "{ __typename }", "extensions": {"x": "' + b"x" * 10_500_000 + b'"}}'
    async with served.client(key) as client:
        try:
            answered = await client.post(
                served.url, content=body, headers={"content-type": "application/json"}
            )
            found = answered.status_code
        except httpx.TransportError:
            found = 413  # the server answered and closed while we were still sending
    assert found == status


async def test_compressed_bodies_are_refused(served: Served) -> None:
    """GQ-07: what would have to be unpacked is not."""
    async with served.client() as client:
        response = await client.post(
            served.url,
            content=gzip.compress(b'{"query": "{ hello }"}' + b" " * 10_000_000),
            headers={"content-type": "application/json", "content-encoding": "gzip"},
        )
    assert response.status_code == 415


async def test_slow_bodies_time_out(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """GQ-07: a body that drips."""
    monkeypatch.setattr(served.api.http, "_body_seconds", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    async with asyncio.timeout(30):
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
    writer.close()


@pytest.mark.parametrize(
    "media", ["text/plain", FORM, "multipart/form-data; boundary=x", "application/jsonx", ""]
)
async def test_other_media_types_are_refused(served: Served, media: str) -> None:
    """GQ-09: a form of another site can send nothing that we read."""
    async with served.client() as client:
        headers = {"content-type": media} if media else {}
        response = await client.post(served.url, content=b'{"query": "mutation { bump }"}', headers=headers)
    assert response.status_code == 415
    assert served.happened.bumps == 0


async def test_get_is_for_queries(served: Served) -> None:
    """GQ-09: a mutation by GET is refused and does not run."""
    async with served.client() as client:
        read = await client.get(served.url, params={"query": "{ hello }"})
        changed = await client.get(served.url, params={"query": "mutation { bump }"})
    assert read.json()["data"] == {"hello": "Hello, world"}
    assert (changed.status_code, changed.headers["allow"]) == (405, "GET, POST")
    assert served.happened.bumps == 0


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {"origin": "null"}],
)
async def test_other_sites_may_not_call(served: Served, headers: dict[str, str]) -> None:
    """GQ-09: cross-site GET and POST are refused."""
    async with served.client() as client:
        got = await client.get(served.url, params={"query": "{ hello }"}, headers=headers)
    posted = await served.post("mutation { bump }", headers=headers)
    assert (got.status_code, posted.status_code) == (403, 403)
    assert served.happened.bumps == 0


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
async def test_other_methods(served: Served, method: str) -> None:
    async with served.client() as client:
        response = await client.request(method, served.url)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


async def test_unknown_paths(served: Served) -> None:
    async with served.client() as client:
        response = await client.get(f"http://127.0.0.1:{served.port}/nothing")
    assert (response.status_code, code_of(response)) == (404, "BAD_REQUEST")
    assert response.headers["x-request-id"]


async def test_masked_errors(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """GQ-11: a secret in an exception stays in the log; the caller gets the id to find it by."""
    response = await served.post("{ hello broken }")
    error = response.json()["errors"][0]
    assert example.SECRET not in response.text
    assert error["extensions"]["code"] == "INTERNAL"
    assert error["path"] == ["broken"]
    assert error["extensions"]["requestId"] == response.headers["x-request-id"]
    assert response.json()["data"] == {"hello": "Hello, world", "broken": None}
    assert response.headers["x-request-id"] in caplog.text
    assert example.SECRET in caplog.text


async def test_masked_errors_outside_of_resolvers(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """GQ-11: the same where validation itself fails."""

    def fail(_text: str) -> None:
        raise RuntimeError(example.SECRET)

    monkeypatch.setattr(served.api.graph._documents, "read", fail)
    response = await served.post("{ hello }")
    assert (response.status_code, code_of(response)) == (500, "INTERNAL")
    assert example.SECRET not in response.text


async def test_stores_that_are_away(served: Served) -> None:
    response = await served.post("{ away }")
    assert response.json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE", "retryAfter": 1}


async def test_stuck_operations_are_cancelled(settings: Any) -> None:
    """GQ-16: the resolver is cancelled, the slot is free."""
    async with serving_api(settings, execution_seconds=0.2) as served:
        response = await served.post("{ stuck }")
        assert (response.status_code, code_of(response)) == (504, "TIMEOUT")
        async with asyncio.timeout(30):
            await served.happened.cancelled.wait()


async def test_stuck_operations_end_in_the_database(settings: Any) -> None:
    """GQ-16: MongoDB stops working on it too."""
    async with serving_api(settings, execution_seconds=0.5) as served:
        database = served.api.graph._contexts(await example.lookup("admin"), "").database  # type: ignore[attr-defined]  # the example's
        await database["slow"].insert_one({})
        assert code_of(await served.post("{ slowDatabase }")) == "TIMEOUT"
        admin = database.client.admin
        async with asyncio.timeout(30):
            while True:
                running = await admin.aggregate(
                    [{"$currentOp": {}}, {"$match": {"ns": f"{database.name}.slow"}}]
                )
                if not await running.to_list():
                    break
                await asyncio.sleep(0.05)  # MongoDB has no event for the end of an operation
        assert (await served.post("{ hello }")).status_code == 200


@pytest.mark.parametrize("accept", [None, "application/json", "*/*"])
async def test_subscriptions_need_a_stream(served: Served, accept: str | None) -> None:
    response = await served.post(
        "subscription { count(to: 1) }", headers={"accept": accept} if accept else None
    )
    assert response.status_code == 406
    assert "text/event-stream" in response.json()["errors"][0]["message"]


async def test_answers_are_for_nobody_else(served: Served) -> None:
    response = await served.post("{ hello }")
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert len(response.headers["x-request-id"]) == 24


async def test_named_origins_may_read(settings: Any) -> None:
    import msgspec

    opened = msgspec.structs.replace(settings, allowed_origins="https://app.example, https://b.example:8443")
    async with serving_api(opened) as served:
        preflight = {"origin": "https://app.example", "access-control-request-method": "POST"}
        async with served.client(None) as client:
            allowed = await client.options(served.url, headers=preflight)
            refused = await client.options(
                served.url, headers=preflight | {"origin": "https://app.example.evil"}
            )
        answered = await served.post("{ hello }", headers={"origin": "https://app.example"})
        alike = await served.post("{ hello }", headers={"origin": "https://app.example:8443"})
    assert allowed.status_code == 204
    assert len(allowed.headers["x-request-id"]) == 24
    assert "authorization" in allowed.headers["access-control-allow-headers"]
    assert refused.status_code == 405
    assert answered.headers["access-control-allow-origin"] == "https://app.example"
    assert "x-request-id" in answered.headers["access-control-expose-headers"]
    assert alike.status_code == 403
