"""Telling visitors apart for a day without knowing them: salts of UTC days, and the hash made with one."""

import ipaddress
from datetime import date, timedelta
from hashlib import blake2b
from typing import Final, Protocol

import msgspec

DAY_MS: Final = 86_400_000
SALT_BYTES: Final = 32
KEPT_DAYS: Final = 2
"""Days that a salt outlives its own, so that a late process still agrees; then nobody can repeat a hash."""

Keyed = blake2b


class Salt(msgspec.Struct, frozen=True, kw_only=True):
    """The secret of one UTC day, shared by every redirect process.

    Args:
        id: the day, as in "2026-11-20".
        secret: SALT_BYTES random bytes.
    """

    id: str
    secret: bytes


class SaltStore(Protocol):
    """Where the salts are kept."""

    async def agreed(self, proposed: Salt) -> Salt:
        """The salt of a day: the one that was there first, `proposed` where there was none."""
        ...

    async def forget(self, before: str) -> None:
        """Forget the salts of the days before `before`."""
        ...


def day_of(at_ms: int) -> int:
    """The UTC day of an instant, counted from the Unix epoch."""
    return at_ms // DAY_MS


def name_of(day: int) -> str:
    """A counted day as salts are named: "2026-11-20"."""
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def network_of(address: str) -> str:
    """What of an address tells visitors apart: IPv4 whole, of IPv6 the /64 (RFC 8981 changes the rest daily).

    An IPv4 address mapped into IPv6 is the IPv4 address. What is not an address is returned as it is, for
    instance the empty name of a Unix socket's peer.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_address(int(parsed) >> 64 << 64))


def keyed(secret: bytes) -> Keyed:
    """The hash of a day's secret before anything else is hashed: keyed BLAKE2b (RFC 7693), 16 bytes."""
    return blake2b(key=secret, digest_size=16)


def pseudonym_of(day: Keyed, visitor: bytes) -> bytes:
    """What a cookie calls a visitor for as long as it lasts, 16 bytes.

    Without the day's salt nobody can tell whose it is, and who keeps no cookies is called the same all day.

    Args:
        day: see keyed; of the day that the cookie is set on.
        visitor: see hash_of.
    """
    name = day.copy()
    name.update(b"cookie\n" + visitor)
    return name.digest()


def hash_of(day: Keyed, workspace_id: str, network: str, agent: str) -> bytes:
    """A visitor's name for one UTC day in one workspace, 16 bytes.

    Args:
        day: see keyed; the next day and another workspace give unlinkable names.
        workspace_id: whose link was followed.
        network: see network_of.
        agent: the User-Agent as the journal keeps it.
    """
    name = day.copy()
    name.update(f"{workspace_id}\n{network}\n{agent}".encode())
    return name.digest()
