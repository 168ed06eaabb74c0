"""Recounts: credits of conversions are worked out again when clicks or the model have changed."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from domain import attributions
from domain.books import Books
from domain.conversions import Conversion, Revised
from domain.refunds import counted_rows

AGAIN: Final = timedelta(minutes=1)
GIVEN_UP: Final = timedelta(days=7)
"""A click that no worker has brought by then does not come; figures have what its link tells."""


async def recounted(old: Conversion, books: Books) -> Revised:
    """A conversion as it is with all clicks that are known by now."""
    workspace = books.workspace
    days = workspace.attribution_window_days
    known = await books.conversions.touches(
        workspace.id, old.customer_keys, old.at - timedelta(days=days), old.at
    )
    shared = attributions.credited(workspace.attribution, (*known, *old.touches), old.at, days)
    new = msgspec.structs.replace(old, credits=shared, version=old.version + 1)
    rows = await counted_rows(new, books)
    clicks = await books.clicks.by_ids(workspace.id, [touch.click_id for touch in old.touches])
    waiting = any(touch.click_id not in clicks for touch in old.touches)
    last = clicks.get(old.click_id or "")
    new = msgspec.structs.replace(
        new,
        recount_at=_next(old, books) if waiting else None,
        visitor=old.visitor if last is None else last.visitor,
    )
    return Revised(old=old, new=new, at=books.clock(), rows=rows)


def _next(conversion: Conversion, books: Books) -> datetime | None:
    now = books.clock()
    return now + AGAIN if now < conversion.received_at + GIVEN_UP else None
