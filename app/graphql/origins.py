"""Which web pages may use the API from a browser: its own, and those of the origins in the settings."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

_EXPOSED: Final = b"x-request-id, retry-after, www-authenticate"
_ALLOWED_HEADERS: Final = b"authorization, content-type, accept, idempotency-key"


class Origins:
    """The origins that are admitted.

    Args:
        allowed: such as "https://app.example.com, https://admin.example.com:8443"; compared whole, so that
            a look-alike does not fit.
    """

    def __init__(self, allowed: str) -> None:
        self._allowed = frozenset(
            origin.strip().rstrip("/").lower() for origin in allowed.split(",") if origin.strip()
        )

    def names(self, origin: str) -> bool:
        """Whether the settings name `origin`."""
        return origin.lower() in self._allowed

    def admits(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a request comes from where it may: no browser, our own page, or a named origin."""
        origin = headers.get(b"origin")
        if origin is None:
            return headers.get(b"sec-fetch-site") != b"cross-site"
        text = origin.decode("latin-1")
        return self.names(text) or _is_own(text, headers.get(b"host", b"").decode("latin-1"))


def _is_own(origin: str, host: str) -> bool:
    """Same host and port. The scheme is not compared: behind a proxy that ends TLS it is not ours to know."""
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and parts.netloc == host.lower()


class Cors:
    """Lets pages of the named origins read answers (Fetch standard, section 3.3); others get no such headers.

    Args:
        application: an ASGI application.
        origins: who is admitted.
        request_ids: makes the id of each answer that is given here.
    """

    def __init__(self, application: Any, origins: Origins, *, request_ids: Callable[[], str]) -> None:
        self._application = application
        self._request_ids = request_ids
        self._origins = origins

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        origin = next((value for name, value in scope.get("headers", ()) if name == b"origin"), None)
        if scope["type"] != "http" or origin is None or not self._origins.names(origin.decode("latin-1")):
            await self._application(scope, receive, send)
            return
        headers = [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
        if scope["method"] == "OPTIONS":
            await self._allow(send, headers)
            return

        async def exposing(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    *headers,
                    (b"access-control-expose-headers", _EXPOSED),
                ]
            await send(message)

        await self._application(scope, receive, exposing)

    async def _allow(self, send: Any, headers: list[tuple[bytes, bytes]]) -> None:
        headers += [
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", _ALLOWED_HEADERS),
            (b"access-control-max-age", b"600"),
            (b"x-request-id", self._request_ids().encode()),
        ]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
