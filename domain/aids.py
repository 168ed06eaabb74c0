"""Attribution ids: what a redirect adds to its destination, so that a conversion finds its click again.

An AID names the click and the link, signed, in 58 characters of base64url (RFC 4648): a version byte, the
UUIDs of both (16 bytes each) and BLAKE2b-80 (RFC 7693) over them, under the installation's key. It says
nothing about the visitor.
"""

import base64
import binascii
import hashlib
import hmac
import re
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from domain import ids, shares

WORD: Final = re.compile(r"[A-Za-z0-9_.~-]{1,50}")
RESERVED: Final = frozenset({"qr", shares.VIA, "password"})
"""Parameters that mean something on a short link itself."""
LONGEST_QUERY: Final = 1_024
_VERSION: Final = b"\x01"
_SIGNATURE_BYTES: Final = 10
_LENGTH: Final = 1 + 16 + 16 + _SIGNATURE_BYTES


class Aid(msgspec.Struct, frozen=True):
    """What an attribution id says."""

    click_id: str
    link_id: str

    @property
    def at_ms(self) -> int:
        """The instant of the click, milliseconds since the Unix epoch."""
        return ids.instant_of(self.click_id)


def problem(parameter: str) -> str | None:
    """Why a query parameter cannot carry AIDs, or None."""
    if WORD.fullmatch(parameter) is None:
        return f"{parameter[:60]!r} is no name of a parameter: up to 50 letters, digits and - _ . ~."
    if parameter.lower() in RESERVED or parameter.lower().startswith("utm_"):
        return f"{parameter!r} has another meaning on links; take another name, such as aid."
    return None


def added_to(url: str, parameter: str, aid: str) -> str:
    """A canonical URL with an AID at the end of its query, instead of what it has under that name itself."""
    head, mark, fragment = url.partition("#")
    path, _, query = head.partition("?")
    if parameter in query:
        query = "&".join(piece for piece in query.split("&") if piece.partition("=")[0] != parameter)
    joint = "&" if query else ""
    return f"{path}?{query}{joint}{parameter}={aid}{mark}{fragment}"


def via(query: str) -> str | None:
    """The channel that a visitor's query names, one of shares.CHANNELS; None: none is named."""
    if shares.VIA not in query:
        return None
    named = dict(parse_qsl(query[:LONGEST_QUERY])).get(shares.VIA)
    return named if named in shares.CHANNELS else None


def written(secret: bytes, aid: Aid) -> str:
    """The text of an AID, signed with the key AIDS of domain.secrets."""
    payload = _VERSION + ids.packed(aid.click_id) + ids.packed(aid.link_id)
    return base64.urlsafe_b64encode(payload + _signature(secret, payload)).decode().rstrip("=")


def read(secret: bytes, text: str) -> Aid | None:
    """What an AID says; None: it is damaged or made up."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    payload, signature = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
    if len(raw) != _LENGTH or not hmac.compare_digest(signature, _signature(secret, payload)):
        return None
    return Aid(ids.unpacked("clk", payload[1:17]), ids.unpacked("lnk", payload[17:]))


def _signature(secret: bytes, payload: bytes) -> bytes:
    return hashlib.blake2b(payload, key=secret, digest_size=_SIGNATURE_BYTES).digest()
