"""Links in MongoDB: collection `links`, and `external_ids`, which keeps their external ids unique.

`links` can be sharded by (domain, slug_key): a redirect and the uniqueness of a slug stay on one shard.
Uniqueness of external ids could not be kept there: they are documents of their own, sharded by workspace and
written in the same transaction as their link.

Documents carry, besides the link's fields, what lists are filtered by (listings.listed). A deleted link is a
document without them, and without `created_at`, which the partial indexes of lists ask for.
"""

import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError

from domain.errors import Unavailable
from domain.links import Conflict, Link, LinkFilter, LinkOrder
from domain.paging import Page, Window
from storage import codec, listings
from storage.mongo import Database, Document, answering, transaction
from storage.revisions import MongoRevisions

_DUPLICATE_KEY: Final = 11000
_ROUNDS: Final = 10
_KEPT: Final = {"deleted_at": {"$exists": False}}


class _Stale(Exception):
    """Raised inside a transaction to undo it: the link is not what the caller saw."""


class MongoLinks:
    """The store of links; see domain.links.Links for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._links = database["links"]
        self._external_ids = database["external_ids"]
        self._revisions = MongoRevisions(database)

    async def add(self, workspace_id: str, link: Link) -> frozenset[Conflict]:
        """Keep one new link; the answer is empty when it was kept."""
        return (await self.add_many(workspace_id, [link])).get(link.id, frozenset())

    async def add_many(self, workspace_id: str, links: Sequence[Link]) -> dict[str, frozenset[Conflict]]:
        """Keep new links, all but those in conflict, together.

        Insert first, look only after a duplicate: two inserts and a commit where all is new. Each round after
        a duplicate leaves out what was found to exist; a link that an earlier, seemingly failed commit has
        stored is recognised by its id.
        """
        conflicts: dict[str, frozenset[Conflict]] = {}
        waiting = {link.id: link for link in links}
        for _ in range(_ROUNDS):
            batch = list(waiting.values())
            if not batch:
                return conflicts
            try:
                await transaction(self._database, functools.partial(self._insert, workspace_id, batch))
            except (BulkWriteError, DuplicateKeyError) as error:
                if not _is_duplicate(error):
                    raise
                found, stored = await self._existing(workspace_id, batch)
                conflicts |= found
                waiting = {link.id: link for link in batch if link.id not in found and link.id not in stored}
            else:
                return conflicts
        raise Unavailable("Other calls are writing the same links; try again.")

    async def by_id(self, workspace_id: str, link_id: str) -> Link | None:
        """The link, or None."""
        with answering():
            document = await self._links.find_one({"_id": link_id, "workspace_id": workspace_id, **_KEPT})
        return codec.to_value(document, Link) if document else None

    async def by_ids(self, workspace_id: str, link_ids: Sequence[str]) -> dict[str, Link]:
        """Those that exist, by id."""
        with answering():
            query = {"_id": {"$in": list(link_ids)}, "workspace_id": workspace_id, **_KEPT}
            documents = await self._links.find(query).to_list()
        return {document["_id"]: codec.to_value(document, Link) for document in documents}

    async def by_slug(self, workspace_id: str, domain: str, slug_key: str) -> Link | None:
        """The link of a short address, or None."""
        query = {"domain": domain, "slug_key": slug_key, "workspace_id": workspace_id, **_KEPT}
        with answering():
            document = await self._links.find_one(query)
        return codec.to_value(document, Link) if document else None

    async def by_external_id(self, workspace_id: str, external_id: str) -> Link | None:
        """The link of an external id; of several sources the one without a name, then the first by name."""
        with answering():
            entry = await self._external_ids.find_one(
                {"workspace_id": workspace_id, "external_id": external_id}, sort=[("source", 1)]
            )
        return await self.by_id(workspace_id, entry["_id"]) if entry else None

    async def page(
        self, workspace_id: str, asked: LinkFilter, order: LinkOrder, window: Window
    ) -> Page[Link]:
        """One stretch of the links that `asked` matches."""
        if asked.matches_nothing:
            return Page(window, [])
        query = listings.within(await self._query(workspace_id, asked), order, window)
        with answering():
            cursor = self._links.find(query).sort(listings.sorting(order, backward=window.backward))
            documents = await cursor.limit(window.size + 1).to_list()
        return Page(window, [codec.to_value(document, Link) for document in documents])

    async def count(self, workspace_id: str, asked: LinkFilter, *, limit: int) -> int:
        """How many links `asked` matches; counts no further than `limit`."""
        if asked.matches_nothing:
            return 0
        query = await self._query(workspace_id, asked)
        with answering():
            return await self._links.count_documents(query, limit=limit)

    async def update(self, workspace_id: str, old: Link, new: Link) -> Conflict | None:
        """Replace `old` by `new`, if `old` is still what is kept; None when it is done."""

        async def replace(session: AsyncClientSession) -> None:
            await self._swap(workspace_id, old, _document(new), session)
            await self._revisions.record(workspace_id, old, new, session)
            if (old.external_id, old.external_source) != (new.external_id, new.external_source):
                await self._external_ids.delete_one(
                    {"_id": old.id, "workspace_id": workspace_id}, session=session
                )
                if new.external_id is not None:
                    await self._external_ids.insert_one(_external_id(new), session=session)

        return await self._attempt(workspace_id, replace, new, done=lambda current: current == new)

    async def remove(self, workspace_id: str, link: Link, deleted_at: datetime) -> Conflict | None:
        """Leave a tombstone in place of `link`, if that is still what is kept."""
        tombstone = {
            "_id": link.id,
            "workspace_id": workspace_id,
            "domain": link.domain,
            "slug": link.slug,
            "slug_key": link.slug_key,
            "version": link.version + 1,
            "deleted_at": deleted_at,
        }

        async def bury(session: AsyncClientSession) -> None:
            await self._swap(workspace_id, link, tombstone, session)
            await self._revisions.forget(workspace_id, link.id, session)
            await self._external_ids.delete_one(
                {"_id": link.id, "workspace_id": workspace_id}, session=session
            )

        return await self._attempt(workspace_id, bury, link, done=lambda current: current is None)

    async def _attempt(
        self,
        workspace_id: str,
        work: Callable[[AsyncClientSession], Awaitable[None]],
        wanted: Link,
        *,
        done: Callable[[Link | None], bool],
    ) -> Conflict | None:
        try:
            await transaction(self._database, work)
        except _Stale:
            # A commit that seemed to fail, but had not, meets itself here when it is repeated.
            return None if done(await self.by_id(workspace_id, wanted.id)) else Conflict.STALE
        except DuplicateKeyError:
            found, _ = await self._existing(workspace_id, [wanted])
            return next(iter(sorted(found.get(wanted.id, ()))), Conflict.STALE)
        return None

    async def _insert(self, workspace_id: str, batch: Sequence[Link], session: AsyncClientSession) -> None:
        if any(link.workspace_id != workspace_id for link in batch):
            raise ValueError("a link of another workspace")
        entries = [_external_id(link) for link in batch if link.external_id is not None]
        if entries:
            await self._external_ids.insert_many(entries, session=session)
        await self._links.insert_many([_document(link) for link in batch], session=session)

    async def _swap(
        self, workspace_id: str, old: Link, document: Document, session: AsyncClientSession
    ) -> None:
        seen = {
            "_id": old.id,
            "workspace_id": workspace_id,
            "domain": old.domain,
            "slug_key": old.slug_key,
            "version": old.version,
            **_KEPT,
        }
        result = await self._links.replace_one(seen, document, session=session)
        if result.matched_count == 0:
            raise _Stale

    async def _existing(
        self, workspace_id: str, links: Sequence[Link]
    ) -> tuple[dict[str, frozenset[Conflict]], set[str]]:
        """What stands against each link, by its id; and the ids of those that are stored themselves."""
        slugs = await self._taken_slugs(links)
        entries = await self._taken_external_ids(workspace_id, links)
        conflicts: dict[str, frozenset[Conflict]] = {}
        for link in links:
            found = {
                Conflict.SLUG: slugs.get((link.domain, link.slug_key), link.id) != link.id,
                Conflict.EXTERNAL_ID: entries.get((link.external_id, link.external_source), link.id)
                != link.id,
            }
            if any(found.values()):
                conflicts[link.id] = frozenset(reason for reason, stands in found.items() if stands)
        stored = set(slugs.values()) & {link.id for link in links}
        return conflicts, stored - conflicts.keys()

    async def _taken_slugs(self, links: Iterable[Link]) -> dict[tuple[str, str], str]:
        keys: dict[str, list[str]] = {}
        for link in links:
            keys.setdefault(link.domain, []).append(link.slug_key)
        asked = [{"domain": domain, "slug_key": {"$in": wanted}} for domain, wanted in keys.items()]
        with answering():
            documents = await self._links.find({"$or": asked}, {"domain": 1, "slug_key": 1}).to_list()
        return {(document["domain"], document["slug_key"]): document["_id"] for document in documents}

    async def _taken_external_ids(
        self, workspace_id: str, links: Iterable[Link]
    ) -> dict[tuple[str | None, str | None], str]:
        wanted = [link.external_id for link in links if link.external_id is not None]
        if not wanted:
            return {}
        with answering():
            query = {"workspace_id": workspace_id, "external_id": {"$in": wanted}}
            documents = await self._external_ids.find(query).to_list()
        return {(document["external_id"], document["source"]): document["_id"] for document in documents}

    async def _query(self, workspace_id: str, asked: LinkFilter) -> Document:
        if asked.external_ids is None:
            return listings.query(workspace_id, asked)
        with answering():
            query = {"workspace_id": workspace_id, "external_id": {"$in": list(asked.external_ids)}}
            entries = await self._external_ids.find(query).to_list()
        known = {entry["_id"] for entry in entries}
        ids = known if asked.ids is None else known & set(asked.ids)
        return listings.query(workspace_id, msgspec.structs.replace(asked, ids=tuple(ids)))


def _document(link: Link) -> Document:
    return {**codec.to_document(link), **listings.listed(link)}


def _external_id(link: Link) -> Document:
    return {
        "_id": link.id,
        "workspace_id": link.workspace_id,
        "external_id": link.external_id,
        "source": link.external_source,
    }


def _is_duplicate(error: BulkWriteError | DuplicateKeyError) -> bool:
    if isinstance(error, DuplicateKeyError):
        return True
    details: Mapping[str, Any] = error.details
    return any(failure.get("code") == _DUPLICATE_KEY for failure in details.get("writeErrors", ()))
