"""Links as visitors ask for them: by host and slug, from the primary, within the redirect's budget."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from pymongo import ReadPreference

from domain.links import Link
from domain.routes import Damaged, Tombstone
from storage import codec
from storage.mongo import Database, Document, answering
from storage.stats import Stats

_BY_SLUG: Final = "by_slug"


class MongoRoutes:
    """Reads what the redirect needs of `links`; the client's time-out is its budget."""

    def __init__(self, database: Database) -> None:
        self._links: Any = database.get_collection("links", read_preference=ReadPreference.PRIMARY)
        self._stats = Stats(database)

    async def by_slug(self, domain: str, slug_key: str) -> Link | Tombstone | None:
        """The newest version of a link, its tombstone, or None where there never was one.

        Raises:
            errors.Unavailable: the database does not answer in time.
            routes.Damaged: the document is no link.
        """
        with answering():
            document: Document | None = await self._links.find_one(
                {"domain": domain, "slug_key": slug_key}, hint=_BY_SLUG
            )
        if document is None:
            return None
        try:
            if document.get("deleted_at") is not None:
                return Tombstone(version=document["version"])
            return codec.to_value(document, Link)
        except (msgspec.ValidationError, KeyError) as error:
            raise Damaged(f"{document['_id']}: {error}") from error

    async def versions(self, addresses: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """The versions that links have now, by host and slug key; without deleted ones.

        Raises:
            errors.Unavailable: the database does not answer in time.
        """
        slug_keys: dict[str, list[str]] = {}
        for domain, slug_key in addresses:
            slug_keys.setdefault(domain, []).append(slug_key)
        asked = [{"domain": domain, "slug_key": {"$in": wanted}} for domain, wanted in slug_keys.items()]
        read = {"_id": 0, "domain": 1, "slug_key": 1, "version": 1, "deleted_at": 1}
        with answering():
            documents = await self._links.find({"$or": asked}, read, hint=_BY_SLUG).to_list()
        return {
            (document["domain"], document["slug_key"]): document["version"]
            for document in documents
            if document.get("deleted_at") is None
        }

    async def clicks(self, workspace_id: str, link_id: str) -> int:
        """How many human clicks a link has in the ledger."""
        return (await self._stats.by_links(workspace_id, [link_id]))[link_id].clicks
