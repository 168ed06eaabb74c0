"""Clicks as tests make them without a ledger."""

from datetime import UTC, datetime
from typing import Any, Final

from domain.clicks import Click, ClickKind
from domain.visits import Outcome

HOUR: Final = 492_000
"""The hour of `click`, since the Unix epoch."""


def click(**changes: Any) -> Click:
    """A person's click, 17 minutes past the hour, with `changes`."""
    usual: dict[str, Any] = {
        "id": "clk_1",
        "workspace_id": "ws_1",
        "slot": 0,
        "seq": 1,
        "at": datetime.fromtimestamp(HOUR * 3600 + 17 * 60, UTC),
        "link_id": "lnk_1",
        "link_version": 1,
        "outcome": Outcome.REDIRECT,
        "kind": ClickKind.HUMAN,
        "unique": False,
    }
    return Click(**{**usual, **changes})
