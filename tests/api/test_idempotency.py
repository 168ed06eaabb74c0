"""Idempotency-Key on mutations: one key and payload, one run, one answer."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from graphql import GraphQLList, GraphQLNonNull, GraphQLObjectType, is_leaf_type

from app import api as role
from app import graph
from app.services import Services
from domain import idempotency, keys
from domain.access import Scope
from domain.links import Link
from schema.nodes import Node
from storage.idempotency import MongoClaims
from storage.links import MongoLinks
from tests.api.conftest import Api

CREATE = """
mutation ($input: CreateLinkInput!) {
  createLink(input: $input) { link { id slug title version } userErrors { code field } }
}
"""
CREATE_MANY = """
mutation ($input: [CreateLinkInput!]!) {
  createLinks(input: $input) { results { link { id slug } userErrors { code field } } succeeded failed }
}
"""
TWO = """
mutation ($id: ID!) {
  first: createLink(input: {destination: "https://example.com/1"}) { link { id } }
  second: archiveLink(id: $id) { link { id status } userErrors { code } }
}
"""
INPUT = {"destination": "https://example.com/"}


@dataclass(frozen=True)
class Client:
    """Calls the API over HTTP as an admin of a workspace."""

    http: httpx.AsyncClient
    api: Api

    async def post(self, key: str | None, document: str, **variables: Any) -> httpx.Response:
        headers = {} if key is None else {"idempotency-key": key}
        body = {"query": document, "variables": variables}
        return await self.http.post("/graphql", json=body, headers=headers)

    async def data(self, key: str | None, document: str, **variables: Any) -> Mapping[str, Any]:
        response = await self.post(key, document, **variables)
        assert response.status_code == 200, response.text
        assert "errors" not in response.json(), response.text
        data: Mapping[str, Any] = response.json()["data"]
        return data

    async def links(self) -> int:
        query = {"workspace_id": self.api.context.viewer.workspace_id}
        return await self.api.services.database["links"].count_documents(query)

    async def claim(self, key: str) -> Mapping[str, Any]:
        name = f"{self.api.context.viewer.workspace_id}/{key}"
        found = await self.api.services.database["idempotency"].find_one({"_id": name})
        assert found is not None
        return found


@asynccontextmanager
async def calling(api: Api, stores: Services | None = None, *scopes: Scope) -> AsyncIterator[Client]:
    """A client of the real application, on its own or on given stores."""
    plenty = msgspec.structs.replace(api.services.settings, cost_budget=100_000, cost_restore_per_second=1)
    stores = replace(stores or api.services, settings=plenty)
    secret = keys.secret(stores.ids.random_bytes)
    workspace_id = api.context.viewer.workspace_id
    key = keys.ApiKey(
        id=stores.ids.new("key"),
        workspace_id=workspace_id,
        name="test",
        prefix=keys.shown(secret),
        secret_hash=keys.digest(secret),
        scopes=frozenset(scopes or {Scope.ADMIN}),
        created_at=stores.clock(),
    )
    await stores.keys.add(workspace_id, key)
    transport = httpx.ASGITransport(role.over(stores).application)
    headers = {"authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://api.example", headers=headers) as http:
        yield Client(http, api)


@pytest.fixture
async def client(api: Api) -> AsyncIterator[Client]:
    """A client of a fresh workspace."""
    async with calling(api) as client:
        yield client


def code_of(response: httpx.Response) -> str:
    code: str = response.json()["errors"][0]["extensions"]["code"]
    return code


class _Interrupted(MongoLinks):
    """Keeps links as ever, then something happens."""

    def __init__(self, api: Api, happens: Callable[[str], Any]) -> None:
        super().__init__(api.services.database)
        self._happens = happens

    async def add_many(self, workspace_id: str, links: Any) -> Any:
        kept = await super().add_many(workspace_id, links)
        await self._happens("add_many")
        return kept

    async def update(self, workspace_id: str, old: Link, new: Link) -> Any:
        await self._happens("update")
        return await super().update(workspace_id, old, new)


async def test_the_same_call_gets_the_same_answer(client: Client) -> None:
    """GQ-17: same payload, same result; nothing is done twice."""
    first = await client.data("k1", CREATE, input=INPUT)
    again = await client.data("k1", CREATE, input=INPUT)
    assert again == first
    assert await client.links() == 1
    other = await client.data("k2", CREATE, input=INPUT)
    assert other["createLink"]["link"]["id"] != first["createLink"]["link"]["id"]


async def test_the_order_of_variables_is_no_other_payload(client: Client) -> None:
    first = await client.data("k", CREATE, input={"title": "t", **INPUT})
    assert await client.data("k", CREATE, input={**INPUT, "title": "t"}) == first


async def test_another_payload_is_refused(client: Client) -> None:
    """GQ-17: 422, and nothing is done."""
    await client.data("k", CREATE, input=INPUT)
    refused = await client.post("k", CREATE, input={"destination": "https://example.com/other"})
    assert (refused.status_code, code_of(refused)) == (422, "IDEMPOTENCY_MISMATCH")
    assert await client.links() == 1


async def test_what_did_not_run_costs_a_point(client: Client) -> None:
    """A refused batch gives back what a batch costs: a client that tries again is not locked out."""
    await client.data("k", CREATE_MANY, input=[INPUT])
    for _ in range(5):
        refused = await client.post("k", CREATE_MANY, input=[INPUT] * 1_000)
        assert code_of(refused) == "IDEMPOTENCY_MISMATCH"
    answer = (await client.post(None, "{ viewer { scopes } }")).json()
    assert answer["extensions"]["cost"]["available"] > 99_900


async def test_one_of_fifty_concurrent_calls_runs(client: Client) -> None:
    """GQ-17: one runs, the others are told so (409) or get its answer; there is one link."""
    answers = await asyncio.gather(*(client.post("k", CREATE, input=INPUT) for _ in range(50)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert {code_of(answer) for answer in answers if answer.status_code == 409} <= {"IDEMPOTENCY_CONFLICT"}
    good = [answer.json()["data"] for answer in answers if answer.status_code == 200]
    assert good
    assert all(data == good[0] for data in good)
    assert await client.links() == 1


async def test_a_running_call_keeps_its_key(api: Api) -> None:
    """GQ-17: the second is refused with 409 and when to come back; the first goes on undisturbed."""
    running, goes_on = asyncio.Event(), asyncio.Event()

    async def happens(_step: str) -> None:
        running.set()
        await goes_on.wait()

    async with calling(api, replace(api.services, links=_Interrupted(api, happens))) as client:
        first = asyncio.create_task(client.post("k", CREATE, input=INPUT))
        await running.wait()
        second = await client.post("k", CREATE, input=INPUT)
        assert (second.status_code, code_of(second)) == (409, "IDEMPOTENCY_CONFLICT")
        assert second.headers["retry-after"] == "1"
        goes_on.set()
        assert (await first).json()["data"]["createLink"]["userErrors"] == []
        assert await client.links() == 1


async def test_objects_are_read_again(client: Client) -> None:
    """Ids are remembered, not contents: a repeated answer shows the link as it is now."""
    first = (await client.data("k", CREATE, input=INPUT))["createLink"]["link"]
    await client.api(
        "mutation ($input: UpdateLinkInput!) { updateLink(input: $input) { link { id } } }",
        input={"id": first["id"], "title": "new"},
    )
    again = (await client.data("k", CREATE, input=INPUT))["createLink"]["link"]
    assert again == {**first, "title": "new", "version": 2}
    assert b"example.com" not in b"".join((await client.claim("k"))["results"].values())
    await client.api("mutation ($id: ID!) { deleteLink(id: $id) { deletedId } }", id=first["id"])
    assert (await client.data("k", CREATE, input=INPUT))["createLink"] == {"link": None, "userErrors": []}
    assert await client.links() == 1


async def test_a_batch_is_repeated_row_by_row(client: Client) -> None:
    rows = [INPUT, {"destination": "javascript:alert(1)"}, {**INPUT, "slug": "mine"}]
    first = await client.data("k", CREATE_MANY, input=rows)
    assert (first["createLinks"]["succeeded"], first["createLinks"]["failed"]) == (2, 1)
    assert await client.data("k", CREATE_MANY, input=rows) == first
    assert await client.links() == 2


async def test_a_writer_may_repeat_what_it_may_not_read(api: Api) -> None:
    """The rights that are asked for are those of the mutation, the first time and later."""
    async with calling(api, None, Scope.LINKS_WRITE) as client:
        first = await client.data("k", CREATE, input=INPUT)
        assert await client.data("k", CREATE, input=INPUT) == first
    async with calling(api, None, Scope.LINKS_READ) as reader:
        refused = await reader.post("k", CREATE, input=INPUT)
    assert (refused.status_code, code_of(refused)) == (403, "FORBIDDEN")


async def test_workspaces_do_not_meet(client: Client, other: Api) -> None:
    await client.data("k", CREATE, input=INPUT)
    async with calling(other) as stranger:
        await stranger.data("k", CREATE, input={"destination": "https://example.com/other"})
        assert await stranger.links() == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "tab\there", "caf\xe9"])
async def test_a_malformed_key_is_refused(client: Client, key: str) -> None:
    body = {"query": CREATE, "variables": {"input": INPUT}}
    headers = [(b"idempotency-key", key.encode("latin-1"))]
    refused = await client.http.post("/graphql", json=body, headers=headers)
    assert (refused.status_code, code_of(refused)) == (400, "BAD_REQUEST")
    twice = [(b"idempotency-key", b"a"), (b"idempotency-key", b"b")]
    refused = await client.http.post("/graphql", json=body, headers=twice)
    assert (refused.status_code, code_of(refused)) == (400, "BAD_REQUEST")
    assert await client.links() == 0


async def test_queries_take_no_notice(client: Client) -> None:
    """A query under a key is a query; the key stays free."""
    await client.data("k", "{ viewer { scopes } }")
    assert (await client.data("k", CREATE, input=INPUT))["createLink"]["userErrors"] == []


async def test_what_failed_for_now_is_not_remembered(api: Api) -> None:
    """INTERNAL and UNAVAILABLE: a repetition runs again, and makes no second link where one was kept."""
    failures = [RuntimeError("struck by lightning")]

    async def happens(_step: str) -> None:
        if failures:
            raise failures.pop()

    async with calling(api, replace(api.services, links=_Interrupted(api, happens))) as client:
        failed = await client.post("k", CREATE, input=INPUT)
        assert code_of(failed) == "INTERNAL"
        assert await client.links() == 1
        made = await client.data("k", CREATE, input=INPUT)
        stored = await api.services.database["links"].find_one(
            {"workspace_id": api.context.viewer.workspace_id}
        )
        assert stored is not None
        assert made["createLink"]["link"]["id"] == stored["_id"]
        assert made["createLink"]["link"]["slug"] == stored["slug"]
        assert await client.links() == 1


async def test_fields_that_were_done_are_not_done_again(api: Api) -> None:
    """Two changes in one document, the second fails once: only the second runs again."""
    link = await api.create()
    failures = [RuntimeError("struck by lightning")]

    async def happens(step: str) -> None:
        if step == "update" and failures:
            raise failures.pop()

    async with calling(api, replace(api.services, links=_Interrupted(api, happens))) as client:
        failed = await client.post("k", TWO, id=link["id"])
        assert code_of(failed) == "INTERNAL"
        assert await client.links() == 2
        data = await client.data("k", TWO, id=link["id"])
        assert data["second"]["link"]["status"] == "ARCHIVED"
        assert await client.data("k", TWO, id=link["id"]) == data
        assert await client.links() == 2


async def test_a_dead_process_holds_a_key_for_twenty_seconds(api: Api) -> None:
    """After the lease whoever comes next runs with the same seed: a link that was made is not doubled."""
    now = api.services.clock()
    at = now

    async def dies(_step: str) -> None:
        raise asyncio.CancelledError

    class Dead(MongoClaims):
        """Nobody is left to let go of the key."""

        async def update(self, workspace_id: str, old: Any, new: Any) -> bool:  # noqa: ARG002 - it is dead
            return False

    stores = replace(
        api.services,
        clock=lambda: at,
        links=_Interrupted(api, dies),
        claims=Dead(api.services.database, api.services.secrets),
    )
    async with calling(api, stores) as client:
        with pytest.raises(asyncio.CancelledError):
            await client.post("k", CREATE, input=INPUT)
        assert await client.links() == 1
    async with calling(api, replace(api.services, clock=lambda: at)) as client:
        at = now + idempotency.LEASE - timedelta(seconds=1)
        assert code_of(await client.post("k", CREATE, input=INPUT)) == "IDEMPOTENCY_CONFLICT"
        at = now + idempotency.LEASE
        made = await client.data("k", CREATE, input=INPUT)
        assert made["createLink"]["userErrors"] == []
        assert await client.links() == 1
        assert (await client.claim("k"))["seed"] == b""


async def test_a_key_is_free_after_a_day(api: Api) -> None:
    at = api.services.clock()
    async with calling(api, replace(api.services, clock=lambda: at)) as client:
        await client.data("k", CREATE, input=INPUT)
        at += idempotency.KEPT - timedelta(seconds=1)
        await client.data("k", CREATE, input=INPUT)
        assert await client.links() == 1
        at += timedelta(seconds=1)
        await client.data("k", CREATE, input={"destination": "https://example.com/other"})
        assert await client.links() == 2


async def test_an_event_stream_repeats_too(client: Client) -> None:
    """The header counts on every way that HTTP takes."""
    first = await client.data("k", CREATE, input=INPUT)
    body = {"query": CREATE, "variables": {"input": INPUT}}
    headers = {"idempotency-key": "k", "accept": "text/event-stream"}
    streamed = (await client.http.post("/graphql", json=body, headers=headers)).text
    assert first["createLink"]["link"]["id"] in streamed
    assert await client.links() == 1


def test_every_mutation_can_be_remembered() -> None:
    """What mutations answer with is data, objects with ids, or plain objects of these: no lists by cursor."""
    schema = graph.build()._schema
    assert schema.mutation_type is not None
    waiting = [field.type for field in schema.mutation_type.fields.values()]
    seen: set[str] = set()
    while waiting:
        kind: Any = waiting.pop()
        while isinstance(kind, GraphQLNonNull | GraphQLList):
            kind = kind.of_type
        if is_leaf_type(kind) or kind.name in seen:
            continue
        seen.add(kind.name)
        assert isinstance(kind, GraphQLObjectType)
        origin = kind.extensions["strawberry-definition"].origin
        if not issubclass(origin, Node):
            assert not kind.name.endswith("Connection")
            waiting += [field.type for field in kind.fields.values()]
    assert {"LinkPayload", "DeletePayload", "UserError"} <= seen
