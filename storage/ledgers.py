"""The ledger's writing side: a stretch of a journal becomes clicks, uniques, figures, feed heads."""

import asyncio
import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Self

import pymongo
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError

from domain import events, ids, instants, ledgers
from domain.clicks import Click, ClickKind, ClicksCommitted
from domain.errors import Unavailable
from domain.events import Told
from domain.ledgers import Entry, JournalClosed, Moved, Stretch
from domain.visits import Outcome
from storage import mongo, outbox
from storage.click_rows import row
from storage.referral_links import Followed, ReferralLinks

VISITORS_KEPT: Final = timedelta(days=3)
"""How long a visitor of a link is known: their day, and two more for journals that are shipped late."""
_SECONDS: Final = 5
"""Budget of a transaction with its repetitions."""
_REPEATS: Final = 20
_DUPLICATE_KEY: Final = 11000
_AT_ONCE: Final = 300
"""Clicks that are encoded before others get their turn: some milliseconds, for their transaction waits."""


class Ledger:
    """Commits clicks exactly once; see docs/decisions/click-ledger.md for what makes that so.

    It has one session and one transaction at a time. The session has a name, so that the transaction which a
    killed worker leaves open, and which would block its successors for a minute, can be ended by them.
    """

    def __init__(self, database: mongo.Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._session = database.client.start_session()
        self._referrals = ReferralLinks(database)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.end_session()

    @property
    def session(self) -> str:
        """The name of this ledger's session, for `end`."""
        return mongo.session_name(self._session)

    async def end(self, session: str) -> None:
        """End the session of a worker that is gone, and the transaction it may have left open."""
        await mongo.end_session(self._database, session)

    async def offset_of(self, journal_id: str) -> int:
        """Where shipping of a journal goes on, 0 for a new one; raises JournalClosed."""
        now = self._clock()
        begun = min(ids.instant_of(journal_id), instants.milliseconds(now))  # no click in it is older
        fields = {"offset": 0, "registered_at": now, "whole_at": instants.of_milliseconds(begun)}
        with mongo.answering():
            found = await self._database.journals.find_one_and_update(
                {"_id": journal_id},
                {"$setOnInsert": fields},
                upsert=True,
                return_document=True,
            )
        document = found or {}
        if "closed_at" in document:
            raise JournalClosed(journal_id)
        return int(document["offset"])

    async def whole(self, journal_ids: Collection[str], until: datetime) -> None:
        """Note that every click of some journals that was answered before `until` is in the ledger."""
        query = {"_id": {"$in": list(journal_ids)}}
        with mongo.answering():
            await self._database.journals.update_many(query, {"$set": {"whole_at": until}})

    async def close(self, journal_id: str) -> None:
        """Mark a journal as shipped completely; doing it again changes nothing."""
        with mongo.answering():
            await self._database.journals.update_one(
                {"_id": journal_id, "closed_at": None}, {"$set": {"closed_at": self._clock()}}
            )

    async def commit(self, stretch: Stretch, slot: int) -> Mapping[str, ClicksCommitted]:
        """Store a stretch in one transaction and say what was committed, by workspace.

        Two workers may meet the same new visitor: whoever commits second gets a duplicate key, which aborts
        its whole transaction, so it is done again from the start and then sees the visitor.

        Raises:
            Moved: the journal's offset is not the stretch's start.
            Unavailable: MongoDB did not answer; whether it is stored shows in the journal's offset.
        """

        async def work(session: AsyncClientSession) -> Mapping[str, ClicksCommitted]:
            return await self._store(stretch, slot, session)

        for repeat in range(_REPEATS):
            try:
                with mongo.answering(), pymongo.timeout(_SECONDS):
                    return await self._session.with_transaction(work)
            except (BulkWriteError, DuplicateKeyError) as error:
                if not _duplicates_only(error):
                    raise
                # Not waiting for anything: two workers that collide should not step in time again.
                await asyncio.sleep(random.uniform(0, 0.005) * repeat)  # noqa: S311 - dice, not secrets
        raise Unavailable(
            f"Journal {stretch.journal_id} met duplicate keys {_REPEATS} times at {stretch.start}."
        )

    async def _store(
        self, stretch: Stretch, slot: int, session: AsyncClientSession
    ) -> Mapping[str, ClicksCommitted]:
        await self._advance(stretch, session)
        known = await self._known(stretch, session)
        committed: dict[str, ClicksCommitted] = {}
        seen: set[bytes] = set()
        groups = ledgers.by_workspace(stretch.entries)
        heads = await self._heads(groups, slot, session)
        for workspace_id, entries in groups.items():
            committed[workspace_id] = ledgers.number(
                entries, slot=slot, after=heads.get(workspace_id, 0), known=known, seen=seen
            )
        if committed:
            clicks = [click for each in committed.values() for click in each.clicks]
            encoding = asyncio.create_task(_rows(clicks))  # while the database works on what comes first
            try:
                await self._add_visitors(seen, session)
                await self._add_heads(committed, session)
                await mongo.insert(self._database, "clicks", await encoding, session)
            finally:
                encoding.cancel()
                await asyncio.gather(encoding, return_exceptions=True)
            figures = ledgers.figures(clicks)
            await self._add_figures(figures, slot, session)
            await self._tell(figures, clicks, session)
        return committed

    async def _advance(self, stretch: Stretch, session: AsyncClientSession) -> None:
        """Take the stretch: of all workers that try, only one finds the journal where it starts."""
        last_at = stretch.entries[-1].click.at if stretch.entries else None
        result = await self._database.journals.update_one(
            {"_id": stretch.journal_id, "offset": stretch.start},
            {"$set": {"offset": stretch.end, **({"last_click_at": last_at} if last_at else {})}},
            session=session,
        )
        if result.matched_count == 0:
            raise Moved(f"journal {stretch.journal_id} is not at {stretch.start} any more")

    async def _known(self, stretch: Stretch, session: AsyncClientSession) -> set[bytes]:
        visitors = list({entry.visitor for entry in stretch.entries if entry.visitor is not None})
        if not visitors:
            return set()
        found = self._database.visitors.find(
            {"_id": {"$in": visitors}}, {"_id": 1}, session=session, batch_size=len(visitors) + 1
        )
        return {document["_id"] for document in await found.to_list()}

    async def _heads(
        self, groups: Mapping[str, list[Entry]], slot: int, session: AsyncClientSession
    ) -> dict[str, int]:
        ids = [_feed(workspace_id, slot) for workspace_id in groups]
        found = self._database.feeds.find({"_id": {"$in": ids}}, session=session, batch_size=len(ids) + 1)
        return {document["workspace_id"]: document["seq"] async for document in found}

    async def _add_visitors(self, visitors: Iterable[bytes], session: AsyncClientSession) -> None:
        until = self._clock() + VISITORS_KEPT
        documents = [{"_id": visitor, "expires_at": until} for visitor in visitors]
        if documents:
            await mongo.insert(self._database, "visitors", documents, session)

    async def _add_heads(self, committed: Mapping[str, ClicksCommitted], session: AsyncClientSession) -> None:
        """Move the feeds on; a worker that used the same slot meanwhile makes this transaction conflict."""
        writes: list[InsertOne[mongo.Document] | UpdateOne] = []
        for workspace_id, each in committed.items():
            feed_id = _feed(workspace_id, each.slot)
            if each.first == 1:
                head = {"_id": feed_id, "workspace_id": workspace_id, "slot": each.slot, "seq": each.last}
                writes.append(InsertOne(head))
            else:
                writes.append(UpdateOne({"_id": feed_id}, {"$set": {"seq": each.last}}))
        await self._database.feeds.bulk_write(writes, session=session)

    async def _add_figures(
        self, figures: Mapping[Followed, ledgers.Figures], slot: int, session: AsyncClientSession
    ) -> None:
        """Add to the figures of this slot; another worker's are other documents, so nobody waits."""
        updates = [
            _figures_update(workspace_id, link_id, slot, added)
            for (workspace_id, link_id), added in figures.items()
        ]
        if updates:
            await mongo.write(self._database, {"update": "stats", "updates": updates}, session)

    async def _tell(
        self, followed: Collection[Followed], clicks: Sequence[Click], session: AsyncClientSession
    ) -> None:
        """Write down that people followed links of referrals."""
        referrals = await self._referrals.of(followed, session)
        told: dict[str, list[Told]] = {}
        for click in clicks if referrals else ():
            referral = referrals.get((click.workspace_id, click.link_id or ""))
            if referral is not None and click.kind is ClickKind.HUMAN and click.outcome is Outcome.REDIRECT:
                event = events.of_referral_click(*referral, click)
                told.setdefault(click.workspace_id, []).append(event)
        for workspace_id, each in told.items():
            await outbox.write(self._database, workspace_id, each, session)


async def _rows(clicks: Sequence[Click]) -> list[RawBSONDocument]:
    """The documents of clicks, encoded a few at a time."""
    rows: list[RawBSONDocument] = []
    for start in range(0, len(clicks), _AT_ONCE):
        rows += map(row, clicks[start : start + _AT_ONCE])
        await asyncio.sleep(0)
    return rows


def _figures_update(workspace_id: str, link_id: str, slot: int, added: ledgers.Figures) -> mongo.Document:
    counters = {f"kinds.{kind}": count for kind, count in added.kinds.items()}
    change: mongo.Document = {
        "$inc": {**counters, "uniques": added.uniques},
        "$setOnInsert": {"workspace_id": workspace_id, "link_id": link_id},
    }
    if added.last_click_at is not None:
        change["$max"] = {"last_click_at": added.last_click_at}
    return {"q": {"_id": f"{link_id}/{slot}"}, "u": change, "upsert": True}


def _feed(workspace_id: str, slot: int) -> str:
    return f"{workspace_id}/{slot}"


def _duplicates_only(error: BulkWriteError | DuplicateKeyError) -> bool:
    if isinstance(error, BulkWriteError):
        failures = (error.details or {}).get("writeErrors", [])
        return bool(failures) and all(failure.get("code") == _DUPLICATE_KEY for failure in failures)
    return True
