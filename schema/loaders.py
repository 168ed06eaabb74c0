"""Reads that are gathered into one round trip, and remembered for one operation or one event."""

from functools import cached_property

from strawberry.dataloader import DataLoader

from domain.campaigns import Campaign
from domain.clicks import Click, LinkStats
from domain.conversions import Conversion
from domain.jobs import Job
from domain.links import Link
from domain.participants import Participant
from domain.promotion_stats import PromotionStats
from domain.promotions import Promotion
from domain.referrals import Referral
from domain.revenues import NOTHING, Revenue
from domain.rewards import Reward
from domain.signals import Signals
from domain.templates import Template
from domain.workspaces import Workspace
from schema.stores import Stores


class Loaders:
    """Reads that are gathered into one round trip, and remembered for one operation or one event."""

    def __init__(self, workspace_id: str, stores: Stores) -> None:
        self._workspace_id = workspace_id
        self._stores = stores

    @cached_property
    def links(self) -> DataLoader[str, Link | None]:
        """Links of the viewer's workspace by id."""

        async def load(link_ids: list[str]) -> list[Link | None]:
            found = await self._stores.links.by_ids(self._workspace_id, link_ids)
            return [found.get(link_id) for link_id in link_ids]

        return DataLoader(load)

    @cached_property
    def campaigns(self) -> DataLoader[str, Campaign | None]:
        """Campaigns of the workspace by id."""

        async def load(campaign_ids: list[str]) -> list[Campaign | None]:
            found = await self._stores.campaigns.by_ids(self._workspace_id, campaign_ids)
            return [found.get(campaign_id) for campaign_id in campaign_ids]

        return DataLoader(load)

    @cached_property
    def templates(self) -> DataLoader[str, Template | None]:
        """Templates of the workspace by id."""

        async def load(template_ids: list[str]) -> list[Template | None]:
            found = await self._stores.templates.by_ids(self._workspace_id, template_ids)
            return [found.get(template_id) for template_id in template_ids]

        return DataLoader(load)

    @cached_property
    def jobs(self) -> DataLoader[str, Job | None]:
        """Jobs of the workspace by id."""

        async def load(job_ids: list[str]) -> list[Job | None]:
            found = await self._stores.jobs.by_ids(self._workspace_id, job_ids)
            return [found.get(job_id) for job_id in job_ids]

        return DataLoader(load)

    @cached_property
    def seats(self) -> DataLoader[str, int]:
        """Taken seats of the workspace's links by id."""

        async def load(link_ids: list[str]) -> list[int]:
            taken = await self._stores.seats.taken(self._workspace_id, link_ids)
            return [taken[link_id] for link_id in link_ids]

        return DataLoader(load)

    @cached_property
    def signals(self) -> DataLoader[str, Signals]:
        """The signals of the viewer's workspace, once for all links that are explained."""

        async def load(workspace_ids: list[str]) -> list[Signals]:
            own = await self._stores.signals.by_workspace(self._workspace_id)
            return [own for _ in workspace_ids]

        return DataLoader(load)

    @cached_property
    def stats(self) -> DataLoader[str, LinkStats]:
        """All-time figures of the workspace's links by id."""

        async def load(link_ids: list[str]) -> list[LinkStats]:
            found = await self._stores.stats.by_links(self._workspace_id, link_ids)
            return [found[link_id] for link_id in link_ids]

        return DataLoader(load)

    @cached_property
    def clicks(self) -> DataLoader[str, Click | None]:
        """Clicks of the workspace by id."""

        async def load(click_ids: list[str]) -> list[Click | None]:
            found = await self._stores.clicks.by_ids(self._workspace_id, click_ids)
            return [found.get(click_id) for click_id in click_ids]

        return DataLoader(load)

    @cached_property
    def workspaces(self) -> DataLoader[str, Workspace | None]:
        """The viewer's workspace, and no other."""

        async def load(workspace_ids: list[str]) -> list[Workspace | None]:
            own = await self._stores.workspaces.by_id(self._workspace_id)
            return [own if workspace_id == self._workspace_id else None for workspace_id in workspace_ids]

        return DataLoader(load)

    @cached_property
    def promotions(self) -> DataLoader[str, Promotion | None]:
        """Promotions of the workspace by id."""

        async def load(promotion_ids: list[str]) -> list[Promotion | None]:
            found = await self._stores.promotions.by_ids(self._workspace_id, promotion_ids)
            return [found.get(promotion_id) for promotion_id in promotion_ids]

        return DataLoader(load)

    @cached_property
    def promotion_stats(self) -> DataLoader[str, PromotionStats]:
        """Figures of promotions of the workspace by id."""

        async def load(promotion_ids: list[str]) -> list[PromotionStats]:
            found = await self._stores.promotion_figures.by_ids(self._workspace_id, promotion_ids)
            return [found[promotion_id] for promotion_id in promotion_ids]

        return DataLoader(load)

    @cached_property
    def participants(self) -> DataLoader[str, Participant | None]:
        """Participants of the workspace by id."""

        async def load(participant_ids: list[str]) -> list[Participant | None]:
            found = await self._stores.participants.by_ids(self._workspace_id, participant_ids)
            return [found.get(participant_id) for participant_id in participant_ids]

        return DataLoader(load)

    @cached_property
    def referrals(self) -> DataLoader[str, Referral | None]:
        """Referrals of the workspace by id."""

        async def load(referral_ids: list[str]) -> list[Referral | None]:
            found = await self._stores.referrals.by_ids(self._workspace_id, referral_ids)
            return [found.get(referral_id) for referral_id in referral_ids]

        return DataLoader(load)

    @cached_property
    def conversions(self) -> DataLoader[str, Conversion | None]:
        """Conversions of the workspace by id."""

        async def load(conversion_ids: list[str]) -> list[Conversion | None]:
            found = await self._stores.conversions.by_ids(self._workspace_id, conversion_ids)
            return [found.get(conversion_id) for conversion_id in conversion_ids]

        return DataLoader(load)

    @cached_property
    def rewards(self) -> DataLoader[str, Reward | None]:
        """Rewards of the workspace by id."""

        async def load(reward_ids: list[str]) -> list[Reward | None]:
            found = await self._stores.rewards.by_ids(self._workspace_id, reward_ids)
            return [found.get(reward_id) for reward_id in reward_ids]

        return DataLoader(load)

    @cached_property
    def rewards_of(self) -> DataLoader[str, list[Reward]]:
        """Rewards of the workspace by their conversion's id."""

        async def load(conversion_ids: list[str]) -> list[list[Reward]]:
            found = await self._stores.rewards.of_conversions(self._workspace_id, conversion_ids)
            return [found.get(conversion_id, []) for conversion_id in conversion_ids]

        return DataLoader(load)

    @cached_property
    def revenues(self) -> DataLoader[str, Revenue]:
        """All-time revenue of the workspace's links by id."""

        async def load(link_ids: list[str]) -> list[Revenue]:
            found = await self._stores.revenues.by_links(self._workspace_id, link_ids)
            return [found.get(link_id, NOTHING) for link_id in link_ids]

        return DataLoader(load)

    @cached_property
    def campaign_revenues(self) -> DataLoader[str, Revenue]:
        """The same of campaigns."""

        async def load(campaign_ids: list[str]) -> list[Revenue]:
            found = await self._stores.revenues.by_campaigns(self._workspace_id, campaign_ids)
            return [found.get(campaign_id, NOTHING) for campaign_id in campaign_ids]

        return DataLoader(load)
