"""Request bodies, read with limits on size, time and encoding while they arrive."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Final

from app.graphql.negotiation import JSON
from domain.errors import ApiError, BadRequest

MAX_BYTES: Final = 1024 * 1024
MAX_BULK_BYTES: Final = 11 * 1024 * 1024
"""With a key: the rows of a bulk call, 10 MiB, and what stands around them."""
BODY_SECONDS: Final = 10.0


class TooLarge(ApiError):
    """The body is larger than one request may be."""

    code, status = "BAD_REQUEST", 413


class WrongMediaType(ApiError):
    """The body is of another media type, not in UTF-8, or compressed."""

    code, status = "BAD_REQUEST", 415


class TooSlow(ApiError):
    """The body did not arrive in time."""

    code, status = "BAD_REQUEST", 408


class Disconnected(Exception):
    """The client left before its request was complete."""


def check_media_type(headers: Mapping[bytes, bytes], accepted: Collection[str] = (JSON,)) -> str:
    """The media type of a body; refuses what a form of another site could send, and what must be unpacked.

    Raises:
        WrongMediaType: the body is none of `accepted` in UTF-8, or is compressed.
    """
    media, *parameters = headers.get(b"content-type", b"").decode("latin-1").lower().split(";")
    media = media.strip()
    if media not in accepted:
        raise WrongMediaType(f"The Content-Type must be {' or '.join(accepted)}.")
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name == "charset" and value.strip('"') not in {"utf-8", "utf8"}:
            raise WrongMediaType("The body must be in UTF-8.")
    if headers.get(b"content-encoding", b"identity").strip().lower() not in {b"", b"identity"}:
        raise WrongMediaType("Compressed bodies are not taken: leave Content-Encoding out.")
    return media


async def pieces(
    headers: Mapping[bytes, bytes],
    receive: Any,
    *,
    max_bytes: int,
    patience_seconds: float,
    bytes_per_second: int,
) -> AsyncIterator[bytes]:
    """A body that is too large to be held, piece by piece.

    Args:
        headers: of the request; a declared length that is too large is refused before anything is read.
        receive: the ASGI channel.
        max_bytes: how much may arrive, whatever was declared.
        patience_seconds: how long the client may keep us waiting in all …
        bytes_per_second: … and how many bytes buy it one more second.

    Raises:
        TooLarge, TooSlow: see the arguments.
        Disconnected: the client left.
    """
    _check_length(headers, max_bytes)
    size, waited, more = 0, 0.0, True
    while more:
        began = time.monotonic()
        message = await _within(receive, patience_seconds + size / bytes_per_second - waited)
        waited += time.monotonic() - began
        piece, more = message.get("body", b""), message.get("more_body", False)
        size += len(piece)
        if size > max_bytes:
            raise _too_large(max_bytes)
        yield piece


async def read(
    headers: Mapping[bytes, bytes], receive: Any, *, max_bytes: int = MAX_BYTES, seconds: float = BODY_SECONDS
) -> bytes:
    """The whole body.

    Args:
        headers: of the request; a declared length that is too large is refused before anything is read.
        receive: the ASGI channel.
        max_bytes: how much may arrive, whatever was declared.
        seconds: how long it may take to arrive.

    Raises:
        TooLarge, TooSlow: see the arguments.
        Disconnected: the client left.
    """
    _check_length(headers, max_bytes)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Disconnected
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > max_bytes:
                    raise _too_large(max_bytes)
                if not message.get("more_body", False):
                    break
    except TimeoutError as error:
        raise TooSlow(f"The body did not arrive within {seconds:g} s.") from error
    if not size:
        raise BadRequest('The body is empty: send JSON such as {"query": "{ viewer { scopes } }"}.')
    return b"".join(parts)


async def _within(receive: Any, seconds: float) -> Any:
    try:
        async with asyncio.timeout(seconds):
            message = await receive()
    except TimeoutError as error:
        raise TooSlow("The body comes in too slowly.") from error
    if message["type"] == "http.disconnect":
        raise Disconnected
    return message


def _check_length(headers: Mapping[bytes, bytes], max_bytes: int) -> None:
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > max_bytes:
        raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"The body is larger than {max_bytes} bytes.")
