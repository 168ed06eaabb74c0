"""Mails on their way: each is sent at least once, or it is known why not."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec

from domain import mails
from domain.errors import Unavailable
from domain.mails import Addressee, Letter, Mail, Mails, MailState, Postbox, Postponed, Undeliverable
from domain.participants import Participant

LOOK_SECONDS: Final = 0.5
AGAIN_SECONDS: Final = 5.0
"""How long it waits while MongoDB is away."""
MOST_AT_ONCE: Final = 20
"""Mails that are taken together; where a server is slow, as many as it managed in time before."""
TOGETHER_SECONDS: Final = 1.0
"""After which no more of them are tried: others may, and what is known of receivers is not old."""
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


class Papers(Protocol):
    """What some mails are about, as it was a moment ago."""

    def receiver(self, mail: Mail) -> Participant | None:
        """Whom it is for; None: nobody any more."""
        ...

    def letter(self, mail: Mail, receiver: Participant) -> Letter | None:
        """The letter; None: what it is about is gone. Raises patterns.Unfit."""
        ...


class Writing(Protocol):
    """Where mails become letters."""

    async def papers(self, wanted: Sequence[Mail]) -> Papers:
        """Read what they are about. Raises errors.Unavailable."""
        ...


class Sender:
    """Sends what is due, one letter after the other. Several may work at once, each on its own postbox.

    Mails are taken several at a time, and what they are about is read then: who does not want mails any more
    may get one that was taken up to TOGETHER_SECONDS before.

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
        self._at_once = MOST_AT_ONCE

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
        """Try the mails that are due longest; False: nothing is due. Raises errors.Unavailable."""
        now = self._clock()
        taken = await self._mails.take(now, now + LEASE, self._at_once)
        if not taken:
            return False
        tried = await self._try_in_time(taken)
        await self._mails.give_back(taken[tried:], now)
        self._at_once = tried if tried < len(taken) else min(2 * self._at_once, MOST_AT_ONCE)
        return True

    async def _try_in_time(self, taken: Sequence[Mail]) -> int:
        """Try the first mails, one at least, and no more when time is up; how many.

        What became of each is kept before the next one is tried: whoever is killed repeats one of them.
        """
        late = time.monotonic() + TOGETHER_SECONDS
        papers = await self._writing.papers(taken)
        receivers = [(mail.workspace_id, papers.receiver(mail)) for mail in taken]
        unwanted = await self._mails.suppressed({(where, who.email_key) for where, who in receivers if who})
        for number, mail in enumerate(taken, 1):
            tried = await self._tried(mail, papers, unwanted)
            if not await self._mails.settle(tried):
                await self._look_after(tried)
            if time.monotonic() > late:
                return number
        return len(taken)

    async def _tried(self, mail: Mail, papers: Papers, unwanted: set[Addressee]) -> Mail:
        """The mail as it is after this attempt."""
        receiver = papers.receiver(mail)
        if receiver is None or not receiver.consenting or receiver.email is None:
            return self._settled(mail, MailState.DISCARDED, "the receiver does not want mails")
        addressee = (mail.workspace_id, receiver.email_key)
        if addressee in unwanted:
            return self._settled(mail, MailState.DISCARDED, "mails to this address came back")
        if mail.attempts > mails.MAX_ATTEMPTS:
            return self._settled(mail, MailState.FAILED, "its attempts came to no end")
        try:
            return await self._sent(mail, receiver, papers)
        except Undeliverable as undeliverable:
            unwanted.add(addressee)
            await self._mails.suppress(*addressee, self._clock())
            return self._settled(mail, MailState.FAILED, str(undeliverable))

    async def _sent(self, mail: Mail, receiver: Participant, papers: Papers) -> Mail:
        try:
            letter = papers.letter(mail, receiver)
            if letter is None:
                return self._settled(mail, MailState.DISCARDED, "its referral is gone")
            await self._postbox.send(letter)
        except Undeliverable:
            raise
        except Postponed as postponed:
            return self._postponed(mail, str(postponed))
        except Exception as error:  # noqa: BLE001 - the rim of a mail: no promotion's texts may stop all others
            return self._postponed(mail, f"it cannot be written ({type(error).__name__})")
        return self._settled(mail, MailState.SENT, None)

    async def _look_after(self, mail: Mail) -> None:
        """Keep no copy of a letter to a person who was erased while it was sent."""
        receiver = (await self._writing.papers([mail])).receiver(mail)
        if receiver is None or receiver.email is None:
            self._postbox.forget(mail.participant_id)

    def _settled(self, mail: Mail, state: MailState, problem: str | None) -> Mail:
        name = f"mails_{state.lower()}"
        setattr(self._counts, name, getattr(self._counts, name) + 1)
        return msgspec.structs.replace(mail, state=state, problem=problem, settled_at=self._clock())

    def _postponed(self, mail: Mail, problem: str) -> Mail:
        _log.warning("mail %s could not be sent: %s", mail.id, problem)
        if mail.attempts >= mails.MAX_ATTEMPTS:
            return self._settled(mail, MailState.FAILED, problem)
        self._counts.mails_postponed += 1
        due_at = self._clock() + mails.pause(mail.attempts, random.random())  # noqa: S311 - dice, not secrets
        return msgspec.structs.replace(mail, due_at=due_at, problem=problem)
