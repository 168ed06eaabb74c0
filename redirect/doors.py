"""Doors: links that open for a password, which a form sends and a limited number of attempts may guess."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

from domain.errors import Unavailable
from domain.passwords import Sealed, Vault
from domain.routes import PASSWORD_FIELD
from redirect.buckets import Buckets
from redirect.counts import Counts
from redirect.responses import Refused, whole

FORM_BYTES: Final = 1_024
FORM_SECONDS: Final = 5.0
"""How long a form may take to come in."""
PER_VISITOR: Final = 10
PER_LINK: Final = 100
"""Attempts in a minute that a client (its network), and all clients together, have on one link."""
_FORM_TYPE: Final = b"application/x-www-form-urlencoded"


class Attempts(Protocol):
    """Buckets of attempts that all redirect processes share; while they cannot, everybody is let through."""

    async def spend(self, link_id: str, name: str) -> float:
        """Take one attempt; returns 0, or in how many seconds there will be one."""
        ...

    async def give_back(self, link_id: str, name: str) -> None:
        """The attempt was none of those that are to be limited."""
        ...


class Door(Protocol):
    """What is asked of a link: `routes.Route` has it."""

    @property
    def link_id(self) -> str:
        """Whose attempts are counted."""

    @property
    def password(self) -> Sealed | None:
        """What opens it."""


class Doors:
    """Checks passwords, after the attempt was paid for: here first, then where all processes count.

    Args:
        of_visitors: buckets of PER_VISITOR.
        of_links: buckets of PER_LINK.
        vault: hashes beside the event loop.
        counts: see Counts.
        now: monotonic seconds.
    """

    def __init__(
        self,
        vault: Vault,
        of_visitors: Attempts,
        of_links: Attempts,
        counts: Counts,
        now: Callable[[], float],
    ) -> None:
        self._vault = vault
        self._of_visitors = of_visitors
        self._of_links = of_links
        self._counts = counts
        self._now = now
        self._visitors = Buckets(per_minute=PER_VISITOR)
        self._links = Buckets(per_minute=PER_LINK)

    async def opened(self, door: Door, client: str, headers: Mapping[bytes, bytes], receive: Any) -> bool:
        """Whether the form that comes in holds the link's password.

        Args:
            client: what the network that it comes from is called, see visitors.hash_of.
            receive: ASGI's.

        Raises:
            Refused: it is no such form, there were too many attempts, or too many are waiting.
        """
        if door.password is None:
            raise Refused(405)
        given = await _password_in(headers, receive)
        await self._pay(door.link_id, client)
        try:
            right = bool(given) and await self._vault.opens(door.password, given)
        except Unavailable as unavailable:
            self._counts.unavailable += 1
            raise Refused(503, retry_after_seconds=whole(unavailable.retry_after_seconds)) from unavailable
        if right:
            await self._give_back(door.link_id, client)
        else:
            self._counts.passwords_wrong += 1
        return right

    async def _pay(self, link_id: str, client: str) -> None:
        """Take an attempt of the client's, then one of the link's: who may not try uses up nobody else's."""
        now = self._now()
        wait = (
            self._visitors.spend(f"{link_id} {client}", now)
            or self._links.spend(link_id, now)
            or await self._of_visitors.spend(link_id, client)
            or await self._of_links.spend(link_id, "all")
        )
        if wait:
            self._counts.limited += 1
            raise Refused(429, retry_after_seconds=whole(wait))

    async def _give_back(self, link_id: str, client: str) -> None:
        self._visitors.give_back(f"{link_id} {client}")
        self._links.give_back(link_id)
        await self._of_visitors.give_back(link_id, client)
        await self._of_links.give_back(link_id, "all")


async def _password_in(headers: Mapping[bytes, bytes], receive: Any) -> str:
    """The one password of a form; empty where there is none or several."""
    if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != _FORM_TYPE:
        raise Refused(415)
    try:
        async with asyncio.timeout(FORM_SECONDS):
            body = await _body(receive)
    except TimeoutError:
        raise Refused(408) from None
    fields = parse_qsl(body.decode("latin-1"), keep_blank_values=True, errors="replace")
    found = [value for name, value in fields if name == PASSWORD_FIELD]
    return found[0] if len(found) == 1 else ""


async def _body(receive: Any) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Refused(400)  # whoever asked is gone
        body += message.get("body", b"")
        if len(body) > FORM_BYTES:
            raise Refused(413)
        if not message.get("more_body", False):
            return body
