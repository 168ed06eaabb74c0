"""Promotions in MongoDB: collection `promotions`, whose unique index keeps UIDs apart by more than case."""

from collections.abc import Sequence

from pymongo.errors import DuplicateKeyError

from domain import events
from domain.paging import Page, Window
from domain.promotions import Conflict, Promotion
from storage import codec, listings, outbox, versions
from storage.mongo import Database, Document, answering


class MongoPromotions:
    """The store of promotions; see domain.promotions.Promotions for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._promotions = database["promotions"]

    async def add(self, workspace_id: str, promotion: Promotion) -> Conflict | None:
        """Keep a new promotion; None when it is done."""
        try:
            told = events.of_named("created", "promotion", promotion, promotion.created_at)
            await outbox.insert(self._promotions, workspace_id, promotion, told, **_folded(promotion))
        except DuplicateKeyError:
            # A repeated call meets what it stored itself before its answer was lost.
            return None if await self.by_ids(workspace_id, [promotion.id]) else Conflict.UID
        return None

    async def by_ids(self, workspace_id: str, promotion_ids: Sequence[str]) -> dict[str, Promotion]:
        """Those that exist, by id."""
        query = {"_id": {"$in": list(promotion_ids)}, "workspace_id": workspace_id}
        with answering():
            documents = await self._promotions.find(query).to_list()
        return {document["_id"]: codec.to_value(document, Promotion) for document in documents}

    async def by_uid(self, workspace_id: str, uid: str) -> Promotion | None:
        """The promotion of a UID, whatever its case, or None."""
        with answering():
            document = await self._promotions.find_one(
                {"workspace_id": workspace_id, "uid_folded": uid.casefold()}
            )
        return codec.to_value(document, Promotion) if document else None

    async def page(self, workspace_id: str, window: Window) -> Page[Promotion]:
        """One stretch of the promotions, newest first."""
        query = {"workspace_id": workspace_id, **listings.newest_within(window)}
        with answering():
            cursor = self._promotions.find(query).sort("_id", 1 if window.backward else -1)
            documents = await cursor.limit(window.size + 1).to_list()
        return Page(window, [codec.to_value(document, Promotion) for document in documents])

    async def count(self, workspace_id: str, *, limit: int) -> int:
        """How many promotions there are; counts no further than `limit`."""
        with answering():
            return await self._promotions.count_documents({"workspace_id": workspace_id}, limit=limit)

    async def update(self, workspace_id: str, old: Promotion, new: Promotion) -> Conflict | None:
        """Replace `old` by `new`, if it is still what is kept; None when it is done."""
        replaced = await versions.replace(
            self._promotions, workspace_id, old, new, None, kind="promotion", **_folded(new)
        )
        return None if replaced else Conflict.STALE


def _folded(promotion: Promotion) -> Document:
    return {"uid_folded": promotion.uid.casefold()}
