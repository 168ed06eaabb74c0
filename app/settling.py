"""Settlements in the jobs role: the books of every workspace, over real engines."""

from app.services import Services
from delivery.settlements import Counts, Settlements
from domain.books import Books
from domain.secrets import AIDS, PEOPLE


def settlements(opened: Services, counts: Counts) -> Settlements:
    """What approves rewards and counts conversions again."""

    async def books(workspace_id: str) -> Books | None:
        workspace = await opened.workspaces.by_id(workspace_id)
        if workspace is None:
            return None
        return Books(
            workspace=workspace,
            conversions=opened.conversions,
            rewards=opened.rewards,
            clicks=opened.clicks,
            links=opened.links,
            referrals=opened.referrals,
            promotions=opened.promotions,
            participants=opened.participants,
            people=await opened.secrets.agreed(PEOPLE),
            signing=await opened.secrets.agreed(AIDS),
            clock=opened.clock,
            ids=opened.ids,
            counts=opened.led_nowhere,
        )

    return Settlements(opened.rewards, opened.conversions, books, opened.clock, counts)
