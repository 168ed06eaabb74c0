"""Who is calling: the bearer key of a request, and the viewer it stands for, remembered for a few seconds."""

import asyncio
import contextlib
import hashlib
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from domain.access import Scope, Viewer
from domain.errors import BadRequest, Forbidden, Unauthenticated, Unavailable

HOLD_SECONDS: Final = 2.5
"""How long a revoked key may still work in this process."""
ROOM: Final = 10_000
RECHECK_SECONDS: Final = 2.0
"""How often the key of open streams is asked about; with HOLD_SECONDS, they end within 5 s."""

_KEY_PARAMETERS: Final = ("access_token=", "api_key=", "apikey=", "authorization=", "key=", "token=", "lg_")

Lookup = Callable[[str], Awaitable[Viewer]]
"""The viewer of a key as it was sent; raises Unauthenticated for one that is unknown, expired or revoked."""


class Authentication:
    """Turns keys into viewers.

    Args:
        lookup: asks the store.
        clock: seconds that only grow.
        hold_seconds: how long an answer is believed.
        room: how many keys are remembered; the oldest go first.
    """

    def __init__(
        self,
        lookup: Lookup,
        *,
        clock: Callable[[], float] = time.monotonic,
        hold_seconds: float = HOLD_SECONDS,
        room: int = ROOM,
    ) -> None:
        self._lookup = lookup
        self._clock = clock
        self._hold = hold_seconds
        self._room = room
        self._known: OrderedDict[bytes, tuple[float, Viewer]] = OrderedDict()
        self._watches: dict[tuple[str, frozenset[Scope]], asyncio.Task[None]] = {}
        self._watching: Counter[asyncio.Task[None]] = Counter()

    async def viewer(self, key: str) -> Viewer:
        """The viewer of `key`. Only good keys are remembered, so that guessing pushes none of them out.

        Raises:
            Unauthenticated: the key is unknown, expired or revoked.
            Unavailable: the store of keys did not answer.
        """
        digest = hashlib.sha256(key.encode()).digest()
        until, viewer = self._known.get(digest, (0.0, None))
        if viewer is not None and self._clock() < until:
            return viewer
        self._known.pop(digest, None)
        viewer = await self._lookup(key)
        self._known[digest] = (self._clock() + self._hold, viewer)
        while len(self._known) > self._room:
            self._known.popitem(last=False)
        return viewer

    async def until_revoked(
        self, key: str | None, scopes: frozenset[Scope], every_seconds: float = RECHECK_SECONDS
    ) -> None:
        """Wait for as long as `key` is good and keeps its scopes; without a key, for ever.

        All who wait for one key with the same scopes share one watch.

        Args:
            key: as it was sent.
            scopes: what the waiting stream runs with. What the key holds when the watch begins is no measure:
                it may have lost a scope since the stream was let in.
            every_seconds: how often the key is looked at.

        Raises:
            Unauthenticated: it is good no longer.
            Forbidden: it has lost a scope.
        """
        if key is None:
            await asyncio.Event().wait()
            return
        held = (key, scopes)
        watch = self._watches.get(held)
        if watch is None or watch.done():
            watch = self._watches[held] = asyncio.create_task(self._watch(key, scopes, every_seconds))
        self._watching[watch] += 1
        try:
            await asyncio.shield(watch)
        finally:
            self._watching[watch] -= 1
            if not self._watching[watch]:
                del self._watching[watch]
                watch.cancel()
                if self._watches.get(held) is watch:
                    del self._watches[held]

    async def _watch(self, key: str, scopes: frozenset[Scope], every_seconds: float) -> None:
        while True:
            with contextlib.suppress(Unavailable):  # not knowing is no reason to end a stream
                if (await self.viewer(key)).lacks(scopes):
                    raise Forbidden("The key has lost a scope. Subscribe again with what it may do now.")
            await asyncio.sleep(every_seconds)  # a poll: nobody tells when a key is revoked or expires


def bearer(authorization: str | None) -> str | None:
    """The key of an Authorization header or of connection_init's `authorization` (RFC 6750, section 2.1).

    Raises:
        Unauthenticated: it is there, but not as a bearer token.
    """
    if authorization is None:
        return None
    scheme, _, key = authorization.strip().partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key or not key.isascii() or len(key) > 4_096:
        raise Unauthenticated("The Authorization must read 'Bearer <API key>'.")
    return key


def header_key(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The key in a request's Authorization header.

    Raises:
        Unauthenticated: there are several, or it is no bearer token.
    """
    found = [value.decode("latin-1") for name, value in headers if name == b"authorization"]
    if len(found) > 1:
        raise Unauthenticated("There are several Authorization headers: send one.")
    return bearer(found[0] if found else None)


def check_query_string(query_string: bytes) -> None:
    """Refuse keys in URLs: they end in logs, histories and Referer headers.

    Raises:
        BadRequest: the query string has a parameter that names or looks like a key.
    """
    for parameter in query_string.decode("latin-1").lower().split("&"):
        if parameter.startswith(_KEY_PARAMETERS) or "=lg_live_" in parameter or "=lg_test_" in parameter:
            raise BadRequest(
                "A key does not belong into a URL: send it as 'Authorization: Bearer <API key>'."
            )


def payload_key(payload: Any) -> str | None:
    """The key in the payload of a connection_init message, under `authorization` in any case."""
    if not isinstance(payload, dict):
        return None
    for name, value in payload.items():
        if name.lower() == "authorization" and isinstance(value, str):
            return bearer(value)
    return None
