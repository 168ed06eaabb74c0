"""Signals as the API shows them."""

import strawberry

from domain.errors import Rejected
from domain.signals import Signals
from schema.payloads import UserError
from schema.scalars import JSON


@strawberry.type(description="The answer of a change of signals.")
class SignalsPayload:
    """All signals of the workspace, or why nothing was changed."""

    signals: JSON | None = strawberry.field(
        description="All signals of the workspace as they are now, by name; null on failure."
    )
    user_errors: list[UserError] = strawberry.field(description="Why nothing was changed; empty on success.")

    @classmethod
    def of(cls, outcome: Signals | Rejected) -> "SignalsPayload":
        """The payload of a change."""
        if isinstance(outcome, Rejected):
            return cls(signals=None, user_errors=[UserError.of(error) for error in outcome.errors])
        return cls(signals=JSON(dict(outcome.values)), user_errors=[])
