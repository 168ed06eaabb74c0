"""Suspicions: what makes a reward wait for somebody who looks at it, and says why."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from domain.attributions import Touch
from domain.conversion_drafts import Told
from domain.conversions import Conversion, Lately
from domain.participants import Participant

HASTE: Final = timedelta(seconds=2)
"""Nobody reads a page and orders more quickly; once may be a test or chance, twice is a program."""
LOOKED_AT: Final = timedelta(days=1)
MOST_A_DAY: Final = 100


def hasty(touches: Sequence[Touch], told: Told) -> bool:
    """Whether a conversion followed the last click that it names more quickly than people are."""
    return bool(touches) and timedelta() <= told.at - touches[-1].at < HASTE


def reason(
    conversion: Conversion,
    told: Told,
    person_key: bytes | None,
    referrer: Participant,
    lately: Sequence[Lately],
) -> str | None:
    """Why the rewards of a conversion are held, for people; None: nothing is suspicious.

    Args:
        person_key: stands for the person behind the address that the call named.
        lately: other conversions of the referrer of the last LOOKED_AT.
    """
    same = [each for each in lately if each.promotion_id == conversion.promotion_id]
    found = {
        "The customer is the referrer: it is the same person's address.": person_key == referrer.person_key,
        "Another conversion of this promotion came from the same visitor today.": bool(conversion.visitor)
        and any(each.visitor == conversion.visitor for each in same),
        f"The referrer has {MOST_A_DAY} conversions within a day already.": len(lately) >= MOST_A_DAY,
        f"Conversions of this referrer follow their clicks within {HASTE.seconds} s again and again.": (
            conversion.hasty and any(each.hasty for each in lately)
        ),
        "The customer's address is of a provider of disposable ones.": told.email is not None
        and told.email.disposable,
    }
    return " ".join(text for text, holds in found.items() if holds) or None
