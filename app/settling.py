"""Settlements in the jobs role: the books of every workspace, over real engines."""

from app.services import Services
from delivery.settlements import Counts, Settlements
from domain import books
from domain.books import Books


def settlements(opened: Services, counts: Counts) -> Settlements:
    """What approves rewards and counts conversions again."""

    async def opening(workspace_id: str) -> Books | None:
        workspace = await opened.workspaces.by_id(workspace_id)
        return None if workspace is None else await books.opened(workspace, opened, opened.clock, opened.ids)

    return Settlements(opened.rewards, opened.conversions, opening, opened.clock, counts)
