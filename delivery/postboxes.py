"""Postboxes: where letters leave us, an SMTP server or a folder of .eml files."""

import asyncio
import functools
import os
import re
from email.headerregistry import Address, BaseHeader, HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr
from pathlib import Path
from typing import Final, Self
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib import SMTPException, SMTPRecipientRefused, SMTPRecipientsRefused, SMTPResponseException

from domain import mail_texts
from domain.mails import Letter, Postponed, Undeliverable

SECONDS: Final = 15.0
"""Budget of connecting and of each command; a server that drips is given up."""
REFUSED_FOR_GOOD: Final = frozenset({550, 551, 553})
"""Answers to RCPT that mean the mailbox (RFC 5321, section 4.2.3) where no enhanced code says more."""
NO_RECEIVER: Final = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
"""Enhanced codes of receivers that do not exist, moved, take no mail or are disabled (RFC 3463, 7505)."""
SENDERS: Final = 1_024
"""Senders that are remembered taken apart: a promotion's is the same on all of its letters."""
_ENHANCED: Final = re.compile(r"\s*(5\.\d{1,3}\.\d{1,3})\b")


class _Headers(HeaderRegistry):
    """The standard library's makes a class for each header of each letter; this one makes each class once."""

    @functools.lru_cache(64)  # noqa: B019 - there is one for as long as the process lives
    def __getitem__(self, name: str) -> type[BaseHeader]:
        return super().__getitem__(name)


_PLAIN: Final = SMTP.clone(header_factory=_Headers())
_INTERNATIONAL: Final = _PLAIN.clone(utf8=True)
"""RFC 6531, for receivers whose address is not ASCII."""


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
            self._client.close()
            raise _refusal(refused.recipients[0]) from None
        except SMTPResponseException:
            self._client.close()
            raise Postponed("the mail server does not take it now") from None
        except (SMTPException, OSError, TimeoutError) as error:
            self._client.close()
            raise Postponed(f"the mail server does not answer ({type(error).__name__})") from None

    def forget(self, _participant_id: str) -> None:
        """Nothing is kept of what was sent."""


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
        for path in self._folder.glob(f"{participant_id}.*"):  # half-written ones too
            path.unlink(missing_ok=True)

    def _write(self, letter: Letter) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{letter.participant_id}.{letter.id}.eml"
        unborn = path.with_suffix(".new")
        descriptor = os.open(unborn, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            policy = _PLAIN if letter.to.isascii() else _INTERNATIONAL
            file.write(message(letter, self._sender).as_bytes(policy=policy))
        unborn.rename(path)


def message(letter: Letter, sender: str) -> EmailMessage:
    """The letter as RFC 5322 has it; no value can begin another header: the policy refuses line breaks."""
    made = EmailMessage(policy=_PLAIN)
    made["From"] = _sender(letter.sender or sender)
    made["To"] = _receiver(letter.to)
    made["Subject"] = letter.subject
    made["Date"] = formatdate(letter.at.timestamp(), usegmt=True)
    made["Message-ID"] = f"<{letter.id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation notes in answer
    made.set_content(letter.text)
    if letter.html is not None:
        made.add_alternative(letter.html, subtype="html")
    made["Content-Language"] = letter.language  # last: making the content throws its headers away
    return made


@functools.lru_cache(SENDERS)
def _sender(text: str) -> Address:
    """A promotion's sender, or the installation's, which may be of any host; its name is quoted where needed.

    Raises:
        ValueError: it is no address.
    """
    name, address = parseaddr(text)
    return mail_texts.sender(text) or Address(name, addr_spec=address)


def _receiver(address: str) -> Address:
    """An address that was accepted; `addr_spec` would refuse one that needs SMTPUTF8 (RFC 6531)."""
    if address.isascii():
        return Address(addr_spec=address)
    name, _, domain = address.rpartition("@")
    return Address(username=name, domain=domain)


def _refusal(refused: SMTPRecipientRefused) -> Undeliverable | Postponed:
    """What the refusal of a receiver means: there is none for good, or anything else, which may pass.

    Most servers say what is wrong with an enhanced code (RFC 3463): 5.1.1 is no such mailbox, but 5.7.1 is a
    relay that does not know us, which says nothing about the receiver.
    """
    enhanced = _ENHANCED.match(refused.message)
    if (enhanced[1] in NO_RECEIVER) if enhanced else (refused.code in REFUSED_FOR_GOOD):
        return Undeliverable(f"the mail server answers {refused.code} to the receiver")
    return Postponed("the mail server does not take it now")
