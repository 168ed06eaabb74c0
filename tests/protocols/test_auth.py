"""Keys and scopes: who may call, and that a refused call has done nothing."""

import asyncio
import logging
from typing import Any

import msgspec
import pytest

from app.graphql.auth import Authentication
from domain.access import Scope, Viewer
from domain.errors import Forbidden, Unauthenticated
from tests.protocols import example
from tests.protocols.conftest import Served, serving_api


async def test_no_key(served: Served) -> None:
    response = await served.post("mutation { bump }", key=None)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="linkgraph"'
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert served.happened.bumps == 0


@pytest.mark.parametrize("header", ["Bearer unknown", "Basic YWRtaW46", "Bearer", "admin", "Bearer ädmin"])
async def test_bad_keys(served: Served, header: str) -> None:
    """AU-01: also a key of another installation."""
    response = await served.post("{ hello }", key=None, headers={"authorization": header.encode("latin-1")})  # type: ignore[dict-item]  # httpx takes bytes
    assert response.status_code == 401


@pytest.mark.parametrize("name", ["access_token", "api_key", "key", "token", "anything", "authorization"])
async def test_keys_in_urls_are_refused(served: Served, caplog: pytest.LogCaptureFixture, name: str) -> None:
    """AU-01: and not logged, over HTTP and in a WebSocket's handshake."""
    caplog.set_level(logging.DEBUG, logger="app")
    query = f"{name}=lg_live_topsecret"
    async with served.client() as client:
        response = await client.post(f"{served.url}?{query}", json={"query": "{ hello }"})
    assert response.status_code == 400
    assert "does not belong into a URL" in response.text
    assert "topsecret" not in caplog.text


async def test_two_authorization_headers(served: Served) -> None:
    async with served.client(None) as client:
        headers = [("authorization", "Bearer reader"), ("authorization", "Bearer admin")]
        response = await client.post(served.url, json={"query": "{ hello }"}, headers=headers)
    assert response.status_code == 401


@pytest.mark.parametrize(
    "document", ["mutation { bump }", "mutation { ...F } fragment F on Mutation { bump }"]
)
async def test_missing_scopes(served: Served, document: str) -> None:
    """AU-02: a reader's mutation is refused before anything runs."""
    response = await served.post(document, key="reader")
    error = response.json()["errors"][0]
    assert response.status_code == 403
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert "links:write" in error["message"]
    assert served.happened.bumps == 0


async def test_missing_scopes_over_sockets_and_streams(served: Served) -> None:
    """AU-02: the same over WebSocket and SSE."""
    from tests.protocols.conftest import hear, say

    async with served.connected("reader") as socket:
        await say(socket, {"id": "1", "type": "subscribe", "payload": {"query": "mutation { bump }"}})
        message = await hear(socket)
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")
    response = await served.post("mutation { bump }", key="reader", headers={"accept": "text/event-stream"})
    assert response.status_code == 403
    assert served.happened.bumps == 0


async def test_the_schema_needs_no_key_in_the_playground(served: Served) -> None:
    assert (await served.post("{ __schema { queryType { name } } }", key=None)).status_code == 200
    assert (await served.post("{ __typename hello }", key=None)).status_code == 401


async def test_nothing_without_a_key_in_production(settings: Any) -> None:
    """GQ-10: no introspection, no page, no suggestions, and not even parsing without a key."""
    closed = msgspec.structs.replace(settings, playground=False)
    async with serving_api(closed) as served:
        assert (await served.post("{ __typename }", key=None)).status_code == 401
        assert (await served.post("{", key=None)).status_code == 401
        asked = await served.post("{ __schema { queryType { name } } }")
        assert asked.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert "Did you mean" not in (await served.post("{ helo }")).text
        assert "Did you mean" not in (await served.post("{ hello(nme: 1) }")).text
        async with served.client(None) as client:
            page = await client.get(served.url, headers={"accept": "text/html"})
            asset = await client.get(f"{served.url}/assets/page.js")
        assert (page.status_code, asset.status_code) == (401, 404)


class Store:
    """Answers for one key and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.revoked = False
        self.scopes = frozenset({Scope.LINKS_READ})

    async def lookup(self, key: str) -> Viewer:
        self.asked += 1
        if self.revoked or key != "good":
            raise Unauthenticated("unknown")
        return Viewer(workspace_id="ws_1", key_id="key_1", scopes=self.scopes)


async def test_keys_are_remembered_for_five_seconds() -> None:
    store, now = Store(), [0.0]
    authentication = Authentication(store.lookup, clock=lambda: now[0], hold_seconds=5)
    for second in (0.0, 1.0, 4.9):
        now[0] = second
        await authentication.viewer("good")
    assert store.asked == 1
    store.revoked, now[0] = True, 5.1
    with pytest.raises(Unauthenticated):
        await authentication.viewer("good")


async def test_guesses_are_not_remembered() -> None:
    authentication = Authentication(example.lookup, room=3)
    for number in range(10):
        with pytest.raises(Unauthenticated):
            await authentication.viewer(f"guess{number}")
        await authentication.viewer(f"reader-{number}")
    assert len(authentication._known) == 3


async def test_a_revoked_key_ends_what_runs_for_it() -> None:
    store = Store()
    authentication = Authentication(store.lookup, hold_seconds=0)
    waiting = asyncio.create_task(authentication.until_revoked("good", store.scopes, every_seconds=0.01))
    await asyncio.sleep(0.05)  # several looks: all of them find the key good
    assert not waiting.done()
    store.revoked = True
    async with asyncio.timeout(30):
        with pytest.raises(Unauthenticated):
            await waiting


async def test_a_lost_scope_ends_what_was_let_in_with_it_whoever_waits_already() -> None:
    """A key is given a scope and loses it again: what began in between ends, what never had it goes on."""
    store = Store()
    authentication = Authentication(store.lookup, hold_seconds=0)
    few, more = store.scopes, store.scopes | {Scope.ANALYTICS_READ}
    patient = asyncio.create_task(authentication.until_revoked("good", few, every_seconds=0.01))
    store.scopes = more
    eager = asyncio.create_task(authentication.until_revoked("good", more, every_seconds=0.01))
    await asyncio.sleep(0.05)  # several looks
    assert not eager.done()
    store.scopes = few
    async with asyncio.timeout(30):
        with pytest.raises(Forbidden):
            await eager
        with pytest.raises(Forbidden):  # lost before the watch had begun
            await authentication.until_revoked("good", more, every_seconds=0.01)
    assert not patient.done()
    patient.cancel()
    await asyncio.wait([patient])
    assert authentication._watches == {}
