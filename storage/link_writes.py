"""Writing links inside a transaction: the link, its external id and its revisions, one or many at a time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from pymongo import DeleteMany, InsertOne, ReplaceOne, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError

from domain import events
from domain.links import Conflict, Link
from storage import codec, listings, outbox
from storage.mongo import Database, Document, answering
from storage.revisions import MongoRevisions

KEPT: Final = {"deleted_at": {"$exists": False}}
"""Holds for links, and not for what deleted ones leave behind."""
_DUPLICATE_KEY: Final = 11000


class Stale(Exception):
    """Raised inside a transaction to undo it: a link is not what the caller saw."""


class LinkWrites:
    """What transactions do with links; each method but `conflicts` is called inside one."""

    def __init__(self, database: Database) -> None:
        self._links = database["links"]
        self._external_ids = database["external_ids"]
        self._revisions = MongoRevisions(database)
        self._database = database

    async def insert(self, workspace_id: str, links: Sequence[Link], session: AsyncClientSession) -> None:
        """Keep new links. Raises DuplicateKeyError, BulkWriteError: see `conflicts` for what is there."""
        if any(link.workspace_id != workspace_id for link in links):
            raise ValueError("a link of another workspace")
        entries = [_external_id(link) for link in links if link.external_id is not None]
        if entries:
            await self._external_ids.insert_many(entries, session=session)
        await self._links.insert_many(
            [{**_fields(link), listings.POPULARITY: 0} for link in links], session=session
        )
        told = [events.of_link("created", link, link.created_at) for link in links]
        await outbox.write(self._database, workspace_id, told, session)

    async def replace(
        self, workspace_id: str, changes: Sequence[tuple[Link, Link]], session: AsyncClientSession
    ) -> None:
        """Replace old links by new ones, with a revision each.

        Raises:
            Stale: one is not what is kept any more.
            DuplicateKeyError, BulkWriteError: see `conflicts`.
        """
        # Every field of a link is set; its popularity, which is none of them, stays.
        await self._swap(
            [UpdateOne(_as_seen(workspace_id, old), {"$set": _fields(new)}) for old, new in changes], session
        )
        await self._revisions.record(workspace_id, changes, session)
        moved = [(old, new) for old, new in changes if _source(old) != _source(new)]
        if moved:
            gone = {"_id": {"$in": [old.id for old, _ in moved]}, "workspace_id": workspace_id}
            entries = [_external_id(new) for _, new in moved if new.external_id is not None]
            await self._external_ids.bulk_write([DeleteMany(gone), *map(InsertOne, entries)], session=session)
        told = [events.of_link("updated", new, new.updated_at) for _, new in changes]
        await outbox.write(self._database, workspace_id, told, session)

    async def bury(
        self, workspace_id: str, removals: Sequence[tuple[Link, datetime]], session: AsyncClientSession
    ) -> None:
        """Leave tombstones in place of links. Raises Stale: one is not what is kept any more."""
        tombstones = [ReplaceOne(_as_seen(workspace_id, link), _tombstone(link, at)) for link, at in removals]
        await self._swap(tombstones, session)
        gone = [link.id for link, _ in removals]
        await self._revisions.forget(workspace_id, gone, session)
        await self._external_ids.delete_many(
            {"_id": {"$in": gone}, "workspace_id": workspace_id}, session=session
        )
        told = [
            events.of_link("deleted", msgspec.structs.replace(link, version=link.version + 1), at)
            for link, at in removals
        ]
        await outbox.write(self._database, workspace_id, told, session)

    async def conflicts(
        self, workspace_id: str, links: Sequence[Link]
    ) -> tuple[dict[str, frozenset[Conflict]], set[str]]:
        """What stands against each link, by its id; and the ids of those that are stored themselves."""
        slugs = await self._taken_slugs(links)
        entries = await self._taken_external_ids(workspace_id, links)
        found: dict[str, frozenset[Conflict]] = {}
        for link in links:
            standing = {
                Conflict.SLUG: slugs.get((link.domain, link.slug_key), link.id) != link.id,
                Conflict.EXTERNAL_ID: entries.get(_source(link), link.id) != link.id,
            }
            if any(standing.values()):
                found[link.id] = frozenset(reason for reason, stands in standing.items() if stands)
        stored = set(slugs.values()) & {link.id for link in links}
        return found, stored - found.keys()

    async def _swap(
        self, writes: Sequence[UpdateOne | ReplaceOne[Document]], session: AsyncClientSession
    ) -> None:
        result = await self._links.bulk_write(writes, session=session)
        if result.matched_count != len(writes):
            raise Stale

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


def is_duplicate(error: BulkWriteError | DuplicateKeyError) -> bool:
    """Whether a write failed because something of the same key is there."""
    if isinstance(error, DuplicateKeyError):
        return True
    details: Mapping[str, Any] = error.details
    return any(failure.get("code") == _DUPLICATE_KEY for failure in details.get("writeErrors", ()))


def _fields(link: Link) -> Document:
    return {**codec.to_document(link), **listings.listed(link)}


def _tombstone(link: Link, deleted_at: datetime) -> Document:
    return {
        "_id": link.id,
        "workspace_id": link.workspace_id,
        "domain": link.domain,
        "slug": link.slug,
        "slug_key": link.slug_key,
        "version": link.version + 1,
        "deleted_at": deleted_at,
    }


def _as_seen(workspace_id: str, link: Link) -> Document:
    return {
        "_id": link.id,
        "workspace_id": workspace_id,
        "domain": link.domain,
        "slug_key": link.slug_key,
        "version": link.version,
        **KEPT,
    }


def _source(link: Link) -> tuple[str | None, str | None]:
    return link.external_id, link.external_source


def _external_id(link: Link) -> Document:
    return {
        "_id": link.id,
        "workspace_id": link.workspace_id,
        "external_id": link.external_id,
        "source": link.external_source,
    }
