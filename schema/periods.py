"""Periods as the API takes them."""

import strawberry

from schema.inputs import optional
from schema.scalars import DateTime


@strawberry.input(description="A period: `after` is part of it, `before` is not.")
class PeriodInput:
    """A period as it is asked for."""

    after: DateTime | None = optional("From when on; default: ever since.")
    before: DateTime | None = optional("Until when; default: for ever.")
