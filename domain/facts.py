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
        matched: which rule matched lately, by what was asked; see rules.decide.
    """

    agents: Callable[[str], Agent]
    signals: Mapping[str, Mapping[str, Scalar]] = {}
    matched: dict[tuple[bytes, Any], int] = msgspec.field(default_factory=dict)


class Facts:
    """The facts of one visit.

    They are plain attributes from the second time on that they are asked for: the rules of a link ask for the
    same few facts again and again, on the hot path.

    Args:
        visit: the visit.
        attributes: the link's.
        offered: every language that the link's rules name, in lower case.
        known: see Known.
        workspace_id: whose signals count.
    """

    def __init__(
        self,
        visit: Visit,
        attributes: Mapping[str, Any],
        offered: frozenset[str],
        known: Known,
        workspace_id: str,
    ) -> None:
        self.visit = visit
        self.country = visit.country
        self.region = visit.region
        self.attributes = attributes
        self._offered = offered
        self._known = known
        self._workspace_id = workspace_id
        self._clocks: dict[str, int] = {}

    @functools.cached_property
    def agent(self) -> Agent:
        """What the visitor's agent tells."""
        return self._known.agents(self.visit.agent)

    @functools.cached_property
    def device(self) -> str:
        """What the visitor holds."""
        return self.agent.device.value

    @functools.cached_property
    def os(self) -> str:
        """The family of the visitor's system in folded case, or empty."""
        return (self.agent.os or "").casefold()

    @functools.cached_property
    def browser(self) -> str:
        """The family of the visitor's browser in folded case, or empty."""
        return (self.agent.browser or "").casefold()

    @functools.cached_property
    def continent(self) -> str:
        """The continent of the visitor's country, or empty."""
        return BY_COUNTRY.get(self.visit.country, "")

    @functools.cached_property
    def city(self) -> str:
        """The visitor's city in folded case."""
        return self.visit.city.casefold()

    @functools.cached_property
    def languages(self) -> frozenset[str]:
        """What the link offers of the language that the visitor prefers among its, see languages.chosen."""
        return languages.chosen(self.visit.languages, self._offered)

    @functools.cached_property
    def referrers(self) -> frozenset[str]:
        """The host that the visitor comes from, with its parent domains."""
        return hosts_of(self.visit.referrer)

    @functools.cached_property
    def parameters(self) -> Mapping[str, Sequence[str]]:
        """The values of each parameter of the visit's query, in order."""
        found: dict[str, list[str]] = {}
        for name, value in _pairs(self.visit.query) if self.visit.query else ():
            found.setdefault(name, []).append(value)
        return found

    def signal(self, name: str) -> Sequence[Scalar]:
        """The value of a signal of the workspace, or none."""
        value = self._known.signals.get(self._workspace_id, _NO_SIGNALS).get(name)
        return () if value is None else (value,)

    def minute(self, zone: str) -> int:
        """The minute of the week that clocks in `zone` show, see windows.local."""
        minute = self._clocks.get(zone)
        if minute is None:
            minute = self._clocks[zone] = windows.local(zone, self.visit.at_ms)
        return minute

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
