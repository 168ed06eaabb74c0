"""Campaigns: looking them up, making and changing them, and making their links."""

import strawberry

from domain import campaign_edits, drafts, ids, paging, propagations
from domain.access import Scope
from domain.campaign_drafts import MAX_CHANNELS
from resolvers.outcomes import outcome
from schema.campaign_inputs import CreateCampaignInput, UpdateCampaignInput
from schema.campaigns import Campaign, CampaignPayload, listed_campaigns
from schema.context import Info
from schema.link_inputs import CreateLinkInput
from schema.links import LinksPayload
from schema.paging import Connection

_READ = {"scope": Scope.LINKS_READ}
_WRITE = {"scope": Scope.LINKS_WRITE}


@strawberry.type
class CampaignQueries:
    """Reading campaigns."""

    @strawberry.field(description="One campaign; null where there is none.", metadata=_READ)
    async def campaign(self, info: Info, id: strawberry.ID) -> Campaign | None:  # noqa: A002
        """Another workspace's campaign is not found."""
        found = await info.context.loaders.campaigns.load(id) if ids.prefix_of(id) == "cmp" else None
        return None if found is None else Campaign.of(found)

    @strawberry.field(description="Campaigns of the workspace, newest first.", metadata=_READ)
    async def campaigns(
        self, info: Info, first: int | None = None, after: str | None = None
    ) -> Connection[Campaign]:
        """Reads one page behind a cursor."""
        name = f"{info.context.viewer.workspace_id}/campaigns"
        window = paging.window(name, first=first, after=after, last=None, before=None, shape=tuple[str])
        return await listed_campaigns(window, name, info.context)


@strawberry.type
class CampaignMutations:
    """Making and changing campaigns."""

    @strawberry.mutation(description="Make a campaign.", metadata=_WRITE)
    async def create_campaign(self, info: Info, input: CreateCampaignInput) -> CampaignPayload:  # noqa: A002
        """All of it or nothing."""
        bench = await info.context.workbench()
        return CampaignPayload.of(await outcome(campaign_edits.create(input.to_domain(), bench)))

    @strawberry.mutation(
        description="Change what is given of a campaign. UTM parameters that its links have from it follow, "
        "as a job.",
        metadata=_WRITE,
    )
    async def update_campaign(self, info: Info, input: UpdateCampaignInput) -> CampaignPayload:  # noqa: A002
        """What is absent stays."""
        bench, office = await info.context.workbench(), info.context.office()
        edit = propagations.change(input.id, input.to_domain(), input.seen_version, bench, office)
        changed = await outcome(edit)
        return CampaignPayload.of(*(changed if isinstance(changed, tuple) else (changed,)))

    @strawberry.mutation(
        description="Make one link for each channel of a campaign, with the channel's source and medium; "
        "a slug gets the channel's name behind it.",
        metadata={**_WRITE, "rows": MAX_CHANNELS},
    )
    async def create_campaign_links(
        self,
        info: Info,
        campaign_id: strawberry.ID,
        input: CreateLinkInput,  # noqa: A002 - the API's name
    ) -> LinksPayload:
        """One result a channel, in the order of the channels; each succeeds or fails alone."""
        bench = await info.context.workbench()
        (draft,) = await drafts.sealed([input.to_domain()], info.context.stores.vault)
        made = await outcome(campaign_edits.create_links(campaign_id, draft, bench))
        return LinksPayload.of(made, info.context)
