"""Facts: what conditions ask of a visit, its link and its workspace, each worked out at most once a visit."""

import functools
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from domain.agents import Agent
from domain.continents import BY_COUNTRY
from domain.visits import Visit

Scalar = str | int | float | bool
MAX_PARAMETERS: Final = 64


class Known(msgspec.Struct, frozen=True):
    """What decisions need beyond link and visit.

    Args:
        agents: reads an agent string, see agents.Agents.read.
    """

    agents: Callable[[str], Agent]


class Facts:
    """The facts of one visit.

    Args:
        visit: the visit.
        attributes: the link's.
        known: see Known.
    """

    __slots__ = ("_agent", "_known", "_parameters", "attributes", "visit")

    def __init__(self, visit: Visit, attributes: Mapping[str, Any], known: Known) -> None:
        self.visit = visit
        self.attributes = attributes
        self._known = known
        self._agent: Agent | None = None
        self._parameters: dict[str, list[str]] | None = None

    @property
    def agent(self) -> Agent:
        """What the visitor's agent tells."""
        if self._agent is None:
            self._agent = self._known.agents(self.visit.agent)
        return self._agent

    @property
    def continent(self) -> str:
        """The continent of the visitor's country, or empty."""
        return BY_COUNTRY.get(self.visit.country, "")

    @property
    def city(self) -> str:
        """The visitor's city in folded case."""
        return self.visit.city.casefold()

    @property
    def os(self) -> str:
        """The family of the visitor's system in folded case, or empty."""
        return (self.agent.os or "").casefold()

    @property
    def browser(self) -> str:
        """The family of the visitor's browser in folded case, or empty."""
        return (self.agent.browser or "").casefold()

    def parameter(self, name: str) -> Sequence[str]:
        """The values of a parameter of the visit's query, in order; empty where it is not there."""
        if self._parameters is None:
            self._parameters = {}
            if self.visit.query:
                for each, value in _pairs(self.visit.query):
                    self._parameters.setdefault(each, []).append(value)
        return self._parameters.get(name, ())

    def attribute(self, path: str) -> Sequence[Scalar]:
        """The values of an attribute of the link: one, those of a list, or none; dots lead into objects."""
        value: Any = self.attributes
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        values = value if isinstance(value, list) else [value]
        return [each for each in values if isinstance(each, Scalar)]


@functools.lru_cache(8_192)
def hosts_of(host: str) -> frozenset[str]:
    """A host with all its parent domains."""
    labels = host.split(".")
    return frozenset(".".join(labels[start:]) for start in range(len(labels))) if host else frozenset()


@functools.lru_cache(8_192)
def number_of(address: str) -> tuple[int, int] | None:
    """IP version and number of an address, one of IPv4 mapped into IPv6 as what it is; None: it is none."""
    try:
        read = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(read, ipaddress.IPv6Address) and read.ipv4_mapped is not None:
        read = read.ipv4_mapped
    return read.version, int(read)


def _pairs(query: str) -> list[tuple[str, str]]:
    capped = "&".join(query.split("&", MAX_PARAMETERS)[:MAX_PARAMETERS])
    return parse_qsl(capped, keep_blank_values=True, errors="replace")
