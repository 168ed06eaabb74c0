"""Data subjects: everything that is kept of the person behind an address, given out or erased.

Article 15, 17 and 20 of the GDPR. What is erased is what names the person or leads to them; what only counts,
clicks and money, stays, so that no figure changes.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import unquote

import msgspec

from domain import customers, edits, emails, fields, jobs, texts
from domain.conversions import Conversions
from domain.customers import Customers
from domain.emails import Email
from domain.errors import Rejected, Unavailable, UserErrorCode
from domain.file_rows import FileFormat, Row
from domain.jobs import BulkKind, Job, JobNews, Jobs
from domain.links import LinkChanged
from domain.participants import Participant
from domain.referral_links import of_participant
from domain.referrals import Referral
from domain.signups import Desk, Signup

EXPORT_WORK: Final = "export-subject"
KEY_BYTES: Final = 16
_ATTEMPTS: Final = 20


class ExportSubject(msgspec.Struct, frozen=True, kw_only=True):
    """What a job that exports a person has to know: keys, and never the address.

    Args:
        email_key: see domain.participants.Participant.
        participant_id: None: the person takes part in nothing.
    """

    email_key: bytes
    participant_id: str | None
    format: FileFormat = FileFormat.JSONL


class Subjects(Protocol):
    """Where everything of a person is found. Each method raises errors.Unavailable."""

    @property
    def customers(self) -> Customers:
        """Where it is found what the person bought."""

    def rows(
        self, workspace_id: str, email_key: bytes, participant_id: str | None
    ) -> AsyncGenerator[Row, None]:
        """Everything that is kept of a person, always in the same order."""
        ...

    async def forget(self, workspace_id: str, email_key: bytes, participant_id: str | None) -> int:
        """Remove mails to a participant and files that told of the person; how many there were."""
        ...

    async def scrub(self, workspace_id: str, named: Callable[[Any], bool]) -> int:
        """Empty the rows and headers of uploads that name a person; how many there were.

        Args:
            named: whether a row, or the name of a column, does.
        """
        ...


class Letters(Protocol):
    """Where letters lie that were sent."""

    def forget(self, participant_id: str) -> None:
        """Remove every letter to a person."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """What exports and erasures work with.

    Args:
        letters: None: letters leave by SMTP, and no copy is kept.
    """

    desk: Desk
    subjects: Subjects
    stored: Conversions
    letters: Letters | None
    jobs: Jobs
    news: JobNews


async def export(address: str, archive: Archive) -> Job:
    """Start to write everything that is kept of a person into a file; where there is nothing it is empty.

    Raises:
        Rejected: INVALID, this is no address; LIMIT_EXCEEDED, too many jobs wait or run.
    """
    desk, email = archive.desk, emails.checked(address)
    key = desk.key_of(email.identity)
    known = await desk.signups.known(desk.bench.workspace_id, [key], [])
    person = known.participants.get(key)
    spec = ExportSubject(email_key=key, participant_id=None if person is None else person.id)
    bench = desk.bench
    job = jobs.new(
        BulkKind.EXPORT,
        EXPORT_WORK,
        spec,
        workspace_id=bench.workspace_id,
        actor=bench.actor,
        total=0,
        clock=bench.clock,
        ids=bench.ids,
    )
    return await jobs.start(job, archive.jobs, archive.news)


async def erase(address: str, archive: Archive) -> str | None:
    """Erase a person; done again after a failure, it erases what was left.

    Returns:
        The id of who was a participant; None: the person was none.

    Raises:
        Rejected: INVALID, this is no address; NOT_FOUND, nothing is kept of it.
        Unavailable: others changed the same person's things all the time.
    """
    desk, email = archive.desk, emails.checked(address)
    key, workspace_id = desk.key_of(email.identity), desk.bench.workspace_id
    participant_id = await _erase_participant(key, archive)
    gone = await customers.erase(key, desk.bench, archive.subjects.customers, archive.stored)
    gone += await archive.subjects.forget(workspace_id, key, participant_id)
    gone += await archive.subjects.scrub(workspace_id, lambda value: _names(value, email))
    if participant_id is not None and archive.letters is not None:
        archive.letters.forget(participant_id)  # one may have been written meanwhile
    if participant_id is None and not gone:
        message = "Nothing is kept of a person with this address."
        raise fields.refused("email", message, UserErrorCode.NOT_FOUND)
    return participant_id


async def _erase_participant(key: bytes, archive: Archive) -> str | None:
    """Make a participant nobody: the address goes, and what stands for it is drawn by lot."""
    desk = archive.desk
    for _ in range(_ATTEMPTS):
        known = await desk.signups.known(desk.bench.workspace_id, [key], [])
        seen = known.participants.get(key)
        if seen is None:
            return None
        if archive.letters is not None:
            archive.letters.forget(seen.id)
        signup = await _erasure(seen, desk)
        if not await desk.signups.add_many(desk.bench.workspace_id, [signup]):
            changed = [LinkChanged(new.domain, new.slug_key, new.version) for _, new in signup.links]
            await desk.bench.changes.publish(changed)
            return seen.id
    raise Unavailable("Other calls are changing the same participant; try again.")


async def _erasure(seen: Participant, desk: Desk) -> Signup:
    bench, draw = desk.bench, desk.bench.ids.random_bytes
    now = max(bench.clock(), seen.updated_at)
    referrals = await of_participant(seen, desk)
    links = await bench.links.by_ids(bench.workspace_id, [each.link_id for each in referrals])
    nobody = msgspec.structs.replace(
        seen,
        email=None,
        email_key=draw(KEY_BYTES),
        person_key=draw(KEY_BYTES),
        consents=(),
        locale=None,
        version=seen.version + 1,
        updated_at=now,
        erased_at=now,
    )
    return Signup(
        seen=seen,
        participant=nobody,
        referrals=tuple((each, _anonymous(each, draw(KEY_BYTES))) for each in referrals),
        links=tuple(
            (link, edits.next_version(link, {"paused": True}, bench))
            for link in links.values()
            if not link.paused
        ),
    )


def _anonymous(referral: Referral, identity: bytes) -> Referral:
    return msgspec.structs.replace(referral, identity=identity, on_behalf_of=None, withheld=True)


def _names(value: Any, email: Email) -> bool:
    """Whether anything in an upload names a person: columns may be called like anything.

    So may they be like the person, where a file has no header and its first row is taken for one.
    """
    if isinstance(value, str):
        return texts.holds_at(value) and _is(value, email)
    if isinstance(value, Mapping):
        return any(_names(each, email) for pair in value.items() for each in pair)
    return isinstance(value, list) and any(_names(each, email) for each in value)


def _is(text: str, email: Email) -> bool:
    try:
        return emails.checked(text).identity == email.identity
    except Rejected:
        return email.identity in unquote(text).lower()
