"""Rewards in MongoDB: `rewards`, and `reward_seats`, which counts what a promotion's limit is about."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pymongo import InsertOne, ReplaceOne, ReturnDocument, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession

from domain import earnings, events
from domain.paging import Page, Window
from domain.rewards import Reward, RewardFilter, RewardRole, RewardState
from storage import codec, listings, outbox
from storage.link_writes import Stale
from storage.mongo import Database, Document, answering, transaction

_DUE: Final = 500


class MongoRewards:
    """The store of rewards; see domain.rewards.Rewards for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rewards = database["rewards"]

    async def by_ids(self, workspace_id: str, reward_ids: Sequence[str]) -> dict[str, Reward]:
        """Those that exist, by id."""
        found = await self._found(workspace_id, {"_id": {"$in": list(reward_ids)}})
        return {reward.id: reward for reward in found}

    async def of_conversions(
        self, workspace_id: str, conversion_ids: Sequence[str]
    ) -> dict[str, list[Reward]]:
        """Every reward that conversions made, by the conversion's id, in the order they were made."""
        found: dict[str, list[Reward]] = {}
        rewards = await self._found(workspace_id, {"conversion_id": {"$in": list(conversion_ids)}})
        for reward in sorted(rewards, key=_made):
            found.setdefault(reward.conversion_id, []).append(reward)
        return found

    async def page(self, workspace_id: str, wanted: RewardFilter, window: Window) -> Page[Reward]:
        """One stretch of the wanted rewards, newest first."""
        query = {**_query(workspace_id, wanted), **listings.newest_within(window)}
        with answering():
            cursor = self._rewards.find(query).sort("_id", 1 if window.backward else -1)
            documents = await cursor.limit(window.size + 1).to_list()
        return Page(window, [codec.to_value(document, Reward) for document in documents])

    async def count(self, workspace_id: str, wanted: RewardFilter, *, limit: int) -> int:
        """How many rewards are wanted; counts no further than `limit`."""
        with answering():
            return await self._rewards.count_documents(_query(workspace_id, wanted), limit=limit)

    async def update_all(self, workspace_id: str, changes: Sequence[tuple[Reward, Reward]]) -> bool:
        """Replace rewards, all or none; False: one is not what was seen any more."""

        async def work(session: AsyncClientSession) -> None:
            await change(self._database, workspace_id, changes, session)
            told = [events.of_reward(*pair) for pair in changes]
            await outbox.write(self._database, workspace_id, told, session)

        try:
            await transaction(self._database, work)
        except Stale:
            return False
        return True

    async def due(self, now: datetime) -> list[Reward]:
        """Rewards of all workspaces whose hold has ended, some at a time, those that wait longest first."""
        query = {"state": RewardState.PENDING, "due_at": {"$lte": now}}
        with answering():
            documents = await self._rewards.find(query).sort("due_at", 1).limit(_DUE).to_list()
        return [codec.to_value(document, Reward) for document in documents]

    async def _found(self, workspace_id: str, query: Document) -> list[Reward]:
        with answering():
            documents = (
                await self._rewards.find({"workspace_id": workspace_id, **query}).sort("_id", 1).to_list()
            )
        return [codec.to_value(document, Reward) for document in documents]


async def add(
    database: Database, rewards: Sequence[Reward], limit: int | None, session: AsyncClientSession
) -> list[Reward]:
    """Keep new rewards within a transaction, of those that a limit counts no more than it allows; as kept."""
    kept = [
        reward if limit is None or not reward.counted else await _seated(database, reward, limit, session)
        for reward in rewards
    ]
    if kept:
        writes = [InsertOne(codec.to_document(reward)) for reward in kept]
        await database["rewards"].bulk_write(writes, session=session)
    return kept


async def change(
    database: Database,
    workspace_id: str,
    changes: Sequence[tuple[Reward, Reward]],
    session: AsyncClientSession,
) -> None:
    """Replace rewards within a transaction; raises Stale where one is not what was seen any more."""
    if not changes:
        return
    writes = [
        ReplaceOne(
            {"_id": old.id, "workspace_id": workspace_id, "version": old.version}, codec.to_document(new)
        )
        for old, new in changes
    ]
    found = await database["rewards"].bulk_write(writes, session=session)
    if found.matched_count != len(writes):
        raise Stale
    freed = [
        UpdateOne({"_id": _seats(new)}, {"$inc": {"taken": -1}})
        for old, new in changes
        if old.counted and not new.counted
    ]
    if freed:
        await database["reward_seats"].bulk_write(freed, session=session)


async def _seated(database: Database, reward: Reward, limit: int, session: AsyncClientSession) -> Reward:
    seats = database["reward_seats"]
    found = await seats.find_one_and_update(
        {"_id": _seats(reward)},
        {"$inc": {"taken": 1}, "$setOnInsert": {"workspace_id": reward.workspace_id}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    if found is None or found["taken"] <= limit:  # an upsert always finds
        return reward
    await seats.update_one({"_id": _seats(reward)}, {"$inc": {"taken": -1}}, session=session)
    return earnings.beyond(reward)


def _made(reward: Reward) -> tuple[datetime, bool, str]:
    """The order in which a conversion's rewards were made: of one moment the referrer's comes first."""
    return reward.created_at, reward.role is not RewardRole.REFERRER, reward.id


def _seats(reward: Reward) -> str:
    return f"{reward.workspace_id}/{reward.promotion_id}/{reward.participant_id}"


def _query(workspace_id: str, wanted: RewardFilter) -> Document:
    given = {"state": wanted.state, "participant_id": wanted.participant_id}
    return {
        "workspace_id": workspace_id,
        **{name: value for name, value in given.items() if value is not None},
    }
