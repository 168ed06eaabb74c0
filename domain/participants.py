"""A participant: a person of a workspace's promotions, known by an e-mail address and nothing else."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """What a person said, when and where: the proof that GDPR, article 7(1), asks for.

    Args:
        text_version: names the text that was agreed to.
        source: where it was said, such as "checkout".
    """

    granted: bool
    at: datetime
    text_version: str
    source: str


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a participant.

    Args:
        email: as mail is sent to it; None once the person was erased.
        email_key: stands for the identity of the address, see domain.emails.hidden; unique in the workspace.
        person_key: the same for the person behind the address.
        consents: in the order they were given, the last one counts.
        locale: language of mails (BCP 47), as a call named it last.
        referrals: how many were made for it.
        version: counts the changes, from 1.
    """

    id: str
    workspace_id: str
    email: str | None
    email_key: bytes
    person_key: bytes
    consents: tuple[Consent, ...] = ()
    locale: str | None = None
    referrals: int = 0
    version: int = 1
    created_at: datetime
    updated_at: datetime
    erased_at: datetime | None = None

    @property
    def consenting(self) -> bool:
        """Whether mails may be sent and links shared."""
        return bool(self.consents) and self.consents[-1].granted


class Participants(Protocol):
    """Where participants are kept. Each method raises errors.Unavailable while the database is away."""

    async def by_ids(self, workspace_id: str, participant_ids: Sequence[str]) -> dict[str, Participant]:
        """Those that exist, by id."""
        ...

    async def by_email(self, workspace_id: str, email_key: bytes) -> Participant | None:
        """The participant of an address, or None."""
        ...

    async def by_person(self, workspace_id: str, person_key: bytes, limit: int) -> Sequence[Participant]:
        """At most `limit` participants who are the same person."""
        ...
