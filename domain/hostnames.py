"""Host names: which host a base URL means, whether a destination leads back to it, whence a visit comes."""

import functools
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

import ada_url

_LOOPBACK: Final = "localhost"


@functools.lru_cache(1_024)
def of(base_url: str) -> str:
    """The host of a base URL as `Link.domain` has it: lower-case ASCII, its port if not the scheme's.

    Raises:
        ValueError: the text is no URL.
    """
    return str(ada_url.URL(base_url).host)


def same_site(host: str, other: str) -> bool:
    """Whether two hosts are one site: case, port and a trailing dot do not make another one.

    Names of this machine are the exception: there, only the port tells one service from the next.
    """
    name, port = _parts(host)
    other_name, other_port = _parts(other)
    return name == other_name and (name != _LOOPBACK or port == other_port)


def referring(referer: str) -> str:
    """The host of a Referer header, lower case, without user and port; empty where it names none."""
    scheme, separator, rest = referer.partition("://")
    if not separator or scheme.lower() not in ("http", "https", "android-app"):
        return ""
    authority = rest.split("/", 1)[0].split("?", 1)[0].split("#", 1)[0].rpartition("@")[2]
    host = authority.partition("]")[0] + "]" if authority.startswith("[") else authority.partition(":")[0]
    host = host.lower().rstrip(".")
    return host if host.isascii() and host.isprintable() and " " not in host else ""


@functools.lru_cache(1_024)
def _parts(host: str) -> tuple[str, str]:
    name, colon, port = host.lower().rpartition(":")
    if not colon or not port.isdigit():
        name, port = host.lower(), ""
    name = name.rstrip(".")
    return (_LOOPBACK if _is_loopback(name) else name), port


def _is_loopback(name: str) -> bool:
    if name == _LOOPBACK or name.endswith(f".{_LOOPBACK}"):
        return True
    address = _address(name.strip("[]"))
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address is not None and (address.is_loopback or address.is_unspecified)


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None  # most hosts are names, not addresses
