"""Roll-ups as analytics reads them: documents of whole hours, and the clicks that are not folded in yet."""

import asyncio
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.read_concern import ReadConcern

from domain import instants, rollups
from domain.clicks import Click
from domain.dimensions import Dimension
from domain.errors import Unavailable
from domain.folds import Fold, Lag
from domain.rollups import HOURS, WHOLE_DAY, Asked, Group, Key, ScopeKind, Table
from storage import codec, mongo, snapshots

MAX_TAIL: Final = 250_000
"""Clicks behind the ends of the roll-ups that are read one by one. More wait only while those are folded that
came before there were roll-ups, or where no worker runs that could."""
_TAIL_SECONDS: Final = 30
_BYTES_AT_ONCE: Final = 128 * 1024
"""Of documents that are counted before others get their turn: about five milliseconds' work."""
_CLICKS_AT_ONCE: Final = 300
"""The same of clicks."""
_CLICKS_READ: Final = 1_000
"""Clicks that come with one answer of the database: its client makes documents of all of them at once."""
_LINK: Final = rollups.FIELDS[Dimension.LINK]
_PLACES: Final = sorted([*rollups.PLACES.values(), rollups.UNIQUE])
_CELLS: Final = {
    (cell, minutes): {
        f"{place}{part}": (part * minutes // cell, int(place)) for part in range(parts) for place in _PLACES
    }
    for minutes, parts in ((rollups.MINUTE, 60), (rollups.QUARTER, 4 * HOURS))
    for cell in rollups.CELLS
}
"""The keys of TIME taken apart, by the cells that are asked for and the minutes that a key stands for: a
month has some 20,000 keys, and that takes longer than to add them up."""
_OF_SCOPES: Final = {
    ScopeKind.LINK: "link_id",
    ScopeKind.CAMPAIGN: "campaign_id",
    ScopeKind.TEMPLATE: "template_id",
    ScopeKind.TAG: "tags",
}


class _Question:
    """One question, the documents that answer it, and what they tell."""

    def __init__(self, workspace_id: str, asked: Asked) -> None:
        self.asked = asked
        self.scope = rollups.digest(workspace_id, asked.scope)
        self._tally: rollups.Tally = {}
        self._times: dict[int, rollups.Counts] = {}
        first, end = asked.first_hour, asked.end_hour
        self._hours = range(first, end)
        first_day, end_day = -(-first // HOURS) * HOURS, end // HOURS * HOURS
        by_day = first_day < end_day and asked.cell > rollups.MINUTE
        self._days = range(first_day, end_day) if by_day else range(0)

    @property
    def answer(self) -> Table:
        """The answer, once everything is taken."""
        if self.asked.field == rollups.TIME:
            return {str(part): _counts(places) for part, places in self._times.items()}
        return rollups.table(self._tally)

    @property
    def documents(self) -> Hashable:
        """Which ones it is answered from: equal for questions that need the same."""
        return self.scope, self._hours, self._days, self.asked.field == _LINK

    def spans(self) -> Iterator[tuple[bytes, bytes]]:
        """Where its documents stand: whole days by the day, what is left at both ends by the hour."""
        first, end = self.asked.first_hour, self.asked.end_hour
        by_link = self.asked.field == _LINK
        days, hours = (Group.DAY_LINKS, Group.HOUR_LINKS) if by_link else (Group.DAY, Group.HOUR)
        yield rollups.span(self.scope, Group.SMALL, first // HOURS * HOURS, end)
        if not self._days:
            yield rollups.span(self.scope, hours, first, end)
            return
        yield rollups.span(self.scope, days, self._days.start, self._days.stop)
        yield rollups.span(self.scope, hours, first, self._days.start)
        yield rollups.span(self.scope, hours, self._days.stop, end)

    def take(self, key: Key, hours: rollups.Hours) -> None:
        """Count what the field that is asked for holds in a document of whole days or of one hour."""
        for hour, tally in hours.items():
            if hour == WHOLE_DAY:
                if key.bucket in self._days:
                    self._add(key.bucket, tally.items(), rollups.QUARTER)
            elif key.bucket in self._hours and key.bucket not in self._days:
                self._add(key.bucket, tally.items(), rollups.MINUTE)

    def take_hour(self, hour: int, counts: Iterable[tuple[str, int]]) -> None:
        """Count what the field that is asked for has in one hour, unless that is not asked for."""
        if hour in self._hours:
            self._add(hour, counts, rollups.MINUTE)

    def _add(self, bucket: int, counts: Iterable[tuple[str, int]], minutes: int) -> None:
        if self.asked.field == rollups.TIME:
            self._add_times(bucket, counts, minutes)
            return
        tally = self._tally
        for key, count in counts:
            tally[key] = tally.get(key, 0) + count

    def _add_times(self, bucket: int, counts: Iterable[tuple[str, int]], minutes: int) -> None:
        """Count cells of time since the Unix epoch; see _CELLS."""
        times, cell = self._times, self.asked.cell
        parts, first = _CELLS[cell, minutes], bucket * 60 // cell
        for key, count in counts:
            part, place = parts[key]
            places = times.get(first + part)
            if places is None:
                places = times[first + part] = [0] * len(_PLACES)
            places[place] += count


class _Questions:
    """The questions about one scope: what a document tells is read once for all of them."""

    def __init__(self) -> None:
        self._all: list[_Question] = []
        self._fields: set[str] = set()

    def ask(self, question: _Question) -> None:
        """Ask one more."""
        self._all.append(question)
        self._fields.add(question.asked.field)

    def take(self, key: Key, document: Mapping[str, Any]) -> None:
        """Count what a document holds."""
        if key.group is Group.SMALL:
            for hour, tally in rollups.decode(document[rollups.ALL]).items():
                self.take_hour(key.bucket + hour, tally)
            return
        decoded = {field: rollups.decode(document[field]) for field in self._fields if field in document}
        for question in self._all:
            hours = decoded.get(question.asked.field)
            if hours is not None:
                question.take(key, hours)

    def take_hour(self, hour: int, tally: Mapping[str, int]) -> None:
        """Count one hour, from a tally of every dimension."""
        apart: dict[str, list[tuple[str, int]]] = {field: [] for field in self._fields}
        for key, count in tally.items():
            counts = apart.get(key[0])
            if counts is not None:
                counts.append((key[1:], count))
        for question in self._all:
            question.take_hour(hour, apart[question.asked.field])


class Rollups:
    """Answers questions from one snapshot of roll-ups, their ends (`folded`) and the clicks behind those."""

    def __init__(self, database: mongo.Database) -> None:
        self._database = database
        snapshot = ReadConcern("snapshot")
        self._rollups = database.get_collection("rollups", read_concern=snapshot)
        self._feeds = database.get_collection("feeds", read_concern=snapshot)
        self._clicks = database.get_collection("clicks", read_concern=snapshot)

    async def read(self, workspace_id: str, asked: Sequence[Asked]) -> list[Mapping[str, rollups.Counts]]:
        """See domain.rollups.Rollups; three round trips, however much is asked, and more for a long tail."""

        async def read(session: AsyncClientSession) -> list[Mapping[str, rollups.Counts]]:
            questions = [_Question(workspace_id, each) for each in asked]
            await self._answer(workspace_id, questions, session)
            return [each.answer for each in questions]

        return await snapshots.at_one_moment(self._database, read)

    async def _answer(
        self, workspace_id: str, questions: Sequence[_Question], session: AsyncClientSession
    ) -> None:
        wanted = [each for each in questions if each.asked.first_hour < each.asked.end_hour]
        if not wanted:
            return
        of_scopes: defaultdict[bytes, _Questions] = defaultdict(_Questions)
        for each in wanted:
            of_scopes[each.scope].ask(each)
        lags = await self._lags(workspace_id, session)
        taken = 0
        for document in await self._documents(wanted, session):
            taken += sum(map(len, document.values()))
            if taken > _BYTES_AT_ONCE:
                taken = 0
                await asyncio.sleep(0)
            key = rollups.unpacked(document["_id"])
            of_scopes[key.scope].take(key, document)
        if sum(each.head - each.folded for each in lags) > MAX_TAIL:
            raise Unavailable(
                "The figures are still being made of clicks that came before; try again in a while.",
                retry_after_seconds=_TAIL_SECONDS,
            )
        if lags:
            tail = await self._tail(workspace_id, lags, wanted, session)
            for scope, hour, tally in tail.tallies():
                questions_of = of_scopes.get(rollups.digest(workspace_id, scope))
                if questions_of is not None:
                    questions_of.take_hour(hour, tally)

    async def _lags(self, workspace_id: str, session: AsyncClientSession) -> list[Lag]:
        cursor = await self._feeds.aggregate(lagging({"workspace_id": workspace_id}), session=session)
        return [lag(document) async for document in cursor]

    async def _documents(
        self, questions: Iterable[_Question], session: AsyncClientSession
    ) -> list[mongo.Document]:
        unlike = {each.documents: each for each in questions}.values()
        spans = {span for each in unlike for span in each.spans() if span[0] < span[1]}
        ranges = [{"_id": {"$gte": first, "$lt": end}} for first, end in sorted(spans)]
        fields = {rollups.ALL: 1, **{each.asked.field: 1 for each in questions}}
        found = self._rollups.find({"$or": ranges}, fields, session=session, batch_size=10_000)
        return await found.to_list()

    async def _tail(
        self,
        workspace_id: str,
        lags: Iterable[Lag],
        questions: Sequence[_Question],
        session: AsyncClientSession,
    ) -> Fold:
        """The counts of the clicks behind the ends of the roll-ups that may be asked for."""
        stretches = [
            {"workspace_id": workspace_id, "slot": each.slot, "seq": {"$gt": each.folded, "$lte": each.head}}
            for each in lags
        ]
        query: dict[str, Any] = {"$or": stretches, **_within(questions), **_of(questions)}
        found, tail = self._clicks.find(query, session=session, batch_size=_CLICKS_READ), Fold(0, 0)
        while documents := await found.to_list(_CLICKS_AT_ONCE):
            tail.count(codec.to_value(document, Click) for document in documents)
            await asyncio.sleep(0)
        return tail


def _counts(places: Sequence[int]) -> rollups.Counts:
    """The counts of redirects by place: people are those whose visit is unique, too."""
    counts = [places[0] + places[1], *places[1:]]
    while counts and not counts[-1]:
        counts.pop()
    return counts


def lagging(match: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The stages that find feeds whose roll-ups lag."""
    ends = {"from": "folded", "localField": "_id", "foreignField": "_id", "as": "folded"}
    return [
        {"$match": match},
        {"$lookup": ends},
        {"$set": {"folded": {"$ifNull": [{"$first": "$folded.seq"}, 0]}}},
        {"$match": {"$expr": {"$gt": ["$seq", "$folded"]}}},
    ]


def lag(document: Mapping[str, Any]) -> Lag:
    """The lag of a feed that was found so."""
    return Lag(document["workspace_id"], document["slot"], document["folded"], document["seq"])


def _within(questions: Sequence[_Question]) -> dict[str, Any]:
    """Which clicks are in the hours that are asked for; those before 1970 count in the first one.

    Not by `_id`, though it begins with the same instant: then MongoDB might read other workspaces' clicks.
    """
    first = min(each.asked.first_hour for each in questions)
    end = max(each.asked.end_hour for each in questions)
    bounds = {"$lt": instants.of_milliseconds(end * rollups.HOUR_MS)}
    if first > 0:
        bounds["$gte"] = instants.of_milliseconds(first * rollups.HOUR_MS)
    return {"at": bounds}


def _of(questions: Iterable[_Question]) -> dict[str, Any]:
    """Which clicks are in the scopes that are asked for."""
    values: dict[ScopeKind, set[str]] = {}
    for each in questions:
        values.setdefault(each.asked.scope.kind, set()).add(each.asked.scope.id)
    if ScopeKind.WORKSPACE in values:
        return {}
    return {"$and": [{"$or": [{_OF_SCOPES[kind]: {"$in": sorted(ids)}} for kind, ids in values.items()]}]}
