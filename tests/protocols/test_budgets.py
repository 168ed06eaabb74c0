"""What keys may spend: over several processes, while Redis is away, and what each answer says of it."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from app.graphql.limits import READING_SECONDS, Budget, Reading
from domain.access import Scope, Viewer
from domain.errors import QueryTooComplex, RateLimited
from storage import redis
from storage.budgets import Budgets, Taken
from tests.protocols.conftest import hear, say, serving_api

VIEWER = Viewer(workspace_id="ws_1", key_id="key_1", scopes=frozenset({Scope.LINKS_READ}))


def budget_on(connection: Redis, prefix: str, capacity: int, rate: int) -> Budget:
    buckets = Budgets(connection, prefix=prefix, capacity=capacity, restore_per_second=rate)
    return Budget(buckets, capacity=capacity, restore_per_second=rate)


async def burst(budget: Budget, calls: int) -> int:
    """How many of `calls` one-point operations get through."""
    passed = 0
    for _ in range(calls):
        try:
            budget.settle(await budget.charge(VIEWER, 1), 1)
            passed += 1
        except RateLimited:
            pass
    return passed


async def test_four_processes_share_a_budget(settings: Any) -> None:
    """AU-04: exactly as many calls as the key has points, wherever they arrive."""
    connections = [redis.connect(settings.redis_url, timeout_ms=1_000) for _ in range(4)]
    prefix = f"{settings.mongodb_database}:four"
    workers = [budget_on(connection, prefix, capacity=100, rate=1) for connection in connections]
    passed = sum(await asyncio.gather(*(burst(worker, 60) for worker in workers)))
    for connection in connections:
        await connection.aclose()
    assert 100 <= passed <= 102  # a point or two may come back meanwhile


async def test_without_redis_each_process_limits_for_itself() -> None:
    """AU-04: Redis refused: a local bucket, and Redis is not asked for each call."""
    connection = redis.connect("unix:///nonexistent/redis.sock", timeout_ms=100)
    now = [0.0]
    buckets = Budgets(connection, prefix="x", capacity=10, restore_per_second=1)
    budget = Budget(buckets, capacity=10, restore_per_second=1, clock=lambda: now[0])
    assert await burst(budget, 20) == 10
    assert budget.counts.budget_fallbacks == 20
    now[0] = 5.0
    assert await burst(budget, 20) == 5
    await connection.aclose()


async def test_a_silent_redis_is_waited_for_once_a_second(tmp_path: Path) -> None:
    """AU-04: Redis takes connections and says nothing: the first call waits its 100 ms, the others do not."""
    kept: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_unix_server(lambda _, writer: kept.append(writer), tmp_path / "redis.sock")
    connection = redis.connect(f"unix://{tmp_path}/redis.sock", timeout_ms=100)
    asked = 0

    class Buckets(Budgets):
        async def take(self, workspace_id: str, key_id: str, points: float, owed: float) -> Taken:
            nonlocal asked
            asked += 1
            return await super().take(workspace_id, key_id, points, owed)

    now = [0.0]
    buckets = Buckets(connection, prefix="x", capacity=10, restore_per_second=1)
    budget = Budget(buckets, capacity=10, restore_per_second=1, clock=lambda: now[0])
    assert await burst(budget, 8) == 8
    assert asked == 1
    now[0] = 1.5
    assert await burst(budget, 2) == 2
    assert asked == 2
    await connection.aclose()
    for writer in kept:
        writer.close()
        await writer.wait_closed()
    silent.close()


async def test_points_come_back(settings: Any) -> None:
    connection = redis.connect(settings.redis_url, timeout_ms=1_000)
    budget = budget_on(connection, f"{settings.mongodb_database}:back", capacity=10, rate=50)
    await budget.charge(VIEWER, 10)
    with pytest.raises(RateLimited) as raised:
        await budget.charge(VIEWER, 10)
    assert raised.value.retry_after_seconds is not None
    assert 0 < raised.value.retry_after_seconds <= 0.2
    await asyncio.sleep(raised.value.retry_after_seconds)  # the time that is told is what is tested
    await budget.charge(VIEWER, 10)
    await connection.aclose()


async def test_what_is_not_used_is_given_back(settings: Any) -> None:
    connection = redis.connect(settings.redis_url, timeout_ms=1_000)
    budget = budget_on(connection, f"{settings.mongodb_database}:unused", capacity=100, rate=1)
    for _ in range(8):
        cost = budget.settle(await budget.charge(VIEWER, 60), 5)
    assert cost == {"requested": 60, "actual": 5, "available": 60, "restorePerSecond": 1}
    await connection.aclose()


async def test_what_no_key_can_pay_is_too_complex(settings: Any) -> None:
    connection = redis.connect(settings.redis_url, timeout_ms=1_000)
    budget = budget_on(connection, f"{settings.mongodb_database}:large", capacity=100, rate=1)
    with pytest.raises(QueryTooComplex, match="limit on cost: 101 points, 100 allowed"):
        await budget.charge(VIEWER, 101)
    await connection.aclose()


async def test_an_answer_says_what_it_cost_and_a_refusal_when_to_come_back(settings: Any) -> None:
    """AU-04: 429 with Retry-After and retryAfter; RT-18: the same rule over WebSocket."""
    poor = msgspec.structs.replace(settings, cost_budget=100, cost_restore_per_second=1)
    async with serving_api(poor) as served:
        document = "{ items(first: 80) { nodes { name } } }"
        answer = (await served.post("{ items(first: 9) { nodes { name } } }")).json()
        assert answer["extensions"]["cost"] == {
            "requested": 10,
            "actual": 10,
            "available": 90,
            "restorePerSecond": 1,
        }
        assert (await served.post(document)).status_code == 200
        refused = await served.post(document)
        error = refused.json()["errors"][0]["extensions"]
        assert refused.status_code == 429
        assert error["code"] == "RATE_LIMITED"
        assert 60 <= error["retryAfter"] <= 72
        assert 60 <= int(refused.headers["retry-after"]) <= 73
        async with served.connected() as socket:
            await say(socket, {"id": "1", "type": "subscribe", "payload": {"query": document}})
            message = await hear(socket)
            assert message["type"] == "error"
            assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        too_much = await served.post("{ items(first: 200) { nodes { name } } }")
        assert too_much.json()["errors"][0]["extensions"]["code"] == "QUERY_TOO_COMPLEX"
        assert (await served.post(document, key="admin-other")).status_code == 200


def test_new_documents_have_their_share_of_a_process() -> None:
    """AU-04: reading comes before any price, so its time is limited for each key by itself."""
    now = [0.0]
    reading = Reading(clock=lambda: now[0])
    other = msgspec.structs.replace(VIEWER, key_id="key_2")
    with reading.by(VIEWER):
        now[0] += READING_SECONDS
    with pytest.raises(RateLimited) as limited, reading.by(VIEWER):
        pytest.fail("nothing is read")
    assert limited.value.retry_after_seconds == 1
    with reading.by(other), reading.by(None):
        now[0] += 1
    with reading.by(VIEWER):
        now[0] += 0.01


def test_a_document_that_fails_has_taken_its_time_too() -> None:
    now = [0.0]
    reading = Reading(clock=lambda: now[0])

    def read() -> None:
        now[0] += READING_SECONDS
        raise ValueError("invalid")

    with pytest.raises(ValueError, match="invalid"), reading.by(VIEWER):
        read()
    with pytest.raises(RateLimited), reading.by(VIEWER):
        pytest.fail("nothing is read")


async def test_known_documents_are_not_limited(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving_api(settings) as served:
        assert (await served.post("{ hello }")).status_code == 200
        monkeypatch.setattr("app.graphql.limits.READING_SECONDS", 0.0)
        refused = await served.post('{ hello(name: "you") }')
        assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (
            429,
            "RATE_LIMITED",
        )
        assert refused.headers["retry-after"]
        assert (await served.post("{ hello }")).json()["data"] == {"hello": "Hello, world"}
