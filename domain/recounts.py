"""Recounts: credits of conversions are worked out again when clicks or the model have changed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from domain import attributions, credit_rows
from domain.books import Books
from domain.clicks import Click
from domain.conversions import Conversion, CreditRow, Revised

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
    wanted = {credit.click_id for credit in shared} | {touch.click_id for touch in old.touches}
    clicks = await books.clicks.by_ids(workspace.id, sorted(wanted)) if wanted else {}
    waiting = any(touch.click_id not in clicks for touch in old.touches)
    last = clicks.get(old.click_id or "")
    new = msgspec.structs.replace(
        old,
        credits=shared,
        recount_at=_next(old, books) if waiting else None,
        visitor=old.visitor if last is None or old.erased_at is not None else last.visitor,
        version=old.version + 1,
    )
    return Revised(old=old, new=new, at=books.clock(), rows=await _rows(new, clicks, books))


async def _rows(conversion: Conversion, clicks: Mapping[str, Click], books: Books) -> tuple[CreditRow, ...]:
    link_ids = [credit.link_id for credit in conversion.credits if credit.click_id not in clicks]
    link_ids += [conversion.link_id] if conversion.link_id and not conversion.credits else []
    links = await books.links.by_ids(books.workspace_id, link_ids) if link_ids else {}
    known = await books.conversions.rows(books.workspace_id, conversion.id) if link_ids else ()
    return credit_rows.of(conversion, clicks, links, known)


def _next(conversion: Conversion, books: Books) -> datetime | None:
    now = books.clock()
    return now + AGAIN if now < conversion.received_at + GIVEN_UP else None
