"""UTM parameters: the five campaign parameters of a destination, kept apart from it."""

import msgspec


class Utm(msgspec.Struct, frozen=True, kw_only=True):
    """The campaign parameters of a link; None where one is not set."""

    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    term: str | None = None
    content: str | None = None
