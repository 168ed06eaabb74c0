"""Whether this process lives and is ready: `/livez`, `/readyz`, `/metrics`, in front of any application."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from app.metrics import Metrics

Check = Callable[[], Awaitable[object]]
"""Asks one thing that a role needs; raises when it does not answer."""

CHECK_SECONDS: Final = 1.0
"""How long one check may take, and how long its answer holds: probing often costs nothing."""

_log = logging.getLogger(__name__)


class Report(msgspec.Struct, frozen=True):
    """What `/readyz` answers: "ok" or the reason, for each thing that this role needs."""

    ready: bool
    components: dict[str, str]


class Readiness:
    """What a role needs to do its work, asked at most once a second however often it is probed."""

    def __init__(self, checks: Mapping[str, Check], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._checks = checks
        self._clock = clock
        self._asking = asyncio.Lock()
        self._known: Report | None = None
        self._until = 0.0
        self._draining = False

    def drain(self) -> None:
        """Not ready from now on: the process is about to end and should get no new work."""
        self._draining = True

    async def report(self) -> Report:
        """The state of each component, at most CHECK_SECONDS old."""
        if self._draining:
            return Report(ready=False, components={"process": "draining"})
        async with self._asking:
            if self._known is None or self._clock() >= self._until:
                self._known = await self._ask()
                self._until = self._clock() + CHECK_SECONDS
            return self._known

    async def _ask(self) -> Report:
        states = await asyncio.gather(*(_state(name, check) for name, check in self._checks.items()))
        return Report(
            ready=all(state == "ok" for state in states),
            components=dict(zip(self._checks, states, strict=True)),
        )


class Operations:
    """An ASGI application that answers the three operational paths and hands everything else on.

    Args:
        application: what the port is for; None where it only serves these paths.
        readiness: what `/readyz` asks.
        metrics: what `/metrics` exports.
    """

    def __init__(self, application: Any | None, readiness: Readiness, metrics: Metrics) -> None:
        self._application = application
        self._readiness = readiness
        self._metrics = metrics

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"] if scope["type"] == "http" else None
        if path == "/livez":
            await _answer(scope, send, 200, b"alive\n", "text/plain; charset=utf-8")
        elif path == "/readyz":
            report = await self._readiness.report()
            await _answer(
                scope, send, 200 if report.ready else 503, msgspec.json.encode(report), "application/json"
            )
        elif path == "/metrics":
            body, kind = self._metrics.exposition()
            await _answer(scope, send, 200, body, kind)
        elif self._application is not None:
            await self._application(scope, receive, send)
        elif scope["type"] == "http":
            await _answer(scope, send, 404, b"not found\n", "text/plain; charset=utf-8")


async def _state(name: str, check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:g} s"
    except Exception as error:  # noqa: BLE001 - the rim: whatever a check raises means "not ready", never a 500
        _log.warning("not ready: %s: %s", name, error)
        return type(error).__name__
    return "ok"


async def _answer(scope: Any, send: Any, status: int, body: bytes, kind: str) -> None:
    allowed = scope["method"] in {"GET", "HEAD"}
    status, body = (status, body) if allowed else (405, b"only GET and HEAD\n")
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if not allowed:
        headers.append((b"allow", b"GET, HEAD"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
