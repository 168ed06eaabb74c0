"""Entries of the route table, and the look-ups that fill them."""

import asyncio

from domain.links import Link
from domain.routes import Route, Tombstone
from redirect import responses
from redirect.responses import Answer

Address = tuple[str, str]
"""Host and slug key."""


class Entry:
    """A route in the table, with the answer of its settled decision; times are monotonic seconds.

    `full` remembers that all seats of a link with a clickLimit are taken, `ruled` the link if it has rules.
    """

    __slots__ = (
        "address",
        "aliases",
        "answer",
        "due",
        "full",
        "route",
        "ruled",
        "seating",
        "until",
        "version",
    )

    def __init__(self) -> None:
        self.address: Address
        self.route: Route
        self.answer: Answer | None
        self.due = self.until = 0.0
        self.ruled: Link | None = None
        self.full = False
        self.seating: asyncio.Lock | None = None
        self.version = ("", 0)
        self.aliases: list[bytes] = []

    def lead(self, route: Route) -> None:
        """From now on this way. What was found out about seats holds for a version of the link."""
        version = (route.link_id, route.link_version)
        if self.version != version:
            self.full = False
        self.route, self.version = route, version
        self.answer = responses.of(route.settled) if route.settled is not None else None


class Load:
    """A look-up that is under way, for everybody who waits for it."""

    __slots__ = ("edited_to", "started", "task")

    def __init__(self, started: float) -> None:
        self.started = started
        self.edited_to: int | None = None
        self.task: asyncio.Task[Entry | None]

    def outdates(self, found: Link | Tombstone | None) -> bool:
        """Whether an edit that we were told of meanwhile is newer than what was found."""
        return self.edited_to is not None and (found is None or found.version < self.edited_to)
