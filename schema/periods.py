"""Periods and ranges of time as the API takes them."""

from datetime import datetime
from typing import Final

import strawberry

from domain import instants, periods
from domain.errors import BadRequest
from schema.inputs import optional
from schema.scalars import DateTime

_SHOWN: Final = 50


@strawberry.input(description="A period: `after` is part of it, `before` is not.")
class PeriodInput:
    """A period as it is asked for."""

    after: DateTime | None = optional("From when on; default: ever since.")
    before: DateTime | None = optional("Until when; default: for ever.")


@strawberry.input(one_of=True, description="A range of time, in exactly one way.")
class TimeRange:
    """A period as it is asked for."""

    last: str | None = optional("ISO 8601 duration that ends now, such as PT1H, P7D or P30D.")
    between: PeriodInput | None = optional("Two instants; default of `after`: ever since, of `before`: now.")

    def to_domain(self, now: datetime) -> periods.Period:
        """The period.

        Raises:
            BadRequest: a value is none of its kind, or nothing is in the range.
        """
        if isinstance(self.last, str):
            return periods.last(self.last, now)
        asked = self.between or PeriodInput()
        return periods.between(_instant(asked.after, "after"), _instant(asked.before, "before"), now)


def _instant(text: str | None, name: str) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return instants.parsed(text)
    except ValueError:
        raise BadRequest(
            f"The range's {name} is {text[:_SHOWN]!r}, no date and time such as 2026-05-31T18:00:00Z."
        ) from None
