"""GraphQL over HTTP: POST and GET /graphql (https://graphql.github.io/graphql-over-http/draft)."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

from graphql import OperationType

from app.graphql import answers, auth, bodies, failures, idempotency, payloads
from app.graphql.auth import Authentication
from app.graphql.negotiation import EVENTS, JSON, RESPONSE, Accept, accept
from app.graphql.operations import Admit, Graph
from app.graphql.origins import Origins
from app.graphql.payloads import Call
from app.graphql.sse import Streams
from domain.access import Scope
from domain.errors import ApiError, BadRequest, Forbidden

_LARGE_BYTES: Final = 128 * 1024
_METHODS: Final = {"GET", "POST"}
_PARAMETERS: Final = ("query", "operationName", "variables", "extensions")


class NotAcceptable(ApiError):
    """The client takes none of the media types that this operation can be answered in."""

    code, status = "BAD_REQUEST", 406


class WrongMethod(ApiError):
    """Only GET and POST are methods of the graph, and GET only for queries."""

    code, status = "BAD_REQUEST", 405


class NoSuchPath(ApiError):
    """The address is none of the API's."""

    code, status = "BAD_REQUEST", 404


class Http:
    """Answers calls over HTTP; subscriptions, and who asks for nothing else, get an event stream.

    Args:
        graph: runs operations.
        authentication: turns keys into viewers.
        streams: sends event streams.
        origins: pages that may call.
        request_ids: makes the id of each request.
        max_body_bytes: the largest body without a key.
        max_bulk_bytes: the largest body with a key.
        body_seconds: how long a body may take to arrive.
    """

    def __init__(
        self,
        graph: Graph,
        authentication: Authentication,
        streams: Streams,
        origins: Origins,
        *,
        request_ids: Callable[[], str],
        max_body_bytes: int = bodies.MAX_BYTES,
        max_bulk_bytes: int = bodies.MAX_BULK_BYTES,
        body_seconds: float = bodies.BODY_SECONDS,
    ) -> None:
        self._graph = graph
        self._authentication = authentication
        self._streams = streams
        self._origins = origins
        self._request_ids = request_ids
        self._max_body_bytes = max_body_bytes
        self._max_bulk_bytes = max_bulk_bytes
        self._reading = asyncio.Semaphore(1)
        self._body_seconds = body_seconds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request_id = self._request_ids()
        headers = dict(scope["headers"])
        wanted = accept(headers.get(b"accept", b"").decode("latin-1"))
        media = wanted.json or JSON
        try:
            key = self._key(scope, headers)
            viewer = None if key is None else await self._authentication.viewer(key)
            idempotency_key = idempotency.header_key(scope["headers"])
            call = await self._call(scope, headers, receive, keyed=viewer is not None)
            admission = _admission(scope["method"], wanted)
            started = await self._graph.start(call, viewer, request_id, admission, idempotency_key)
            if started.is_subscription or wanted.json is None:
                scopes: frozenset[Scope] = frozenset() if viewer is None else viewer.scopes
                revoked = partial(self._authentication.until_revoked, key, scopes)
                await self._streams.send(started, revoked, receive, send)
                return
            answer = await self._graph.answer(started)
        except bodies.Disconnected:
            return
        except Exception as error:  # noqa: BLE001 - the rim: whatever was raised is answered, and masked where unknown
            refusal = failures.refusal(error, request_id)
            if wanted.json is None and wanted.names(EVENTS) and refusal.is_request_error:
                await self._streams.refuse(refusal, request_id, send)
                return
            await answers.refused(send, refusal, media, request_id, extra=_headers_of(error))
            return
        await answers.result(send, answer, media, request_id)

    async def refuse_unknown(self, send: Any) -> None:
        """Answer a path that leads nowhere."""
        request_id = self._request_ids()
        unknown = failures.refusal(NoSuchPath("There is nothing here: the graph is at /graphql."), request_id)
        await answers.refused(send, unknown, JSON, request_id)

    def _key(self, scope: Any, headers: Mapping[bytes, bytes]) -> str | None:
        """The key, once nothing in the request's head speaks against it."""
        if scope["method"] not in _METHODS:
            raise WrongMethod("The graph is called with POST, or with GET for queries.")
        if not self._origins.admits(headers):
            raise Forbidden("Pages of this origin may not call the API: see LINKGRAPH_ALLOWED_ORIGINS.")
        auth.check_query_string(scope["query_string"])
        if scope["method"] == "POST":
            bodies.check_media_type(headers)
        key = auth.header_key(scope["headers"])
        self._graph.require_key(key)
        return key

    async def _call(self, scope: Any, headers: Mapping[bytes, bytes], receive: Any, *, keyed: bool) -> Call:
        if scope["method"] == "GET":
            return payloads.call_of(_parameters(scope["query_string"]))
        limit = self._max_bulk_bytes if keyed else self._max_body_bytes
        body = await bodies.read(headers, receive, max_bytes=limit, seconds=self._body_seconds)
        if len(body) < _LARGE_BYTES:
            return payloads.call_of(payloads.decode(body))
        async with self._reading:  # megabytes take long to read: beside the others, and one after the other
            return payloads.call_of(await asyncio.to_thread(payloads.decode, body))


def _parameters(query_string: bytes) -> dict[str, Any]:
    pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, max_num_fields=16)
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BadRequest(f"The parameter {name[:64]!r} occurs twice.")
        found[name] = payloads.decode(value) if name in {"variables", "extensions"} and value else value
    return {name: found[name] or None for name in _PARAMETERS if name in found}


def _admission(method: str, wanted: Accept) -> Admit:
    """What can be answered to this request: by its method, and by the media types that it accepts."""

    def admit(kind: OperationType) -> None:
        if method == "GET" and kind is OperationType.MUTATION:
            raise WrongMethod("Mutations change things: send them with POST.")
        if wanted.names(EVENTS):
            return
        if kind is OperationType.SUBSCRIPTION:
            raise NotAcceptable(f"A subscription is a stream: accept {EVENTS}, or use a WebSocket.")
        if wanted.json is None:
            raise NotAcceptable(f"Answers are {RESPONSE}, {JSON} or {EVENTS}: accept one of them.")

    return admit


def _headers_of(error: Exception) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"allow", b"GET, POST"),) if isinstance(error, WrongMethod) else ()
