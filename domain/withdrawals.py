"""Withdrawals of consent: mails stop, and links lead on without telling whose they are."""

from typing import Final

import msgspec

from domain import consents, edits, emails, fields
from domain.errors import Unavailable, UserErrorCode
from domain.links import LinkChanged
from domain.participants import Participant
from domain.referral_links import of_participant
from domain.signups import Desk, Signup

SOURCE: Final = "withdrawConsent"
_ATTEMPTS: Final = 20


async def withdraw(email: str, desk: Desk) -> Participant:
    """Take a person's consent back; who has done so already stays as he is.

    Raises:
        Rejected: INVALID where the text is no address, NOT_FOUND where nobody has it.
        Unavailable: others changed the same person's things all the time.
    """
    key = desk.key_of(emails.checked(email).identity)
    for _ in range(_ATTEMPTS):
        known = await desk.signups.known(desk.bench.workspace_id, [key], [])
        seen = known.participants.get(key)
        if seen is None:
            message = "There is no participant with this address."
            raise fields.refused("email", message, UserErrorCode.NOT_FOUND)
        if not seen.consenting:
            return seen
        signup = await _withdrawal(seen, desk)
        if not await desk.signups.add_many(desk.bench.workspace_id, [signup]):
            changed = [LinkChanged(new.domain, new.slug_key, new.version) for _, new in signup.links]
            await desk.bench.changes.publish(changed)
            return signup.participant
    raise Unavailable("Other calls are changing the same participant; try again.")


async def _withdrawal(seen: Participant, desk: Desk) -> Signup:
    """What is written: the refusal, and every link that leads anywhere paused, and marked as withheld."""
    bench, now = desk.bench, desk.bench.clock()
    referrals = await of_participant(seen, desk)
    found = await bench.links.by_ids(bench.workspace_id, [each.link_id for each in referrals])
    sharing = [each for each in referrals if each.link_id in found and not found[each.link_id].paused]
    links = [found[each.link_id] for each in sharing]
    return Signup(
        seen=seen,
        participant=msgspec.structs.replace(
            seen,
            consents=consents.withdrawn(seen, SOURCE, now),
            version=seen.version + 1,
            updated_at=max(now, seen.updated_at),
        ),
        referrals=tuple((each, msgspec.structs.replace(each, withheld=True)) for each in sharing),
        links=tuple((link, edits.next_version(link, {"paused": True}, bench)) for link in links),
    )
