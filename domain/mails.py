"""Mails: what a promotion writes to its participants, in their language, and what becomes of each."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec

from domain import patterns, shares
from domain.participants import Participant
from domain.patterns import Slot
from domain.promotions import MailTexts, Promotion
from domain.referrals import Referral

MAX_ATTEMPTS: Final = 14
FIRST_PAUSE: Final = timedelta(seconds=30)
LAST_PAUSE: Final = timedelta(hours=12)
"""Pauses double from the first to the last: the last attempt is about two days after the first."""

Addressee = tuple[str, bytes]
"""A workspace, and the keyed hash of an address that it writes to."""


class MailState(StrEnum):
    """Where a mail is."""

    PENDING = "PENDING"
    SENT = "SENT"
    FAILED = "FAILED"
    DISCARDED = "DISCARDED"


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """One mail, written when it is sent: it holds no address and no text.

    Args:
        due_at: when it is tried next; whoever tries it moves this on, so that it is tried again if he dies.
        attempts: how often it was tried.
        problem: why it is not sent, without anything personal.
    """

    id: str
    workspace_id: str
    promotion_id: str
    participant_id: str
    referral_id: str
    locale: str | None = None
    state: MailState = MailState.PENDING
    attempts: int = 0
    due_at: datetime
    problem: str | None = None
    created_at: datetime
    settled_at: datetime | None = None


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A mail as it is sent.

    Args:
        id: the same each time that it is tried, so that receivers may tell repetitions.
        sender: None: the installation's.
        language: BCP 47.
    """

    id: str
    at: datetime
    sender: str | None
    to: str
    subject: str
    text: str
    html: str | None
    language: str
    participant_id: str


class Undeliverable(Exception):
    """The receiver's server will never take it; nothing more is to be sent to this address."""


class Postponed(Exception):
    """It could not be sent now; it is tried again."""


class Postbox(Protocol):
    """Where letters are thrown in."""

    async def send(self, letter: Letter) -> None:
        """Hand a letter over; raises Undeliverable or Postponed."""
        ...

    def forget(self, participant_id: str) -> None:
        """Remove copies of letters to a person, as far as any are kept."""
        ...


class Mails(Protocol):
    """Where mails are kept. Each method raises errors.Unavailable while the database is away."""

    async def take(self, now: datetime, until: datetime, most: int) -> list[Mail]:
        """The mails that are due longest, which nobody else takes before `until`; none: nothing is due."""
        ...

    async def settle(self, mail: Mail) -> bool:
        """Keep what became of a mail that was taken; False: it is gone, or somebody else has taken it."""
        ...

    async def give_back(self, mails: Sequence[Mail], now: datetime) -> None:
        """Let others take mails that were taken and not tried."""
        ...

    async def suppress(self, workspace_id: str, email_key: bytes, at: datetime) -> None:
        """Send nothing more to an address."""
        ...

    async def suppressed(self, addressees: Collection[Addressee]) -> set[Addressee]:
        """To whom of these nothing is sent."""
        ...


def of_referral(promotion: Promotion, referral: Referral, locale: str | None, mail_id: str) -> Mail | None:
    """The mail that brings a participant his link; None: the promotion writes none."""
    if not promotion.mails:
        return None
    return Mail(
        id=mail_id,
        workspace_id=promotion.workspace_id,
        promotion_id=promotion.id,
        participant_id=referral.participant_id,
        referral_id=referral.id,
        locale=locale,
        due_at=referral.created_at,
        created_at=referral.created_at,
    )


def written(
    mail: Mail, promotion: Promotion, participant: Participant, referral: Referral, short_url: str
) -> Letter:
    """The letter of a mail, in the language that fits best.

    Args:
        short_url: of the referral's link.

    Raises:
        patterns.Unfit: its texts cannot be printed with these values.
    """
    language, texts = chosen(promotion.mails, mail.locale)
    values = _values(promotion, referral, short_url, mail.locale)
    return Letter(
        id=mail.id,
        at=mail.created_at,
        sender=promotion.mail_from,
        to=participant.email or "",
        subject=" ".join(patterns.rendered(texts.subject, Slot.TEXT, values).split()),
        text=patterns.rendered(texts.text, Slot.MAIL, values),
        html=None if texts.html is None else patterns.rendered(texts.html, Slot.HTML, values),
        language=language,
        participant_id=participant.id,
    )


def chosen(texts: Mapping[str, MailTexts], locale: str | None) -> tuple[str, MailTexts]:
    """The texts for a language, by looking it up from the most special tag on (RFC 4647, section 3.4)."""
    known = {tag.lower(): (tag, each) for tag, each in texts.items()}
    wanted = (locale or "").lower()
    while wanted:
        if wanted in known:
            return known[wanted]
        wanted = wanted.rpartition("-")[0]
    return next(iter(known.values()))


def pause(attempts: int, dice: float) -> timedelta:
    """How long to wait after so many attempts, with full jitter over the second half of it.

    Args:
        dice: from 0 to 1.
    """
    longest = min(FIRST_PAUSE * (1 << min(attempts - 1, 20)), LAST_PAUSE)
    return longest / 2 + longest / 2 * dice


def _values(promotion: Promotion, referral: Referral, short_url: str, locale: str | None) -> dict[str, Any]:
    """The variables of mail_texts.VARIABLES."""
    return {
        "link": short_url,
        "code": referral.code,
        "target": referral.target_url,
        "product": referral.product_id or "",
        "promotion": {"name": promotion.name, "uid": promotion.uid},
        "share": {each.channel: each.link for each in shares.of(short_url, promotion.name, locale)},
    }
