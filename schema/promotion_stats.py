"""Figures of promotions as the API shows them."""

import strawberry

from domain import analytics, instants, promotion_stats
from domain.analytics import Need, Selection
from domain.click_filters import ClickFilter
from domain.matches import Match
from domain.periods import Period
from domain.promotions import Promotion
from schema.context import Info
from schema.money import Money
from schema.scalars import DateTime


@strawberry.type(description="Who joined a promotion in the same month.")
class Cohort:
    """The API's view of domain.promotion_stats.Cohort."""

    month: DateTime = strawberry.field(description="Its first instant, UTC.")
    participants: int = strawberry.field(description="People who joined then.")
    conversions: int = strawberry.field(description="Conversions by their links, ever since.")
    viral_coefficient: float | None = strawberry.field(description="Conversions for each participant.")

    @classmethod
    def of(cls, cohort: promotion_stats.Cohort) -> "Cohort":
        """The same cohort."""
        return cls(
            month=DateTime(instants.written(cohort.month)),
            participants=cohort.participants,
            conversions=cohort.conversions,
            viral_coefficient=promotion_stats.coefficient(cohort.conversions, cohort.participants),
        )


@strawberry.type(description="Figures of a promotion over all time.")
class PromotionStats:
    """The API's view of domain.promotion_stats.PromotionStats."""

    participants: int = strawberry.field(description="People who have a link of it.")
    links: int = strawberry.field(description="Their referral links.")
    conversions: int = strawberry.field(description="Conversions by these links and their codes.")
    rewards_pending: list[Money] = strawberry.field(
        description="Rewards that are PENDING, HELD or APPROVED, less what is claimed back."
    )
    rewards_paid: list[Money] = strawberry.field(description="Rewards that are PAID.")
    viral_coefficient: float | None = strawberry.field(
        description="Conversions for each participant; null without participants."
    )
    cohorts: list[Cohort] = strawberry.field(description="By the month in which people joined.")
    source: strawberry.Private[Promotion]

    @strawberry.field(description="Clicks of people on its links.")
    async def clicks(self, info: Info) -> int:
        """Gathered with other questions of analytics."""
        questions, promotion = info.context.questions, self.source
        period = Period(instants.milliseconds(promotion.created_at), instants.milliseconds(questions.now))
        wanted = ClickFilter(attribute=("promotion", Match(among=frozenset({promotion.uid}))))
        table = await questions.tables.load(Need(Selection(period, wanted)))
        return analytics.totals(table, wanted).clicks

    @classmethod
    def of(cls, stats: promotion_stats.PromotionStats, promotion: Promotion) -> "PromotionStats":
        """The same figures."""
        return cls(
            participants=stats.participants,
            links=stats.links,
            conversions=stats.conversions,
            rewards_pending=[Money.of(amount) for amount in promotion_stats.money(stats.owed)],
            rewards_paid=[Money.of(amount) for amount in promotion_stats.money(stats.paid)],
            viral_coefficient=promotion_stats.coefficient(stats.conversions, stats.participants),
            cohorts=[Cohort.of(cohort) for cohort in stats.cohorts],
            source=promotion,
        )
