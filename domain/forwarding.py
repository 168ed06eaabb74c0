"""What a destination gets: a URL that browsers can follow, and the visitor's query where it is passed on."""

from collections.abc import Collection
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

import ada_url

from domain import hostnames

FORWARDED_BYTES: Final = 2_048
"""Cap of what a visitor's query may add to a destination; a parameter beyond it is left out whole."""
FORWARDED_PARAMETERS: Final = 64
QR_PARAMETER: Final = "qr"
"""`?qr=1` on a short link marks a scan; it is ours and is not forwarded."""
WITHHELD: Final = frozenset({QR_PARAMETER})


def followable(url: str, domain: str) -> str | None:
    """The URL as a browser reads it (WHATWG), in ASCII; None where following it makes no sense.

    Destinations were vetted when the link was made. This guards the answer's header against rows that
    were not, and the visitor against going round in circles on the link's own `domain`.
    """
    try:
        read = ada_url.URL(url)
    except ValueError:
        return None
    if read.protocol not in ("http:", "https:") or not read.host or hostnames.same_site(read.host, domain):
        return None
    return read.href


def forwarded(destination: str, query: str, withheld: Collection[str] = WITHHELD) -> str:
    """The destination with the visitor's parameters added, each percent-encoded again.

    Scheme, host, path and fragment stay, and so does every parameter that the destination has: a visitor can
    add to it, not overrule it. Repeated names are kept in their order.

    Args:
        destination: canonical URL.
        query: the query string as it was sent.
        withheld: names that are not passed on.
    """
    head, mark, fragment = destination.partition("#")
    base, _, own = head.partition("?")
    taken = {name for name, _ in parse_qsl(own, keep_blank_values=True)}.union(withheld)
    added = [own] if own else []
    room = FORWARDED_BYTES
    for name, value in parse_qsl(_capped(query), keep_blank_values=True, errors="replace"):
        pair = urlencode([(name, value)], quote_via=quote)
        room -= len(pair) + 1
        if room < 0:
            break
        if name not in taken:
            added.append(pair)
    return f"{base}?{'&'.join(added)}{mark}{fragment}" if added else destination


def _capped(query: str) -> str:
    """The first whole parameters of a query, at most FORWARDED_PARAMETERS, before anything is decoded."""
    return "&".join(query.split("&", FORWARDED_PARAMETERS)[:FORWARDED_PARAMETERS])
