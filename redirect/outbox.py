"""Answers on their way out: those of one turn of the event loop leave together."""

import asyncio


class Outbox:
    """Holds answers until the event loop has read what else has come in.

    A write wakes whoever waits for it, and on a busy server one wake-up for many answers costs a fraction of
    one for each. An answer waits no longer than it takes to decide the requests that came with it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._held: list[tuple[asyncio.Transport, bytes]] = []

    def put(self, transport: asyncio.Transport, answer: bytes) -> None:
        """Send `answer` at the end of this turn."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append((transport, answer))

    def flush(self) -> None:
        """Send what is held now; for whoever is about to close a connection."""
        held, self._held = self._held, []
        for transport, answer in held:
            transport.write(answer)
