"""Seats: how many visits a link with a clickLimit has let through, counted where all redirects see it."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Seats(Protocol):
    """Where seats are counted. Each method raises errors.Unavailable while the database is away."""

    async def take(self, workspace_id: str, link_id: str, limit: int) -> bool:
        """Take one of `limit` seats; False where all are taken. Never more are given than there are.

        An answer that gets lost, or a process that dies before it used its seat, wastes one.
        """
        ...

    async def taken(self, workspace_id: str, link_ids: Sequence[str]) -> Mapping[str, int]:
        """How many seats of each link are taken; 0 of one that never had a limit."""
        ...
