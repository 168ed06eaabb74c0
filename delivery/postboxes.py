"""Postboxes: where letters leave us, an SMTP server or a folder of .eml files."""

import asyncio
import os
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr
from pathlib import Path
from typing import Final, Self
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException

from domain.mails import Letter, Postponed, Undeliverable

SECONDS: Final = 15.0
"""Budget of connecting and of each command; a server that drips is given up."""
PERMANENT: Final = range(500, 600)


class SmtpServer:
    """An SMTP server (RFC 5321), connected to when it is needed and kept as long as it answers.

    Args:
        url: smtp:// (with STARTTLS where it is offered) or smtps://, with user and password if it wants them.
        sender: the installation's, where a letter names none.
    """

    def __init__(self, url: str, sender: str) -> None:
        parts = urlsplit(url)
        tls = parts.scheme == "smtps"
        self._sender = sender
        self._client = aiosmtplib.SMTP(
            hostname=parts.hostname,
            port=parts.port or (465 if tls else 587),
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            use_tls=tls,
            timeout=SECONDS,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._client.close()

    async def send(self, letter: Letter) -> None:
        """Hand a letter over; raises Undeliverable where the server says so for good, else Postponed."""
        try:
            async with asyncio.timeout(2 * SECONDS):
                if not self._client.is_connected:
                    await self._client.connect()
                await self._client.send_message(message(letter, self._sender))
        except SMTPRecipientsRefused as refused:
            codes = [each.code for each in refused.recipients]
            await self._told(codes[0] if codes else 0)
        except SMTPResponseException as response:
            await self._told(0 if response.code in PERMANENT else response.code)
        except (SMTPException, OSError, TimeoutError) as error:
            self._client.close()
            raise Postponed(f"the mail server does not answer ({type(error).__name__})") from None

    async def _told(self, code: int) -> None:
        """What a refusal means: a receiver that is refused for good, or anything else, which may pass."""
        self._client.close()
        if code in PERMANENT:
            raise Undeliverable(f"the mail server answers {code} to the receiver")
        raise Postponed("the mail server does not take it now")


class Spool:
    """A folder that letters are written into where no SMTP server is set: for trying out, and for tests."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def send(self, letter: Letter) -> None:
        """Write a letter; the same one again takes its place."""
        try:
            await asyncio.to_thread(self._write, letter)
        except OSError as error:
            raise Postponed(f"the folder for mails cannot be written: {error.strerror}") from None

    def forget(self, participant_id: str) -> None:
        """Remove every letter to a person."""
        for path in self._folder.glob(f"{participant_id}.*.eml"):
            path.unlink(missing_ok=True)

    def _write(self, letter: Letter) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{letter.participant_id}.{letter.id}.eml"
        unborn = path.with_suffix(".new")
        descriptor = os.open(unborn, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(message(letter, self._sender).as_bytes())
        unborn.rename(path)


def message(letter: Letter, sender: str) -> EmailMessage:
    """The letter as RFC 5322 has it; no value can begin another header: the policy refuses line breaks."""
    made = EmailMessage(policy=SMTP)
    made["From"] = letter.sender or sender
    made["To"] = letter.to
    made["Subject"] = letter.subject
    made["Date"] = formatdate(letter.at.timestamp(), usegmt=True)
    made["Message-ID"] = f"<{letter.id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation notes in answer
    made.set_content(letter.text)
    if letter.html is not None:
        made.add_alternative(letter.html, subtype="html")
    made["Content-Language"] = letter.language  # last: making the content throws its headers away
    return made
