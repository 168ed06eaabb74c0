"""Folding: stretches of feeds become roll-ups, each exactly once."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError

from domain import folds, rollups
from domain.clicks import Click
from domain.dimensions import Dimension
from domain.folds import Fold, Lag, Moved, Tallies
from domain.rollups import HOURS, WHOLE_DAY, Group, Key
from storage import codec, mongo
from storage import rollups as readers

_SECONDS: Final = 10
"""Budget of one fold."""
_AT_ONCE: Final = 8
"""Documents that are worked on before others get their turn in this process."""
_OUTGROWN: Final = 20_000
"""Scopes that are remembered to have outgrown their document of a day; forgetting one costs one reading."""
_LINK: Final = rollups.FIELDS[Dimension.LINK]

Additions = Mapping[str, Mapping[int, Mapping[str, int]]]
"""What a document gets: by field, by hour."""
Daily = dict[tuple[bytes, int, int], dict[int, Mapping[str, int]]]
"""What a scope (its digest) gets on a day (its first hour) in a slot, by hour of the day."""


class Folds:
    """Commits folds; see docs/decisions/roll-ups.md for what makes each count once."""

    def __init__(self, database: mongo.Database) -> None:
        self._database = database
        self._outgrown: set[bytes] = set()

    async def commit(self, workspace_id: str, fold: Fold) -> None:
        """Fold one stretch; see commit_all."""
        await self.commit_all([(workspace_id, fold)])

    async def commit_all(self, pieces: Sequence[tuple[str, Fold]]) -> None:
        """Fold, in one transaction; once that has happened doing it again changes nothing.

        Args:
            pieces: workspaces and what to fold of their feeds, at most one stretch of each feed.

        Raises:
            Moved: the roll-ups of a feed do not end where its fold begins; nothing is folded.
            Unavailable: MongoDB did not answer; whether it has happened shows when it is tried again.
        """

        async def work(session: AsyncClientSession) -> None:
            await self._store(await self._advance(pieces, session), session)

        try:
            await mongo.transaction(self._database, work, seconds=_SECONDS)
        except (DuplicateKeyError, BulkWriteError) as error:
            raise Moved("another worker folds the same feeds at this moment") from error

    async def lagging(self) -> list[Lag]:
        """Every feed of every workspace whose roll-ups lag."""
        with mongo.answering():
            cursor = await self._database.feeds.aggregate(readers.lagging({}))
            return [readers.lag(document) async for document in cursor]

    async def unfolded(self, workspace_id: str, slot: int, *, upto: int, limit: int) -> Sequence[Click]:
        """The first clicks of a feed that the roll-ups do not have, in seq order, up to the seq `upto`."""
        with mongo.answering():
            end = await self._database.folded.find_one({"_id": f"{workspace_id}/{slot}"})
            behind = 0 if end is None else end["seq"]
            query = {"workspace_id": workspace_id, "slot": slot, "seq": {"$gt": behind, "$lte": upto}}
            documents = await self._database.clicks.find(query).sort("seq", 1).limit(limit).to_list()
        return [codec.to_value(document, Click) for document in documents]

    async def _advance(
        self, pieces: Sequence[tuple[str, Fold]], session: AsyncClientSession
    ) -> Sequence[tuple[str, Fold]]:
        """Take the stretches but those that were folded before. Two who take one at once conflict."""
        ends = self._database.folded
        names = [f"{workspace_id}/{fold.slot}" for workspace_id, fold in pieces]
        found = await ends.find({"_id": {"$in": names}}, session=session).to_list()
        seqs = {document["_id"]: document["seq"] for document in found}
        taken = []
        for name, (workspace_id, fold) in zip(names, pieces, strict=True):
            seq = seqs.get(name, 0)
            if seq not in (fold.after, fold.upto):
                raise Moved(f"the roll-ups of {name} end at {seq}, not at {fold.after}")
            if seq != fold.upto:
                taken.append((workspace_id, fold))
        writes = [
            UpdateOne(
                {"_id": f"{workspace_id}/{fold.slot}"},
                {"$set": {"seq": fold.upto, "workspace_id": workspace_id}},
                upsert=True,
            )
            for workspace_id, fold in taken
        ]
        if writes:
            await ends.bulk_write(writes, session=session)
        return taken

    async def _store(self, pieces: Sequence[tuple[str, Fold]], session: AsyncClientSession) -> None:
        daily: Daily = {}
        for workspace_id, fold in pieces:
            for counted, hour, tally in fold.tallies():
                scope = rollups.digest(workspace_id, counted)
                daily.setdefault((scope, hour - hour % HOURS, fold.slot), {})[hour % HOURS] = tally
            await asyncio.sleep(0)
        small: dict[bytes, Additions] = {}
        large: dict[bytes, Additions] = {}
        keys = {each: Key(each[0], Group.SMALL, each[1], 0, each[2]).packed() for each in daily}
        kept = await self._kept((key for key in keys.values() if key not in self._outgrown), session)
        for (scope, day, slot), hours in daily.items():
            key = keys[scope, day, slot]
            if key in self._outgrown or _bytes(kept.get(key)) + folds.size(hours) > folds.SMALL_BYTES:
                self._remember(key)
                large.update(_split(scope, day, hours, slot))
            else:
                small[key] = {rollups.ALL: hours}
        await self._write(small, kept, session)
        await self._write(large, await self._kept(large, session), session)

    async def _kept(self, keys: Iterable[bytes], session: AsyncClientSession) -> dict[bytes, mongo.Document]:
        wanted = list(keys)
        if not wanted:
            return {}
        found = self._database.rollups.find({"_id": {"$in": wanted}}, session=session, batch_size=100_000)
        return {document["_id"]: document for document in await found.to_list()}

    async def _write(
        self,
        additions: dict[bytes, Additions],
        kept: dict[bytes, mongo.Document],
        session: AsyncClientSession,
    ) -> None:
        writes: list[InsertOne[mongo.Document] | ReplaceOne[mongo.Document]] = []
        for number, (key, fields) in enumerate(additions.items(), 1):
            before = kept.get(key)
            after = dict(before or {"_id": key})
            for field, hours in fields.items():
                after[field] = folds.merged(after.get(field), hours)
            writes.append(InsertOne(after) if before is None else ReplaceOne({"_id": key}, after))
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        if writes:
            await self._database.rollups.bulk_write(writes, session=session, ordered=False)

    def _remember(self, key: bytes) -> None:
        if len(self._outgrown) >= _OUTGROWN:
            self._outgrown.clear()
        self._outgrown.add(key)


def _split(
    scope: bytes, day: int, hours: Mapping[int, Mapping[str, int]], slot: int
) -> dict[bytes, Additions]:
    """What the documents of a day, and of each of its hours, get; tallies by LINK in their parts."""
    found: dict[bytes, Additions] = {}

    def take(group: Group, of_links: Group, bucket: int, hour: int, tallies: Tallies) -> None:
        rest = {field: {hour: tally} for field, tally in tallies.items() if field != _LINK}
        found[Key(scope, group, bucket, 0, slot).packed()] = rest
        for part, tally in folds.parts(tallies.get(_LINK, {})).items():
            found[Key(scope, of_links, bucket, part, slot).packed()] = {_LINK: {hour: tally}}

    apart = {hour: folds.by_field(tally) for hour, tally in hours.items()}
    take(Group.DAY, Group.DAY_LINKS, day, WHOLE_DAY, folds.daily(apart))
    for hour, tallies in apart.items():
        take(Group.HOUR, Group.HOUR_LINKS, day + hour, hour, tallies)
    return found


def _bytes(document: mongo.Document | None) -> int:
    return sum(len(kept) for kept in (document or {}).values())
