"""Who may do what: scopes, and the viewer that every request and subscription acts as."""

from enum import StrEnum

import msgspec


class Scope(StrEnum):
    """A right that an API key carries; ADMIN implies every other."""

    LINKS_READ = "links:read"
    LINKS_WRITE = "links:write"
    ANALYTICS_READ = "analytics:read"
    PROMOTIONS_READ = "promotions:read"
    PROMOTIONS_WRITE = "promotions:write"
    REFERRALS_READ = "referrals:read"
    REFERRALS_WRITE = "referrals:write"
    CONVERSIONS_WRITE = "conversions:write"
    ADMIN = "admin"


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a request acts for: one key in one workspace, with its scopes."""

    workspace_id: str
    key_id: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Whether the viewer holds `scope`, directly or through ADMIN."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def lacks(self, needed: frozenset[Scope]) -> frozenset[Scope]:
        """The scopes of `needed` that the viewer does not hold."""
        return frozenset() if Scope.ADMIN in self.scopes else needed - self.scopes
