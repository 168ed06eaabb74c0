"""UTM parameters as the API shows them."""

import strawberry

from domain import utm


@strawberry.type(description="The five campaign parameters; null where one is not set.")
class Utm:
    """The API's view of domain.utm.Utm."""

    source: str | None = strawberry.field(description="utm_source: where the visitor comes from.")
    medium: str | None = strawberry.field(description="utm_medium: email, social, paid …")
    campaign: str | None = strawberry.field(description="utm_campaign.")
    term: str | None = strawberry.field(description="utm_term: the paid keyword.")
    content: str | None = strawberry.field(description="utm_content: which of several links or versions.")

    @classmethod
    def of(cls, value: utm.Utm) -> "Utm":
        """The same parameters."""
        return cls(**{name: getattr(value, name) for name in utm.NAMES})
