"""Links in MongoDB: collection `links`, and `external_ids`, which keeps their external ids unique.

`links` can be sharded by (domain, slug_key): a redirect and the uniqueness of a slug stay on one shard.
Uniqueness of external ids could not be kept there: they are documents of their own, sharded by workspace and
written in the same transaction as their link.

Documents carry, besides the link's fields, what lists are filtered by (listings.listed). A deleted link is a
document without them, and without `created_at`, which the partial indexes of lists ask for.
"""

import functools
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError

from domain.errors import Unavailable
from domain.links import Conflict, Link
from storage import codec
from storage.link_writes import KEPT, LinkWrites, Stale, is_duplicate
from storage.mongo import Database, answering, transaction

_ROUNDS: Final = 10


class MongoLinks:
    """The store of links; see domain.links.Links for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._links = database["links"]
        self._external_ids = database["external_ids"]
        self._writes = LinkWrites(database)

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
                await transaction(self._database, functools.partial(self._writes.insert, workspace_id, batch))
            except (BulkWriteError, DuplicateKeyError) as error:
                if not is_duplicate(error):
                    raise
                found, stored = await self._writes.conflicts(workspace_id, batch)
                conflicts |= found
                waiting = {link.id: link for link in batch if link.id not in found and link.id not in stored}
            else:
                return conflicts
        raise Unavailable("Other calls are writing the same links; try again.")

    async def by_id(self, workspace_id: str, link_id: str) -> Link | None:
        """The link, or None."""
        with answering():
            document = await self._links.find_one({"_id": link_id, "workspace_id": workspace_id, **KEPT})
        return codec.to_value(document, Link) if document else None

    async def by_ids(self, workspace_id: str, link_ids: Sequence[str]) -> dict[str, Link]:
        """Those that exist, by id."""
        with answering():
            query = {"_id": {"$in": list(link_ids)}, "workspace_id": workspace_id, **KEPT}
            documents = await self._links.find(query).to_list()
        return {document["_id"]: codec.to_value(document, Link) for document in documents}

    async def by_slug(self, workspace_id: str, domain: str, slug_key: str) -> Link | None:
        """The link of a short address, or None."""
        query = {"domain": domain, "slug_key": slug_key, "workspace_id": workspace_id, **KEPT}
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

    async def update(self, workspace_id: str, old: Link, new: Link) -> Conflict | None:
        """Replace `old` by `new`, if `old` is still what is kept; None when it is done."""

        work = functools.partial(self._writes.replace, workspace_id, [(old, new)])
        return await self._attempt(workspace_id, work, new, done=lambda current: current == new)

    async def remove(self, workspace_id: str, link: Link, deleted_at: datetime) -> Conflict | None:
        """Leave a tombstone in place of `link`, if that is still what is kept."""
        work = functools.partial(self._writes.bury, workspace_id, [(link, deleted_at)])
        return await self._attempt(workspace_id, work, link, done=lambda current: current is None)

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
        except Stale:
            # A commit that seemed to fail, but had not, meets itself here when it is repeated.
            return None if done(await self.by_id(workspace_id, wanted.id)) else Conflict.STALE
        except (BulkWriteError, DuplicateKeyError) as error:
            if not is_duplicate(error):
                raise
            found, _ = await self._writes.conflicts(workspace_id, [wanted])
            return next(iter(sorted(found.get(wanted.id, ()))), Conflict.STALE)
        return None
