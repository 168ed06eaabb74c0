"""Mails in the worker role: participants, promotions, referrals and links become letters that are sent."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from app import tasks
from app.connections import Connections
from app.settings import Settings
from delivery.mails import Counts, Sender
from delivery.postboxes import SmtpServer, Spool
from domain import addresses, mails
from domain.links import Link
from domain.mails import Letter, Mail
from domain.participants import Participant
from domain.promotions import Promotion
from domain.referrals import Referral
from storage.links import MongoLinks
from storage.mails import MongoMails
from storage.participants import MongoParticipants
from storage.promotions import MongoPromotions
from storage.referrals import MongoReferrals


class Writing:
    """See delivery.mails.Writing; everything is read when mails are sent, so it is as true as it can be."""

    def __init__(self, opened: Connections) -> None:
        self._short_base = opened.settings.short_base
        self._participants = MongoParticipants(opened.database)
        self._promotions = MongoPromotions(opened.database)
        self._referrals = MongoReferrals(opened.database)
        self._links = MongoLinks(opened.database)

    async def papers(self, wanted: Sequence[Mail]) -> "Papers":
        """Read what they are about, workspace by workspace."""
        papers = Papers(self._short_base)
        for workspace_id in {mail.workspace_id for mail in wanted}:
            theirs = [mail for mail in wanted if mail.workspace_id == workspace_id]
            people, promotions, referrals = await asyncio.gather(
                self._participants.by_ids(workspace_id, [mail.participant_id for mail in theirs]),
                self._promotions.by_ids(workspace_id, [mail.promotion_id for mail in theirs]),
                self._referrals.by_ids(workspace_id, [mail.referral_id for mail in theirs]),
            )
            links = await self._links.by_ids(workspace_id, [each.link_id for each in referrals.values()])
            papers.participants |= people
            papers.promotions |= promotions
            papers.referrals |= referrals
            papers.links |= links
        return papers


@dataclass(slots=True)
class Papers:
    """See delivery.mails.Papers; everything by its id, which no two workspaces share."""

    short_base: str
    participants: dict[str, Participant] = field(default_factory=dict)
    promotions: dict[str, Promotion] = field(default_factory=dict)
    referrals: dict[str, Referral] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)

    def receiver(self, mail: Mail) -> Participant | None:
        """Whom it is for."""
        return self.participants.get(mail.participant_id)

    def letter(self, mail: Mail, receiver: Participant) -> Letter | None:
        """The letter; None: promotion, referral or link are gone."""
        promotion = self.promotions.get(mail.promotion_id)
        referral = self.referrals.get(mail.referral_id)
        link = None if referral is None else self.links.get(referral.link_id)
        if promotion is None or not promotion.mails or referral is None or link is None:
            return None
        short_url = addresses.short_url(link.domain, link.slug, self.short_base)
        return mails.written(mail, promotion, receiver, referral, short_url)


def postbox(settings: Settings) -> SmtpServer | Spool:
    """Where letters leave this installation."""
    if settings.smtp_url is None:
        return Spool(settings.mails_dir, settings.mail_from)
    return SmtpServer(settings.smtp_url, settings.mail_from)


@asynccontextmanager
async def sending(opened: Connections, counts: Counts) -> AsyncIterator[None]:
    """Send mails for as long as the block lasts, two at a time: a slow receiver holds up one of them."""
    async with postbox(opened.settings) as first, postbox(opened.settings) as second:
        store, writing = MongoMails(opened.database), Writing(opened)
        senders = [Sender(store, writing, each, opened.clock, counts) for each in (first, second)]
        async with tasks.background(*(each.keep for each in senders)):
            yield
