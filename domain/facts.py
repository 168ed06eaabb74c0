"""Facts: what conditions ask of a visit, its link and its workspace, each worked out at most once a visit."""

import functools
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from domain import languages, windows
from domain.agents import Agent
from domain.continents import BY_COUNTRY
from domain.visits import Visit

Scalar = str | int | float | bool
MAX_PARAMETERS: Final = 64
_NO_SIGNALS: Final[Mapping[str, Scalar]] = {}


class Known(msgspec.Struct, frozen=True):
    """What decisions need beyond link and visit.

    Args:
        agents: reads an agent string, see agents.Agents.read.
        signals: values by workspace and name; whoever owns it may change it meanwhile.
        clicks: human clicks by link, of links whose rules ask for them; the same goes for it.
        heard: what was lately found out from what visits say, see plans.Plan …
        matched: … and which rule matched.
    """

    agents: Callable[[str], Agent]
    signals: Mapping[str, Mapping[str, Scalar]] = {}
    clicks: Mapping[str, int] = {}
    heard: dict[tuple[bytes, int, *tuple[str, ...]], int] = msgspec.field(default_factory=dict)
    matched: dict[tuple[bytes, int], int] = msgspec.field(default_factory=dict)


class Subject(msgspec.Struct, frozen=True):
    """What conditions ask of the link itself.

    Args:
        attributes: the link's, where rules may ask for them.
        offered: every language that its rules name, in lower case.
    """

    workspace_id: str
    link_id: str
    attributes: Mapping[str, Any] = {}
    offered: frozenset[str] = frozenset()


class Facts(msgspec.Struct, frozen=True, gc=False):
    """The facts of one visit to a link, worked out when they are asked for."""

    visit: Visit
    subject: Subject
    known: Known

    @property
    def country(self) -> str:
        """Where the visitor's address is."""
        return self.visit.country

    @property
    def region(self) -> str:
        """In which subdivision of its country."""
        return self.visit.region

    @property
    def agent(self) -> Agent:
        """What the visitor's agent tells."""
        return self.known.agents(self.visit.agent)

    @property
    def os(self) -> str:
        """The family of the visitor's system in folded case, or empty."""
        return (self.agent.os or "").casefold()

    @property
    def browser(self) -> str:
        """The family of the visitor's browser in folded case, or empty."""
        return (self.agent.browser or "").casefold()

    @property
    def continent(self) -> str:
        """The continent of the visitor's country, or empty."""
        return BY_COUNTRY.get(self.visit.country, "")

    @property
    def city(self) -> str:
        """The visitor's city in folded case."""
        return self.visit.city.casefold()

    @property
    def languages(self) -> frozenset[str]:
        """What the link offers of the language that the visitor prefers among its, see languages.chosen."""
        return languages.chosen(self.visit.languages, self.subject.offered)

    @property
    def parameters(self) -> Sequence[tuple[str, str]]:
        """Names and values of the visit's query, in order."""
        return _pairs(self.visit.query) if self.visit.query else ()

    def parameter(self, name: str) -> Sequence[Scalar]:
        """The values of one name."""
        return [value for each, value in self.parameters if each == name]

    @property
    def clicks(self) -> int:
        """How many human clicks the link has, as far as is known."""
        return self.known.clicks.get(self.subject.link_id, 0)

    def signal(self, name: str) -> Sequence[Scalar]:
        """The value of a signal of the workspace, or none."""
        value = self.known.signals.get(self.subject.workspace_id, _NO_SIGNALS).get(name)
        return () if value is None else (value,)

    def minute(self, zone: str) -> int:
        """The minute of the week that clocks in `zone` show, see windows.local."""
        return windows.local(zone, self.visit.at_ms)

    def attribute(self, path: str) -> Sequence[Scalar]:
        """The values of an attribute of the link: one, those of a list, or none; dots lead into objects."""
        value: Any = self.subject.attributes
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


def _pairs(query: str) -> Sequence[tuple[str, str]]:
    if "%" not in query and "+" not in query:  # nothing to decode, as in most queries …
        if "&" not in query:  # … and a single parameter, as in most of those
            name, _, value = query.partition("=")
            return ((name, value),)
        parts = query.split("&", MAX_PARAMETERS)[:MAX_PARAMETERS]
        return [(name, value) for name, _, value in [part.partition("=") for part in parts if part]]
    capped = "&".join(query.split("&", MAX_PARAMETERS)[:MAX_PARAMETERS])
    return parse_qsl(capped, keep_blank_values=True, errors="replace")
