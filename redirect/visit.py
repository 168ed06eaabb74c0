"""From a request to a visit: the facts that rules and the ledger need, and no more than them."""

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl

from domain import hostnames, visitors
from domain.forwarding import QR_PARAMETER
from domain.places import UNKNOWN, Place
from domain.visits import Purpose, Visit
from redirect.places import Places
from redirect.proxies import Proxies
from redirect.salts import Salts

AGENT_CHARACTERS: Final = 512
LANGUAGES_CHARACTERS: Final = 256
REFERRER_BYTES: Final = 300
"""Enough for scheme and host; a host name has at most 253 characters."""
QUERY_CHARACTERS: Final = 8_192
_FOLLOW: Final = Purpose.FOLLOW
_PURPOSES: Final = (b"sec-purpose", b"purpose", b"x-moz", b"x-purpose")

_network_of = lru_cache(8_192)(visitors.network_of)


class Reader:
    """Reads visits from requests.

    Args:
        proxies: whose forwarding headers are believed.
        salts: without the day's salt a visit has no visitor hash.
        places: where addresses are.
        now_ms: milliseconds since the Unix epoch.
        country_header: header in which a trusted proxy names the country, lower case; empty: none does.
        https: whether visitors come by https where no trusted proxy says so.
    """

    def __init__(
        self,
        proxies: Proxies,
        salts: Salts,
        places: Places,
        now_ms: Callable[[], int],
        country_header: str = "",
        *,
        https: bool = False,
    ) -> None:
        self._proxies = proxies
        self._salts = salts
        self._places = places
        self._now_ms = now_ms
        self._https = https
        self._own_salt = visitors.keyed(os.urandom(visitors.SALT_BYTES))
        self._country_header = country_header.lower().encode()
        self._notable = frozenset((*_PURPOSES, b"sec-gpc", b"x-forwarded-for"))
        self._places_known = places.known or bool(country_header)

    def client_of(self, headers: Mapping[bytes, bytes], peer: str) -> str:
        """The address of whoever asks, which is used and forgotten."""
        forwarded = headers.get(b"x-forwarded-for")
        return peer if forwarded is None else self._proxies.client(peer, forwarded.decode("latin-1"))

    def read(
        self,
        headers: Mapping[bytes, bytes],
        peer: str,
        workspace_id: str,
        method: str = "GET",
        query: str = "",
    ) -> Visit:
        """The visit of a request.

        Args:
            headers: by lower-case name; repeated ones joined by commas (RFC 9110, section 5.3).
            peer: address of whoever is connected.
            workspace_id: the link's; a visitor has another hash in every workspace.
            method: GET, HEAD, or POST of a form.
            query: the query string as it was sent.
        """
        get = headers.get
        at_ms = self._now_ms()
        agent = get(b"user-agent", b"")[:AGENT_CHARACTERS].decode("latin-1")
        referer = get(b"referer")
        plain = self._notable.isdisjoint(headers)
        client = peer if plain else self.client_of(headers, peer)
        place = self._place(headers, peer, client) if self._places_known else UNKNOWN
        visitor = b""
        if not plain and get(b"sec-gpc") == b"1":  # Global Privacy Control: counted, not told apart,
            place = Place(place.country, timezone=place.timezone)  # its country at most
        elif (day := self._salts.at(at_ms)) is not None:
            visitor = visitors.hash_of(day, workspace_id, _network_of(client), agent)
        # By position, in Visit's order: matching names takes longer than everything else here.
        return Visit(
            at_ms,
            _FOLLOW if plain and method == "GET" else _purpose(headers, method),
            agent,
            get(b"accept-language", b"")[:LANGUAGES_CHARACTERS].decode("latin-1"),
            "" if referer is None else _host_of(referer[:REFERRER_BYTES]),
            visitor,
            place.country,
            place.region,
            place.city,
            bool(query) and _scanned(query),
            query[:QUERY_CHARACTERS],
            client,
            place.timezone,
        )

    def name_of_client(self, headers: Mapping[bytes, bytes], peer: str, at_ms: int) -> str:
        """What the network of whoever asks is called on this day: alike in all processes, and no address."""
        network = _network_of(self.client_of(headers, peer))
        return visitors.hash_of(self._salts.at(at_ms) or self._own_salt, "client", network, "").hex()

    def pseudonym_of(self, visit: Visit) -> bytes:
        """What a cookie is to call a visitor; empty where he has no hash, and is not to be recognised."""
        day = self._salts.at(visit.at_ms)
        return b"" if day is None or not visit.visitor else visitors.pseudonym_of(day, visit.visitor)

    def is_https(self, headers: Mapping[bytes, bytes], peer: str) -> bool:
        """Whether a visitor came by https, as far as a trusted proxy or the settings tell."""
        scheme = headers.get(b"x-forwarded-proto")
        if scheme is None or not self._proxies.trusts(peer):
            return self._https
        return scheme.rpartition(b",")[2].strip().lower() == b"https"

    def _place(self, headers: Mapping[bytes, bytes], peer: str, client: str) -> Place:
        """A country that a trusted proxy names wins over the database, region and city are the database's."""
        place = self._places.of(client)
        if self._country_header and self._country_header in headers and self._proxies.trusts(peer):
            named = headers[self._country_header].decode("latin-1").strip().upper()
            if len(named) == 2 and named.isascii() and named.isalpha() and named not in ("XX", "ZZ"):
                return place if place.country == named else Place(named)
            return UNKNOWN
        return place


def _purpose(headers: Mapping[bytes, bytes], method: str) -> Purpose:
    """HEAD, a prefetch by what browsers send or once sent (Sec-Purpose, Purpose, X-Moz …), or a visit."""
    if method == "HEAD":
        return Purpose.HEAD
    for name in _PURPOSES:
        if name in headers and headers[name].lower().startswith((b"prefetch", b"prerender", b"preview")):
            return Purpose.PREFETCH
    return Purpose.FOLLOW


@lru_cache(8_192)
def _host_of(referer: bytes) -> str:
    return hostnames.referring(referer.decode("latin-1"))


def _scanned(query: str) -> bool:
    """Whether the short link was followed from its QR code, which carries `?qr=1`."""
    return QR_PARAMETER in query and (QR_PARAMETER, "1") in parse_qsl(query[:QUERY_CHARACTERS])
