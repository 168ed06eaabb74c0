"""The cookie of links whose rules ask who returns; no other link sets or reads one."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

import msgspec

from domain.visits import Purpose, Visit
from redirect.requests import Request
from redirect.responses import NONE, Headers
from redirect.visit import Reader

NAME: Final = "lg_v"
LIFETIME_DAYS: Final = 180
"""From the visit that set it; later ones do not lengthen it."""
_SENT: Final = re.compile(rb"(?:^|[;,]\s*)" + NAME.encode() + rb"=([A-Za-z0-9_-]{22})(?=[;,\s]|$)")
_GIVEN: Final = f"; Max-Age={LIFETIME_DAYS * 86_400}; Path=/; HttpOnly; SameSite=Lax"


class Cookies:
    """Recognises visitors, and lets them be recognised.

    Args:
        reader: knows what a visitor is to be called, and who came by https.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def recognised(self, visit: Visit, request: Request) -> tuple[Visit, Headers]:
        """The visit with what its cookie tells, and the header of the answer that sets one where none came.

        `Sec-GPC: 1` means neither. A prefetch is given none: the visit that it may become is to be a new one.
        """
        if request.headers.get(b"sec-gpc") == b"1":
            return visit, NONE
        sent = _SENT.search(request.headers.get(b"cookie", b""))
        if sent is not None:
            pseudonym = urlsafe_b64decode(sent[1] + b"==")
            return msgspec.structs.replace(visit, pseudonym=pseudonym, returning=True), NONE
        pseudonym = self._reader.pseudonym_of(visit)
        made = msgspec.structs.replace(visit, pseudonym=pseudonym)
        if not pseudonym or visit.purpose is not Purpose.FOLLOW:
            return made, NONE
        value = urlsafe_b64encode(pseudonym).decode().rstrip("=")
        secure = "; Secure" if self._reader.is_https(request.headers, request.peer) else ""
        return made, ((b"set-cookie", f"{NAME}={value}{_GIVEN}{secure}".encode()),)
