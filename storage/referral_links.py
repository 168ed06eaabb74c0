"""Which links are those of referrals: asked once for each link, for that never changes."""

from collections.abc import Collection
from typing import Final

from pymongo.asynchronous.client_session import AsyncClientSession

from storage.mongo import Database

KEPT: Final = 200_000
"""Links that are remembered; forgetting them costs a look at an index each."""
Followed = tuple[str, str]
"""A workspace and a link of it."""


class ReferralLinks:
    """A link belongs to a referral from its first moment on, or never."""

    def __init__(self, database: Database) -> None:
        self._referrals = database["referrals"]
        self._known: dict[Followed, tuple[str, str] | None] = {}

    async def of(
        self, links: Collection[Followed], session: AsyncClientSession
    ) -> dict[Followed, tuple[str, str]]:
        """Ids of referral and promotion, of those links that are a referral's.

        Raises:
            PyMongoError: the database does not answer; whoever has the session deals with it.
        """
        if len(self._known) + len(links) > KEPT:
            self._known.clear()
        unknown = [each for each in links if each not in self._known]
        if unknown:
            await self._learn(unknown, session)
        return {each: referral for each in links if (referral := self._known[each]) is not None}

    async def _learn(self, links: Collection[Followed], session: AsyncClientSession) -> None:
        theirs: dict[str, list[str]] = {}
        for workspace_id, link_id in links:
            theirs.setdefault(workspace_id, []).append(link_id)
        asked = [{"workspace_id": where, "link_id": {"$in": link_ids}} for where, link_ids in theirs.items()]
        read = {"workspace_id": 1, "link_id": 1, "promotion_id": 1}
        documents = await self._referrals.find({"$or": asked}, read, session=session).to_list()
        self._known |= dict.fromkeys(links)
        for each in documents:
            self._known[each["workspace_id"], each["link_id"]] = (each["_id"], each["promotion_id"])
