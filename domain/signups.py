"""Sign-ups: a participant, the referral and the link that a call makes, kept together or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from domain import emails
from domain.links import Link
from domain.mails import Mail
from domain.participants import Participant
from domain.promotions import Promotion, Promotions
from domain.referrals import Referral, Referrals
from domain.workbenches import Workbench


class Signup(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be kept in one transaction.

    Args:
        seen: the participant as it was read; None: it is new.
        participant: as it is to be.
        referral: a new one, or None.
        link: that referral's.
        mail: what is sent about it.
        referrals: referrals that change, as they were and as they are to be.
        links: the same of links.
    """

    seen: Participant | None
    participant: Participant
    referral: Referral | None = None
    link: Link | None = None
    mail: Mail | None = None
    referrals: tuple[tuple[Referral, Referral], ...] = ()
    links: tuple[tuple[Link, Link], ...] = ()


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is there already, by the keys of addresses and by what makes referrals the same."""

    participants: Mapping[bytes, Participant]
    referrals: Mapping[bytes, Referral]


class Referred(msgspec.Struct, frozen=True, kw_only=True):
    """A person's referral with everything that it belongs to; `link` is None where it was deleted."""

    promotion: Promotion
    participant: Participant
    referral: Referral
    link: Link | None


class Signups(Protocol):
    """Where people sign up. Each method raises errors.Unavailable while the database is away."""

    async def known(
        self, workspace_id: str, email_keys: Sequence[bytes], identities: Sequence[bytes]
    ) -> Known:
        """Participants and referrals that exist, in one round trip."""
        ...

    async def referred(self, workspace_id: str, promotion_uid: str, email_key: bytes) -> Referred | None:
        """The oldest referral that the person of an address has in a promotion, in one round trip."""
        ...

    async def add_many(self, workspace_id: str, signups: Sequence[Signup]) -> frozenset[str]:
        """Keep sign-ups of different participants, all but those that another call got in the way of.

        Returns:
            Ids of the participants of those that were not kept: something of theirs has changed since it was
            read, or their code or slug is taken.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What sign-ups work with.

    Args:
        people: the installation's key that hides addresses, domain.secrets.PEOPLE.
    """

    bench: Workbench
    promotions: Promotions
    referrals: Referrals
    signups: Signups
    people: bytes

    def key_of(self, text: str) -> bytes:
        """What stands for an address, or a person, in this workspace."""
        return emails.hidden(self.people, self.bench.workspace_id, text)
