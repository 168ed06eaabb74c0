"""Walks: jobs that meet each link of a filter once, in the order of their making."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec

from domain import fields
from domain.chunks import Change, Chunk, Removal
from domain.errors import Rejected, UserErrorCode
from domain.instants import Clock
from domain.jobs import Job, RowResult
from domain.link_lists import LinkFilter, LinkLists, LinkOrder
from domain.links import Link
from domain.paging import Window
from domain.workbenches import Workbench, Workshop

MAX_LINKS: Final = 1_000_000
"""Links of one job."""
CHUNK: Final = 100
"""Links of one chunk: a change rewrites a link's entries in every index, and whoever edits one of these links
meanwhile waits for the whole transaction, which shall take no longer than creating 500 links does."""
_BREATH_LINKS: Final = 32
"""After so many links whoever waits gets the processor."""

Outcome = Change | Removal | RowResult
Step = Callable[[int, Link], Outcome]
"""What a job does with a link, which becomes the row of that number; raises Rejected where it cannot."""


def standing(asked: LinkFilter, clock: Clock) -> LinkFilter:
    """The filter without links that are made from now on: a job never meets what it was not asked about.

    Ids begin with the millisecond of their making, so that is a bound of ids, and a walk in their order
    meets each link once however it is changed meanwhile.
    """
    end = clock() + timedelta(milliseconds=1)
    bound = end if asked.created_before is None else min(end, asked.created_before)
    return msgspec.structs.replace(asked, created_before=bound)


async def size_of(asked: LinkFilter, workspace_id: str, lists: LinkLists) -> int:
    """How many links a walk will meet; raises Rejected: LIMIT_EXCEEDED."""
    found = await lists.count(workspace_id, asked, limit=MAX_LINKS + 1)
    if found > MAX_LINKS:
        message = f"The filter matches more than {MAX_LINKS:,} links; narrow it."
        raise fields.refused("filter", message, UserErrorCode.LIMIT_EXCEEDED)
    return found


class LinkWalk:
    """Prepares the chunks of walks.

    Args:
        workshop: where workbenches come from.
        lists: where links are found.
        breathe: lets others go on for a moment, asyncio.sleep(0) in a process.
    """

    def __init__(self, workshop: Workshop, lists: LinkLists, breathe: Callable[[], Awaitable[None]]) -> None:
        self._workshop = workshop
        self._lists = lists
        self._breathe = breathe

    async def chunk(
        self,
        job: Job,
        asked: LinkFilter,
        cursor: Any,
        begin: Callable[[Sequence[Link], Workbench], Awaitable[Step]],
    ) -> Chunk:
        """The chunk at `cursor`: the last link that was met, and the number of the next row.

        Links that do not match any more are passed over; never more are met than were counted.

        Args:
            asked: what `standing` gave when the job was made.
            begin: reads what a step needs for these links, in a constant number of round trips.
        """
        last_id, row = cursor or (None, 0)
        window = Window(size=CHUNK, after=None if last_id is None else (last_id,))
        page = await self._lists.page(job.workspace_id, asked, LinkOrder.OLDEST, window)
        links = [listed.link for listed in page.items][: max(job.total - row, 0)]
        step = await begin(links, await self._workshop.bench(job))
        outcomes: list[Outcome] = []
        for place, link in enumerate(links):
            if place % _BREATH_LINKS == 0:
                await self._breathe()
            outcomes.append(_taken(step, row + place, link))
        behind = row + len(links)
        return chunk_of(
            outcomes,
            cursor=[links[-1].id if links else last_id, behind],
            last=not page.has_next or behind >= job.total,
        )


def chunk_of(outcomes: Sequence[Outcome], *, cursor: Any, last: bool) -> Chunk:
    """The chunk that does what came of its rows."""
    return Chunk(
        changed=[each for each in outcomes if isinstance(each, Change)],
        removed=[each for each in outcomes if isinstance(each, Removal)],
        results=[each for each in outcomes if isinstance(each, RowResult)],
        cursor=cursor,
        last=last,
    )


def replacing(row: int, old: Link, new: Link) -> Outcome:
    """The outcome of a row that makes a link a new version, or leaves it as it is."""
    return RowResult(row, old.id, old.version) if new == old else Change(row, old, new)


def _taken(step: Step, row: int, link: Link) -> Outcome:
    try:
        return step(row, link)
    except Rejected as rejected:
        return RowResult(row, link.id, link.version, rejected.errors)
