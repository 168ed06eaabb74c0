"""Figures of promotions: who takes part, what came of it, and how many bring others."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from domain.money import Money


class Cohort(msgspec.Struct, frozen=True, kw_only=True):
    """Who joined a promotion in the same month, and the conversions that came of their links ever since.

    Args:
        month: its first instant, UTC.
    """

    month: datetime
    participants: int
    conversions: int = 0


class PromotionStats(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a promotion over all time.

    Args:
        participants: people who have a link of it.
        links: their referrals.
        owed: rewards that are PENDING, HELD or APPROVED, in minor units by currency; what is claimed back
            after a payment is negative in it.
        paid: rewards that are PAID, in minor units by currency.
        cohorts: by month, the earliest first.
    """

    participants: int = 0
    links: int = 0
    conversions: int = 0
    owed: Mapping[str, int] = {}
    paid: Mapping[str, int] = {}
    cohorts: tuple[Cohort, ...] = ()


class PromotionFigures(Protocol):
    """Where promotions are counted."""

    async def by_ids(self, workspace_id: str, promotion_ids: Sequence[str]) -> Mapping[str, PromotionStats]:
        """The figures of each promotion; round trips do not grow with their number.

        Raises:
            LimitExceeded: counting takes the database too long.
            Unavailable: the database is away.
        """
        ...


def coefficient(conversions: int, participants: int) -> float | None:
    """How many conversions each participant brings, the viral coefficient; None: there is no participant."""
    return conversions / participants if participants else None


def money(amounts: Mapping[str, int]) -> list[Money]:
    """Amounts that are not zero, by currency."""
    return [
        Money(minor_units=units, currency=currency) for currency, units in sorted(amounts.items()) if units
    ]
