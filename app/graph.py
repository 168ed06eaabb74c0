"""The graph: every noun's queries, mutations and subscriptions in one schema, and that schema as text."""

import functools
from pathlib import Path
from typing import Final

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter

from app.graphql import leaves
from resolvers.analytics import AnalyticsQueries
from resolvers.bulk_edits import BulkEditMutations
from resolvers.bulk_jobs import BulkJobMutations, BulkJobQueries
from resolvers.campaigns import CampaignMutations, CampaignQueries
from resolvers.clicks import ClickQueries
from resolvers.conversions import ConversionMutations
from resolvers.exports import ExportMutations
from resolvers.links import LinkMutations, LinkQueries
from resolvers.nodes import NodeQueries
from resolvers.promotions import PromotionMutations, PromotionQueries
from resolvers.referrals import ReferralMutations, ReferralQueries
from resolvers.rewards import RewardMutations, RewardQueries
from resolvers.signals import SignalMutations
from resolvers.subjects import SubjectMutations
from resolvers.templates import TemplateMutations, TemplateQueries
from resolvers.workspaces import WorkspaceMutations, WorkspaceQueries
from schema.bulk_jobs import BulkJob
from schema.campaigns import Campaign
from schema.clicks import Click
from schema.conversions import Conversion
from schema.keys import ApiKey
from schema.links import Link
from schema.participants import Participant
from schema.promotions import Promotion
from schema.referrals import Referral
from schema.rewards import Reward
from schema.scalars import SCALARS
from schema.templates import Template
from schema.workspaces import Workspace
from subscriptions.bulk_jobs import BulkJobSubscriptions
from subscriptions.clicks import ClickSubscriptions
from subscriptions.events import EventSubscriptions
from subscriptions.link_stats import LinkStatsSubscriptions

PRINTED: Final = Path(__file__).resolve().parent.parent / "schema" / "schema.graphql"
"""Where the schema is kept as text, for reviews and client generators."""


class _Names(NameConverter):
    """Strawberry asks for the name of an argument at each call of its field."""

    @functools.cache  # noqa: B019 - there is one for as long as the process lives
    def apply_naming_config(self, name: str) -> str:
        return super().apply_naming_config(name)


_NAMES: Final = _Names()


@strawberry.type(description="Reading.")
class Query(
    AnalyticsQueries,
    BulkJobQueries,
    CampaignQueries,
    ClickQueries,
    LinkQueries,
    NodeQueries,
    PromotionQueries,
    ReferralQueries,
    RewardQueries,
    TemplateQueries,
    WorkspaceQueries,
):
    """Every query."""


@strawberry.type(description="Changing. Each takes effect as a whole before the next one starts.")
class Mutation(
    BulkEditMutations,
    BulkJobMutations,
    CampaignMutations,
    ConversionMutations,
    ExportMutations,
    LinkMutations,
    PromotionMutations,
    ReferralMutations,
    RewardMutations,
    SignalMutations,
    SubjectMutations,
    TemplateMutations,
    WorkspaceMutations,
):
    """Every mutation."""


@strawberry.type(description="Live feeds.")
class Subscription(BulkJobSubscriptions, ClickSubscriptions, EventSubscriptions, LinkStatsSubscriptions):
    """Every subscription."""


def build() -> strawberry.Schema:
    """A new schema of everything that works."""
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[
            *(ApiKey, BulkJob, Campaign, Click, Conversion, Link, Participant, Promotion, Referral, Reward),
            *(Template, Workspace),
        ],
        config=StrawberryConfig(scalar_map=SCALARS, name_converter=_NAMES),
        execution_context_class=leaves.LeafExecutor,
    )
    leaves.prepare(schema._schema)  # noqa: SLF001 - graphql-core's schema: Strawberry has no public name for it
    return schema


def printed() -> str:
    """The schema in GraphQL's schema language, as it stands in PRINTED."""
    return build().as_str() + "\n"
