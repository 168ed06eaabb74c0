"""Conditions on where a visitor is: continent, country, region, city and network."""

import re
from bisect import bisect_right
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from operator import attrgetter
from typing import Final, Self

from domain import continents, tables
from domain import facts as seen
from domain.facts import Facts
from domain.grammar import Asked, Budget, Compiler, Json, OneOf, named
from domain.matches import listed, refused
from domain.tables import Bits, Table

_REGION: Final = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")


@named("continent")
class Continent(OneOf, frozen=True):
    """Where the visitor's country is."""

    LOOKS_AT = attrgetter("continent")
    PROBLEM = "is no continent; there are AF, AN, AS, EU, NA, OC and SA."

    @classmethod
    def tidied(cls, value: str) -> str | None:
        """One of seven codes."""
        return value.upper() if value.upper() in continents.CODES else None


@named("country")
class Country(OneOf, frozen=True):
    """Where the visitor's address is, ISO 3166-1 alpha-2."""

    LOOKS_AT = attrgetter("country")
    PROBLEM = "is no country of ISO 3166-1, as GB and DE are."

    @classmethod
    def tidied(cls, value: str) -> str | None:
        """A code that exists."""
        return value.upper() if value.upper() in continents.BY_COUNTRY else None


@named("region")
class Region(OneOf, frozen=True):
    """In which subdivision of its country, ISO 3166-2."""

    LOOKS_AT = attrgetter("region")
    PROBLEM = "is no region of ISO 3166-2, as GB-ENG and US-CA are."

    @classmethod
    def tidied(cls, value: str) -> str | None:
        """A code that could exist: subdivisions change too often to list them."""
        return value.upper() if _REGION.fullmatch(value.upper()) else None


@named("city")
class City(OneOf, frozen=True):
    """In which city, by its English name; case does not count."""

    LOOKS_AT = attrgetter("city")
    FOLDS = True


@named("ip")
class Ip(Asked, frozen=True):
    """The visitor's address is in one of the networks; it is used for this and forgotten.

    Args:
        starts: IP version and first number of each network, in order.
        ends: last numbers of the same networks.
    """

    starts: tuple[tuple[int, int], ...]
    ends: tuple[tuple[int, int], ...]

    @classmethod
    def checked(cls, given: Json, _budget: Budget) -> Json:
        """Networks in CIDR; an address alone is a network of one."""
        made = []
        for place, value in enumerate(listed(given)):
            try:
                made.append(str(ip_network(value.strip(), strict=False)))
            except ValueError:
                message = f"{value[:50]!r} is no network in CIDR, as 192.0.2.0/24 and 2001:db8::/32 are."
                raise refused(message, str(place)) from None
        return list(dict.fromkeys(made))

    @classmethod
    def of(cls, value: Json, _compiler: Compiler) -> Self:
        """Overlapping networks become one, so that one comparison tells."""
        networks = [ip_network(each) for each in value]
        fours = collapse_addresses(each for each in networks if isinstance(each, IPv4Network))
        sixes = collapse_addresses(each for each in networks if isinstance(each, IPv6Network))
        whole: list[IPv4Network | IPv6Network] = [*fours, *sixes]
        return cls(
            tuple((each.version, int(each.network_address)) for each in whole),
            tuple((each.version, int(each.broadcast_address)) for each in whole),
        )

    @classmethod
    def tables(cls, bits: Bits[Self]) -> list[Table]:
        """One search among all networks."""
        spans = [
            (start, (version, last + 1), bit)
            for condition, bit in bits
            for start, (version, last) in zip(condition.starts, condition.ends, strict=True)
        ]
        return [tables.by_span(lambda facts: seen.number_of(facts.visit.address), spans)]

    def matches(self, facts: Facts) -> bool:
        """A search among the sorted networks."""
        number = seen.number_of(facts.visit.address)
        place = 0 if number is None else bisect_right(self.starts, number)
        return number is not None and place > 0 and number <= self.ends[place - 1]

    def sees(self, _facts: Facts) -> str:
        """Not the address: it is shown to nobody."""
        return "an address"
