"""What is asked for: the parts of a request that name a link, judged before anything is looked up."""

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

from domain import slugs
from redirect.responses import Header, Refused

TARGET_BYTES: Final = 8 * 1024
HEADERS_BYTES: Final = 32 * 1024
HEADERS: Final = 100

_HOST: Final = re.compile(
    rb"(?:[a-z0-9_](?:[a-z0-9_.-]{0,252}[a-z0-9_])?\.?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?"
)


class Request(msgspec.Struct, frozen=True):
    """A request for a link.

    Args:
        domain: as links have it: the Host header in lower case, without a usual port or a closing dot.
        slug_key: identity of the slug asked for.
        alias: host and path as they were sent.
        headers: by lower-case name, repeated ones joined.
        peer: address of whoever is connected; empty on a Unix socket.
    """

    method: str
    domain: str
    slug_key: str
    query: str
    alias: bytes
    headers: dict[bytes, bytes]
    peer: str


def read(scope: Any) -> Request:
    """The request of an ASGI scope.

    Raises:
        Refused: it is none that can name a link.
    """
    headers: list[Header] = scope["headers"]
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    judge_size(len(path) + len(query), headers)
    if scope["method"] not in ("GET", "HEAD", "POST"):  # POST is for links with a password, see doors
        raise Refused(405)
    if not path.startswith(b"/"):
        raise Refused(400)
    host = host_of(headers)
    return Request(
        method=scope["method"],
        domain=domain_of(host),
        slug_key=slug_key_of(path),
        query=query.decode("latin-1"),
        alias=host + path,
        headers=joined(headers),
        peer=scope["client"][0] if scope.get("client") else "",
    )


def judge_size(target_bytes: int, headers: Iterable[Header]) -> None:
    """Refuse a target beyond TARGET_BYTES (414), and headers beyond HEADERS or HEADERS_BYTES (431)."""
    if target_bytes > TARGET_BYTES:
        raise Refused(414)
    sizes = [len(name) + len(value) for name, value in headers]
    if len(sizes) > HEADERS or sum(sizes) > HEADERS_BYTES:
        raise Refused(431)


def host_of(headers: Iterable[Header]) -> bytes:
    """The one Host header; refused (400) where there is none, several, or more than host and port."""
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) != 1 or _HOST.fullmatch(hosts[0].lower()) is None:
        raise Refused(400)
    return hosts[0]


def domain_of(host: bytes) -> str:
    """A well-formed Host header as links have it: lower case, no closing dot, no port 80 or 443."""
    name, colon, port = host.decode("ascii").lower().rpartition(":")
    if not colon or not port.isdigit():
        name, port = f"{name}{colon}{port}", ""
    name = name.removesuffix(".")
    return name if port in ("", "80", "443") else f"{name}:{port}"


def slug_key_of(path: bytes) -> str:
    """The identity of the slug in a raw path; refused (404) where no slug can be spelled like that."""
    segment = path[1:]
    if not segment or b"/" in segment:
        raise Refused(404)
    try:
        slug = unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(404) from None
    key = slugs.key_of(slug) if len(slug) <= slugs.LONGEST else ""
    if not key or not key.isprintable() or "/" in key or key in slugs.RESERVED:
        raise Refused(404)
    return key


def joined(headers: list[Header]) -> dict[bytes, bytes]:
    """Headers by name; repeated ones are one, their values joined by commas (RFC 9110, section 5.3)."""
    merged = dict(headers)
    if len(merged) != len(headers):
        for name in merged:
            merged[name] = b", ".join(value for each, value in headers if each == name)
    return merged
