"""Which media type to answer in: Accept headers read by q-value (RFC 9110, section 12.5.1)."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal

RESPONSE: Final = "application/graphql-response+json"
JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
HTML: Final = "text/html"

Media = Literal["application/graphql-response+json", "application/json"]


class Accept:
    """What a client takes.

    Args:
        header: the Accept header's value; None or empty takes anything.

    Attributes:
        json: the JSON type to answer in, or None where it takes neither.
    """

    __slots__ = ("_ranges", "json")

    def __init__(self, header: str | None) -> None:
        self._ranges = dict(_ranges(header or "*/*"))
        self.json = self._json()

    def quality(self, media: str) -> tuple[float, int]:
        """How much the client likes `media`, by the most specific range, and how early it names that one."""
        kind = media.partition("/")[0]
        for pattern in (media, f"{kind}/*", "*/*"):
            if pattern in self._ranges:
                return self._ranges[pattern]
        return (0.0, len(self._ranges))

    def names(self, media: str) -> bool:
        """Whether the client asks for `media` by name: wildcards do not make anybody read event streams."""
        return self._ranges.get(media, (0.0, 0))[0] > 0

    def _json(self) -> Media | None:
        """The JSON type to answer in: not every client that takes anything knows the newer one."""
        candidates: list[tuple[float, int, int, Media]] = []
        for order, media in enumerate((JSON, RESPONSE)):
            quality, position = self.quality(media)
            if quality > 0:
                candidates.append((-quality, position, order, media))  # type: ignore[arg-type]  # the two literals
        return min(candidates)[3] if candidates else None

    def prefers_html(self) -> bool:
        """Whether this is a browser that opens a page."""
        if not self.names(HTML):
            return False
        return self.quality(HTML)[0] >= max(
            self.quality(media)[0] if self.names(media) else 0.0 for media in (JSON, RESPONSE, EVENTS)
        )


@lru_cache(maxsize=256)
def accept(header: str | None) -> Accept:
    """The parsed Accept header; clients send few different ones."""
    return Accept(header)


def _ranges(header: str) -> Iterable[tuple[str, tuple[float, int]]]:
    for position, part in enumerate(header.split(",")[:32]):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        if media:
            yield media.lower(), (_quality(parameters), position)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
