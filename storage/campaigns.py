"""Campaigns in MongoDB: collection `campaigns`, whose unique index keeps their keys apart."""

from collections.abc import Sequence

from pymongo.errors import DuplicateKeyError

from domain import events
from domain.campaigns import Campaign, Conflict
from domain.jobs import Job
from domain.paging import Page, Window
from storage import codec, listings, outbox, versions
from storage.mongo import Database, answering


class MongoCampaigns:
    """The store of campaigns; see domain.campaigns.Campaigns for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._campaigns = database["campaigns"]

    async def add(self, workspace_id: str, campaign: Campaign) -> Conflict | None:
        """Keep a new campaign; None when it is done."""
        try:
            told = events.of_named("created", "campaign", campaign, campaign.created_at)
            await outbox.insert(self._campaigns, workspace_id, campaign, told)
        except DuplicateKeyError:
            # A repeated call meets what it stored itself before its answer was lost.
            return None if await self.by_ids(workspace_id, [campaign.id]) else Conflict.KEY
        return None

    async def by_ids(self, workspace_id: str, campaign_ids: Sequence[str]) -> dict[str, Campaign]:
        """Those that exist, by id."""
        query = {"_id": {"$in": list(campaign_ids)}, "workspace_id": workspace_id}
        with answering():
            documents = await self._campaigns.find(query).to_list()
        return {document["_id"]: codec.to_value(document, Campaign) for document in documents}

    async def page(self, workspace_id: str, window: Window) -> Page[Campaign]:
        """One stretch of the campaigns, newest first."""
        query = {"workspace_id": workspace_id, **listings.newest_within(window)}
        with answering():
            cursor = self._campaigns.find(query).sort("_id", 1 if window.backward else -1)
            documents = await cursor.limit(window.size + 1).to_list()
        return Page(window, [codec.to_value(document, Campaign) for document in documents])

    async def count(self, workspace_id: str, *, limit: int) -> int:
        """How many campaigns there are; counts no further than `limit`."""
        with answering():
            return await self._campaigns.count_documents({"workspace_id": workspace_id}, limit=limit)

    async def update(
        self, workspace_id: str, old: Campaign, new: Campaign, job: Job | None
    ) -> Conflict | None:
        """Replace `old` by `new`, if it is still what is kept, and keep `job` too; None when it is done."""
        replaced = await versions.replace(self._campaigns, workspace_id, old, new, job, kind="campaign")
        return None if replaced else Conflict.STALE
