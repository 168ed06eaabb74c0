"""Request bodies, read with limits on size, time and encoding while they arrive."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from domain.errors import ApiError, BadRequest

MAX_BYTES: Final = 1024 * 1024
BODY_SECONDS: Final = 10.0


class TooLarge(ApiError):
    """The body is larger than one request may be."""

    code, status = "BAD_REQUEST", 413


class WrongMediaType(ApiError):
    """The body is not plain `application/json` in UTF-8."""

    code, status = "BAD_REQUEST", 415


class TooSlow(ApiError):
    """The body did not arrive in time."""

    code, status = "BAD_REQUEST", 408


class Disconnected(Exception):
    """The client left before its request was complete."""


def check_media_type(headers: Mapping[bytes, bytes]) -> None:
    """Refuse what a form of another site could send, and what would have to be unpacked.

    Raises:
        WrongMediaType: the body is not `application/json` in UTF-8, or is compressed.
    """
    media, *parameters = headers.get(b"content-type", b"").decode("latin-1").lower().split(";")
    if media.strip() != "application/json":
        raise WrongMediaType("The Content-Type must be application/json.")
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name == "charset" and value.strip('"') not in {"utf-8", "utf8"}:
            raise WrongMediaType("The body must be in UTF-8.")
    if headers.get(b"content-encoding", b"identity").strip().lower() not in {b"", b"identity"}:
        raise WrongMediaType("Compressed bodies are not taken: leave Content-Encoding out.")


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
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
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


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"The body is larger than {max_bytes} bytes.")
