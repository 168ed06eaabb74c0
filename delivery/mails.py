"""Mails on their way: each is sent at least once, or it is known why not."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec

from domain import mails
from domain.errors import Unavailable
from domain.mails import Letter, Mail, Mails, MailState, Postbox, Postponed, Undeliverable
from domain.participants import Participant
from domain.patterns import Unfit

LOOK_SECONDS: Final = 0.5
AGAIN_SECONDS: Final = 5.0
"""How long it waits while MongoDB is away."""
LEASE: Final = timedelta(seconds=90)
"""After so long a mail whose sender was killed is tried again."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """Totals since the process started.

    Args:
        mails_sent: mails that a server or folder took.
        mails_postponed: attempts after which a mail is tried again.
        mails_failed: mails that were given up.
        mails_discarded: mails to people who do not want any, or whom we know no more.
    """

    mails_sent: int = 0
    mails_postponed: int = 0
    mails_failed: int = 0
    mails_discarded: int = 0


class Writing(Protocol):
    """Where mails become letters."""

    async def receiver(self, mail: Mail) -> Participant | None:
        """Whom it is for; None: nobody any more."""
        ...

    async def letter(self, mail: Mail, receiver: Participant) -> Letter | None:
        """The letter; None: what it is about is gone. Raises patterns.Unfit."""
        ...


class Sender:
    """Sends what is due, one letter after the other. Several may work at once, each on its own postbox.

    Args:
        mails: where they are kept.
        writing: makes letters of them.
        postbox: takes the letters.
        clock: the time.
        counts: what happened so far.
    """

    def __init__(
        self,
        mails: Mails,
        writing: Writing,
        postbox: Postbox,
        clock: Callable[[], datetime],
        counts: Counts,
    ) -> None:
        self._mails = mails
        self._writing = writing
        self._postbox = postbox
        self._clock = clock
        self._counts = counts

    async def keep(self) -> None:
        """Send for ever."""
        while True:
            try:
                if not await self.once():
                    await asyncio.sleep(LOOK_SECONDS)  # the interval itself is the point
            except Unavailable as error:
                _log.warning("mails wait until MongoDB is back: %s", error)
                await asyncio.sleep(AGAIN_SECONDS)

    async def once(self) -> bool:
        """Try the mail that is due longest; False: nothing is due. Raises errors.Unavailable."""
        now = self._clock()
        mail = await self._mails.take(now, now + LEASE)
        if mail is not None:
            await self._mails.settle(await self._tried(mail))
        return mail is not None

    async def _tried(self, mail: Mail) -> Mail:
        """The mail as it is after this attempt."""
        receiver = await self._writing.receiver(mail)
        if receiver is None or not receiver.consenting or receiver.email is None:
            return self._settled(mail, MailState.DISCARDED, "the receiver does not want mails")
        if await self._mails.suppressed(mail.workspace_id, receiver.email_key):
            return self._settled(mail, MailState.DISCARDED, "mails to this address came back")
        try:
            letter = await self._writing.letter(mail, receiver)
            if letter is None:
                return self._settled(mail, MailState.DISCARDED, "its referral is gone")
            await self._postbox.send(letter)
        except Undeliverable as undeliverable:
            await self._mails.suppress(mail.workspace_id, receiver.email_key, self._clock())
            return self._settled(mail, MailState.FAILED, str(undeliverable))
        except (Postponed, Unfit, ValueError) as problem:
            return self._postponed(mail, problem)
        return self._settled(mail, MailState.SENT, None)

    def _settled(self, mail: Mail, state: MailState, problem: str | None) -> Mail:
        name = f"mails_{state.lower()}"
        setattr(self._counts, name, getattr(self._counts, name) + 1)
        return msgspec.structs.replace(mail, state=state, problem=problem, settled_at=self._clock())

    def _postponed(self, mail: Mail, problem: Exception) -> Mail:
        told = str(problem) if isinstance(problem, Postponed) else "its texts cannot be printed"
        _log.warning("mail %s could not be sent: %s", mail.id, told)
        if mail.attempts >= mails.MAX_ATTEMPTS:
            return self._settled(mail, MailState.FAILED, told)
        self._counts.mails_postponed += 1
        due_at = self._clock() + mails.pause(mail.attempts, random.random())  # noqa: S311 - dice, not secrets
        return msgspec.structs.replace(mail, due_at=due_at, problem=told)
