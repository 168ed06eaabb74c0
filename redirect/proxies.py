"""Whose request this is: the peer, or the client that trusted proxies say they speak for."""

import ipaddress
from functools import lru_cache
from typing import Final

HOPS: Final = 32
"""Forwarded hops looked at; nobody runs so many proxies of his own."""

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Proxies:
    """The proxies whose X-Forwarded-For and country headers are believed.

    Args:
        networks: CIDRs or addresses, comma-separated, as in settings.

    Raises:
        ValueError: one of them is none; the message names it.
    """

    def __init__(self, networks: str) -> None:
        parts = [part.strip() for part in networks.split(",")]
        self._networks: tuple[_Network, ...] = tuple(
            ipaddress.ip_network(part, strict=False) for part in parts if part
        )
        self.trusts = lru_cache(4_096)(self._trusts) if self._networks else _nobody

    def client(self, peer: str, forwarded_for: str) -> str:
        """The client's address: the rightmost one that is not a trusted proxy's.

        A hop that is no address ends the search, since nobody knows who wrote what stands left of it.

        Args:
            peer: who is connected; what an untrusted peer forwards is ignored.
            forwarded_for: every X-Forwarded-For header, joined by commas in their order.
        """
        client = peer
        if not forwarded_for or not self.trusts(peer):
            return client
        for hop in reversed(forwarded_for.rsplit(",", HOPS)[-HOPS:]):
            address = _address(hop)
            if address is None:
                return client
            client = str(address)
            if not self.trusts(client):
                return client
        return client

    def _trusts(self, address: str) -> bool:
        parsed = _address(address)
        return parsed is not None and any(parsed in network for network in self._networks)


def _nobody(_: str) -> bool:
    return False


def _address(text: str) -> _Address | None:
    """The address of a hop: bare, in brackets, with a port or an IPv6 zone; IPv4 mapped into IPv6 is IPv4."""
    bare = text.strip().strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed
