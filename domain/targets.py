"""Targets: the URLs that a link may lead to, read and written as a browser does it (WHATWG URL)."""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final, Protocol

import ada_url

from domain import hostnames, texts
from domain.errors import UserError, UserErrorCode
from domain.utm import Utm, added_to

LONGEST: Final = 8_192
# Browsers read `http:host`, `https:///host` and backslashes as absolute URLs, other programs and people do
# not: who vets such a text by eye sees another host than the visitor gets. So it is refused, not repaired.
_START: Final = re.compile(r"https?://[^/\\]", re.IGNORECASE)
_AUTHORITY_END: Final = re.compile(r"[/?#]")
_SCHEME: Final = re.compile(r"\s*([a-zA-Z][a-zA-Z0-9+.\-]*):")


class Unfit(ValueError):
    """A text that is no URL to send visitors to; its message is the rest of a sentence about the field."""

    code = UserErrorCode.INVALID


class Unsafe(Unfit):
    """A URL that leads elsewhere than it seems, runs code, or makes a loop."""

    code = UserErrorCode.UNSAFE_URL


class Leading(Protocol):
    """What leads somewhere, such as a link."""

    @property
    def destination(self) -> str:
        """Canonical URL without UTM parameters."""

    @property
    def utm(self) -> Utm:
        """The parameters to add."""


def final_destination(link: Leading) -> str:
    """What a visitor without rules gets: the destination with its UTM parameters."""
    return added_to(link.destination, link.utm)


def canonical(text: str, own_hosts: Collection[str]) -> str:
    """The URL of a text as a browser would write it: lower-case scheme and host, IDN in punycode.

    Loopback and private addresses are accepted: the visitor's browser goes there, never this server, and
    links into an intranet are a use of their own (docs/decisions/destinations.md).

    Args:
        text: what was given.
        own_hosts: hosts of the short links themselves; leading there would make loops.

    Raises:
        Unfit: it is no URL that a browser could open.
        Unsafe: it leads elsewhere than it seems, or where no visitor should be sent.
    """
    return _canonical(text.strip(" "), tuple(own_hosts))


@lru_cache(500)
def _canonical(text: str, own_hosts: tuple[str, ...]) -> str:
    """Kept for a while: all links of a promotion lead to the same place."""
    _refuse_disguise(text)
    try:
        url = ada_url.URL(text)
    except ValueError:
        raise Unfit("is not a URL; it needs a valid host and port, as in https://example.com/page.") from None
    if url.username or url.password or "@" in _AUTHORITY_END.split(text.split("//", 1)[1], maxsplit=1)[0]:
        raise Unsafe("carries a user name or password before the host; leave it out.")
    if url.port == "0":
        raise Unfit("names port 0, which no browser opens.")
    if any(hostnames.same_site(str(url.host), own) for own in own_hosts):
        raise Unsafe(f"leads back to {url.host}, where the short links live; give the final address.")
    href = str(url.href)
    if len(href) > LONGEST:
        raise Unfit(f"has {len(href):,} characters once it is encoded; at most {LONGEST:,} are accepted.")
    return href


def problem(field: str, reason: Unfit) -> UserError:
    """The user error of a URL in `field` that is refused."""
    return UserError(reason.code, f"The {field} {reason}", (field,))


def warning(url: str) -> str | None:
    """What its owner should know of a canonical URL, or None: a host in other letters can imitate another."""
    host = str(ada_url.URL(url).hostname)
    if any(label.startswith("xn--") for label in host.split(".")):
        return (
            f"The destination's host holds letters beyond ASCII; it is really {host}. Check that you mean it."
        )
    return None


def _refuse_disguise(text: str) -> None:
    if len(text) > LONGEST:
        raise Unfit(f"has {len(text):,} characters; at most {LONGEST:,} are accepted.")
    hidden = texts.hidden(text)
    if hidden is not None:
        raise Unsafe(
            f"holds the invisible character {texts.named(hidden)}; leave it out or percent-encode it."
        )
    scheme = _SCHEME.match(text)
    if scheme is None:
        raise Unfit("must start with https:// or http://.")
    if scheme[1].lower() not in ("http", "https"):
        raise Unsafe(f"has the scheme {scheme[1][:20]}:; only https:// and http:// are accepted.")
    if not text[scheme.end() :].strip("/\\"):
        raise Unfit("names no host.")
    if _START.match(text) is None:
        raise Unsafe("must name its host right after https:// or http://.")
    if "\\" in text.partition("?")[0].partition("#")[0]:
        raise Unsafe("holds a backslash, which browsers read as a slash; write / or %5C.")
