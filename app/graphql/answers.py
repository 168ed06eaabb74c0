"""HTTP answers in JSON: how results and refusals become a status, headers and bytes."""

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from app.graphql.failures import Refusal
from app.graphql.negotiation import JSON

_encode = msgspec.json.Encoder().encode
_CHALLENGE: Final = b'Bearer realm="linkgraph"'


async def result(send: Any, answer: dict[str, Any], media: str, request_id: str) -> None:
    """A GraphQL result: 200, whatever errors its fields had."""
    await _send(send, 200, _encode(answer), media=media, request_id=request_id)


async def created(send: Any, made: dict[str, Any], request_id: str) -> None:
    """Something that was made at an address beside the graph: 201."""
    await _send(send, 201, _encode(made), media=JSON, request_id=request_id)


async def refused(
    send: Any, refusal: Refusal, media: str, request_id: str, *, extra: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    """A call that did not run (GraphQL over HTTP, 6.4): `application/json` tells request errors with 200."""
    status = 200 if media == JSON and refusal.is_request_error else refusal.status
    headers = list(extra)
    if refusal.status == 401:
        headers.append((b"www-authenticate", _CHALLENGE))
    if refusal.retry_after_seconds is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(refusal.retry_after_seconds))).encode()))
    if refusal.status in {408, 413}:
        headers.append((b"connection", b"close"))
    await _send(send, status, encode_refusal(refusal), media=media, request_id=request_id, headers=headers)


def encode_refusal(refusal: Refusal) -> bytes:
    """The JSON of a refusal: errors without a `data` entry."""
    answer: dict[str, Any] = {"errors": refusal.errors}
    if refusal.extensions:
        answer["extensions"] = refusal.extensions
    return _encode(answer)


async def _send(
    send: Any,
    status: int,
    body: bytes,
    *,
    media: str,
    request_id: str,
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", media.encode() + b"; charset=utf-8"),
                (b"content-length", str(len(body)).encode()),
                (b"cache-control", b"no-store"),
                (b"vary", b"Accept"),
                (b"x-content-type-options", b"nosniff"),
                (b"x-request-id", request_id.encode()),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
