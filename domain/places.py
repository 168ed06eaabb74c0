"""A place: where the address of a visitor is, as far as a geo database knows."""

from typing import Final, Protocol

import msgspec


class Place(msgspec.Struct, frozen=True):
    """ISO 3166-1 country, ISO 3166-2 region, English city, IANA time zone; each empty where unknown."""

    country: str = ""
    region: str = ""
    city: str = ""
    timezone: str = ""


UNKNOWN: Final = Place()


class Places(Protocol):
    """A geo database."""

    def of(self, address: str) -> Place:
        """The place of an address; UNKNOWN where the database has none, or there is no database."""
        ...
