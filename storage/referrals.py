"""Referrals in MongoDB: collection `referrals`, whose indexes keep identities, codes and links apart."""

from collections.abc import Sequence

from domain.paging import Page, Window
from domain.referrals import Referral
from storage import codec, listings
from storage.mongo import Database, Document, answering


class MongoReferrals:
    """The store of referrals; see domain.referrals.Referrals for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._referrals = database["referrals"]

    async def by_ids(self, workspace_id: str, referral_ids: Sequence[str]) -> dict[str, Referral]:
        """Those that exist, by id."""
        found = await self._found(workspace_id, {"_id": {"$in": list(referral_ids)}})
        return {referral.id: referral for referral in found}

    async def by_links(self, workspace_id: str, link_ids: Sequence[str]) -> dict[str, Referral]:
        """Those that were made for some links, by the link's id."""
        found = await self._found(workspace_id, {"link_id": {"$in": list(link_ids)}})
        return {referral.link_id: referral for referral in found}

    async def by_code(self, workspace_id: str, code: str) -> Referral | None:
        """The referral of a code, or None."""
        return next(iter(await self._found(workspace_id, {"code": code})), None)

    async def of_participant(self, workspace_id: str, participant_id: str, window: Window) -> Page[Referral]:
        """One stretch of a participant's referrals, newest first."""
        query = {
            "workspace_id": workspace_id,
            "participant_id": participant_id,
            **listings.newest_within(window),
        }
        with answering():
            cursor = self._referrals.find(query).sort("_id", 1 if window.backward else -1)
            documents = await cursor.limit(window.size + 1).to_list()
        return Page(window, [codec.to_value(document, Referral) for document in documents])

    async def count(self, workspace_id: str, participant_id: str, *, limit: int) -> int:
        """How many a participant has; counts no further than `limit`."""
        query = {"workspace_id": workspace_id, "participant_id": participant_id}
        with answering():
            return await self._referrals.count_documents(query, limit=limit)

    async def _found(self, workspace_id: str, query: Document) -> list[Referral]:
        with answering():
            documents = await self._referrals.find({"workspace_id": workspace_id, **query}).to_list()
        return [codec.to_value(document, Referral) for document in documents]
