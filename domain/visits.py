"""One request of a visitor: what the redirect saw of it, and the record that its journal keeps."""

from enum import IntEnum, StrEnum
from typing import Final

import msgspec

from domain.attributes import Scalar


class Outcome(StrEnum):
    """What the redirect answered; totals count REDIRECT only."""

    REDIRECT = "REDIRECT"
    NOT_FOUND = "NOT_FOUND"
    NOT_STARTED = "NOT_STARTED"
    EXPIRED = "EXPIRED"
    PAUSED = "PAUSED"
    ARCHIVED = "ARCHIVED"
    LIMIT_REACHED = "LIMIT_REACHED"
    PASSWORD_REQUIRED = "PASSWORD_REQUIRED"  # noqa: S105 - the name of an outcome
    BLOCKED = "BLOCKED"


class Purpose(IntEnum):
    """Why the request was made, as far as its method and headers say; the agent decides the rest."""

    FOLLOW = 0
    HEAD = 1
    PREFETCH = 2


class Visit(msgspec.Struct, frozen=True, gc=False):
    """What the redirect saw of one request: everything that rules are matched against. See VisitRecord.

    Args:
        query: the query string as it was sent, without its question mark.
        address: where it came from; used for the decision and forgotten, so VisitRecord has none.
        timezone: IANA name of the place's time zone, or empty; not recorded either.
        pseudonym: what a visitor's cookie names him by, on links that ask for it; not recorded either.
        returning: the cookie came with the request.
        unlocked: the link's password did.
    """

    at_ms: int
    purpose: Purpose = Purpose.FOLLOW
    agent: str = ""
    languages: str = ""
    referrer: str = ""
    visitor: bytes = b""
    country: str = ""
    region: str = ""
    city: str = ""
    qr: bool = False
    query: str = ""
    address: str = ""
    timezone: str = ""
    pseudonym: bytes = b""
    returning: bool = False
    unlocked: bool = False

    @property
    def minute(self) -> int:
        """Minutes since the Unix epoch: every minute of a clock on a wall begins with one."""
        return self.at_ms // 60_000

    @property
    def draws_as(self) -> bytes:
        """Whom shares are drawn for: the visitor, or this visit alone where nobody may be recognised."""
        return self.pseudonym or self.visitor or self.at_ms.to_bytes(8, "big", signed=True)


class Belonging(msgspec.Struct, array_like=True, frozen=True):
    """What a link version belongs to; figures count its clicks there for good.

    Args:
        campaign_id: its campaign; None: it has none.
        template_id: the template that made it.
        attributes: values by path, see attributes.counted.
    """

    campaign_id: str | None = None
    template_id: str | None = None
    attributes: tuple[tuple[str, Scalar], ...] = ()


NOWHERE: Final = msgspec.Raw(b"\xc0")
"""The belonging of a visit to no link, as it stands in a record."""


class VisitRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The facts of one answered visit as they stand in a journal: never an IP address.

    Args:
        at_ms: milliseconds since the Unix epoch.
        workspace_id: the link's workspace, or the host's.
        link_id: the link that was followed; None: there is none.
        link_version: its version when the answer was decided.
        destination: the URL the visitor was sent to; None where there was no redirect.
        outcome: what was answered.
        purpose: see Purpose.
        agent: the User-Agent header, at most 512 characters.
        languages: the Accept-Language header, at most 256 characters.
        referrer: host of the Referer header, lower case, without its port.
        visitor: keyed hash of the UTC day's salt, workspace, truncated address and agent (16 bytes);
            empty with Sec-GPC: 1 or while no salt is known.
        country: ISO 3166-1 alpha-2, or empty.
        region: ISO 3166-2 subdivision such as "GB-ENG", or empty.
        city: English name, or empty.
        qr: the visit came from a QR code.
        utm: utm_source, utm_medium, utm_campaign, utm_term, utm_content of the link version.
        tags: the link's tags at that version.
        rule: name of the rule that decided; None: none matched.
        variant: key of the variant that was drawn.
        slug: identity of the slug that was asked for, of a visit that found no link.
        belonging: a Belonging or None, encoded once for each link version (see journals.belonging).
        noise: random bytes of the click's id, where its AID (domain.aids) has told them already; empty: the
            id derives from where the record stands in its journal.
    """

    at_ms: int
    workspace_id: str
    link_id: str | None
    link_version: int
    destination: str | None
    outcome: Outcome
    purpose: Purpose = Purpose.FOLLOW
    agent: str = ""
    languages: str = ""
    referrer: str = ""
    visitor: bytes = b""
    country: str = ""
    region: str = ""
    city: str = ""
    qr: bool = False
    utm: tuple[str | None, str | None, str | None, str | None, str | None] = (None, None, None, None, None)
    tags: tuple[str, ...] = ()
    rule: str | None = None
    variant: str | None = None
    slug: str | None = None
    belonging: msgspec.Raw = NOWHERE
    noise: bytes = b""
