"""Visitors as a VisitInput describes them, and what link and `explain` say to them."""

from collections.abc import Mapping
from typing import Any

from tests.api.conftest import Api
from tests.conftest import SHARED
from tests.redirect.sites import Response, Site

CITIES = SHARED / "data" / "GeoIP2-City-Test.mmdb"
LONDON, LOS_ANGELES = "81.2.69.142", "214.78.120.1"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ELSEWHERE, MATCHED = "https://example.com/else", "https://example.com/matched"
EXPLAIN = (
    "query ($id: ID!, $visit: VisitInput!) { link(by: {id: $id}) { explain(visit: $visit) "
    "{ destination rule variant outcome trace } } }"
)

Visitor = Mapping[str, Any]


async def location(site: Site, slug: str, visitor: Visitor) -> str | None:
    """Where a visitor is sent who is described as in a VisitInput."""
    return (await visited(site, slug, visitor)).headers.get("location")


async def visited(site: Site, slug: str, visitor: Visitor, *more: str, method: str = "GET") -> Response:
    """The whole answer, to a visitor with more headers."""
    lines = {
        "X-Forwarded-For": visitor.get("ip"),
        "User-Agent": visitor.get("userAgent"),
        "Accept-Language": ", ".join(
            f"{tag};q={1 - place / 10:.1f}" for place, tag in enumerate(visitor.get("languages", ()))
        ),
        "Referer": visitor.get("referrer"),
    }
    query = "&".join(f"{name}={value}" for name, value in visitor.get("query", {}).items())
    headers = [f"{name}: {value}" for name, value in lines.items() if value]
    return await site.get(f"/{slug}{'?' + query if query else ''}", *headers, *more, method=method)


async def explained(api: Api, link: Mapping[str, Any], visitor: Visitor) -> Mapping[str, Any]:
    decision: Mapping[str, Any] = (await api(EXPLAIN, id=link["id"], visit=visitor))["link"]["explain"]
    return decision
