"""A mail server for tests: real SMTP on a free port, which keeps what it is sent, or says no with a code."""

import asyncio
import email
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Handler:
    """What the server does."""

    answer: str = "250 OK"
    letters: list[EmailMessage] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name and arguments
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = cast("bytes", envelope.content)
        self.letters.append(email.message_from_bytes(content, policy=default))
        return "250 OK"


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[Handler, str]]:
    """What a server does, and its URL."""
    handler, loop = Handler(), asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="mx.example", enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0
    )
    try:
        yield handler, f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
