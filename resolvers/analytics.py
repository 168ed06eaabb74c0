"""Analytics: figures over all links."""

import strawberry

from schema import analytics
from schema.analytics import Analytics


@strawberry.type
class AnalyticsQueries:
    """Reading figures."""

    analytics: Analytics = analytics.field("the workspace's clicks", lambda wanted, _: wanted)
