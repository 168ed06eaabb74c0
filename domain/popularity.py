"""Popularity: the clicks that lists of links go by, brought up to date once a minute."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec

from domain.clicks import LinkStats, Stats

LINKS: Final = 1_000
"""Links whose figures are read and kept at once."""


class Ahead(msgspec.Struct, frozen=True):
    """Clicks of one feed that have not been counted yet: those behind `after`, up to `upto`."""

    workspace_id: str
    slot: int
    after: int
    upto: int


class Popularities(Protocol):
    """Where popularity is kept. Each method raises errors.Unavailable while the database is away."""

    async def begin(self) -> bool:
        """Take this minute's round; False: somebody else has it."""
        ...

    async def ahead(self) -> Sequence[Ahead]:
        """What there is to count, in pieces of bounded size."""
        ...

    async def clicked(self, piece: Ahead) -> Sequence[str]:
        """The links that clicks of a piece are of, each once."""
        ...

    async def keep(self, workspace_id: str, clicks: Mapping[str, int]) -> None:
        """Keep figures by link; a figure never shrinks, so that rounds may overlap and be repeated."""
        ...

    async def settle(self, piece: Ahead) -> None:
        """A piece is counted; it does not come again."""
        ...


async def round_of(store: Popularities, stats: Stats) -> int:
    """Count what is ahead of the figures; the number of links that were brought up to date.

    A round that breaks off is repeated from its first unsettled piece by whoever has the next one.
    """
    found = 0
    for piece in await store.ahead():
        links = await store.clicked(piece)
        for start in range(0, len(links), LINKS):
            figures = await stats.by_links(piece.workspace_id, links[start : start + LINKS])
            await store.keep(piece.workspace_id, _clicks(figures))
        await store.settle(piece)
        found += len(links)
    return found


def _clicks(figures: Mapping[str, LinkStats]) -> dict[str, int]:
    return {link_id: figure.clicks for link_id, figure in figures.items()}
