"""Consents: whether a call carries one, and how it is added to what a participant said before."""

from datetime import datetime
from typing import Final

import msgspec

from domain import texts
from domain.errors import Rejected, UserError, UserErrorCode
from domain.participants import Consent, Participant

LONGEST: Final = 100
MOST: Final = 200
"""Consents of one participant that are kept; who repeats the same one is not counted again."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a call says that a person said."""

    granted: bool
    text_version: str
    source: str


def checked(said: Said | None, at: datetime) -> Consent:
    """The consent of a call.

    Raises:
        Rejected: CONSENT_REQUIRED where it is missing or refused, INVALID where it proves nothing.
    """
    if said is None or not said.granted:
        message = "Nothing is stored or sent without the person's consent; ask for it and pass it on."
        raise Rejected(UserError(UserErrorCode.CONSENT_REQUIRED, message, ("consent",)))
    errors = []
    for name in ("text_version", "source"):
        value = getattr(said, name)
        problem = texts.problem(value, longest=LONGEST)
        if problem is None and not value.strip():
            problem = "is empty; a consent is proved by what was agreed to, and where."
        if problem is not None:
            message = f"The consent's {name.replace('_', ' ')} {problem}"
            errors.append(UserError(UserErrorCode.INVALID, message, ("consent", name)))
    if errors:
        raise Rejected(*errors)
    return Consent(granted=True, at=at, text_version=said.text_version.strip(), source=said.source.strip())


def added(participant: Participant, consent: Consent) -> tuple[Consent, ...]:
    """A participant's consents with one more, unless it says what still holds.

    Raises:
        Rejected: LIMIT_EXCEEDED, there are too many.
    """
    told = participant.consents
    valid = told[_first_valid(told) :]
    if any((each.text_version, each.source) == (consent.text_version, consent.source) for each in valid):
        return told
    if len(told) >= MOST:
        message = f"The participant has given {MOST} consents by texts and sources; name one of those."
        raise Rejected(UserError(UserErrorCode.LIMIT_EXCEEDED, message, ("consent",)))
    return (*told, consent)


def withdrawn(participant: Participant, source: str, at: datetime) -> tuple[Consent, ...]:
    """A consenting participant's consents with a withdrawal of the last one behind them.

    Args:
        source: how it was withdrawn.
    """
    told = participant.consents
    return (*told, Consent(granted=False, at=at, text_version=told[-1].text_version, source=source))


def _first_valid(told: tuple[Consent, ...]) -> int:
    """Where the consents begin that were not withdrawn."""
    refusals = [number for number, each in enumerate(told) if not each.granted]
    return refusals[-1] + 1 if refusals else 0
