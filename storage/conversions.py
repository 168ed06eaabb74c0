"""Conversions in MongoDB: `conversions`, `credits`, which figures count, and `touches`, customers' clicks."""

import functools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from pymongo import UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError

from domain import events
from domain.attributions import Touch
from domain.conversions import MAX_TOUCHES, Conversion, CreditRow, Lately, Recorded, Revised
from storage import codec, mongo, outbox, rewards
from storage.link_writes import Stale, is_duplicate
from storage.mongo import Database, Document, answering, transaction

_DUE: Final = 100
_SECONDS: Final = 15.0
"""Of one transaction with its repetitions: many conversions of one referrer wait for each other's seats."""


class MongoConversions:
    """The store of conversions; see domain.conversions.Conversions for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._conversions = database["conversions"]
        self._credits = database["credits"]
        self._touches = database["touches"]

    async def by_ids(self, workspace_id: str, conversion_ids: Sequence[str]) -> dict[str, Conversion]:
        """Those that exist, by id."""
        query = {"_id": {"$in": list(conversion_ids)}, "workspace_id": workspace_id}
        with answering():
            documents = await self._conversions.find(query).to_list()
        return {document["_id"]: codec.to_value(document, Conversion) for document in documents}

    async def by_identities(self, workspace_id: str, identities: Sequence[bytes]) -> Conversion | None:
        """The conversion that was told with any of these, the oldest one; or None."""
        query = {"workspace_id": workspace_id, "identities": {"$in": list(identities)}}
        with answering():
            document = await self._conversions.find_one(query, sort=[("_id", 1)])
        return None if document is None else codec.to_value(document, Conversion)

    async def rows(self, workspace_id: str, conversion_id: str) -> list[CreditRow]:
        """What figures count of a conversion."""
        query = {"workspace_id": workspace_id, "conversion_id": conversion_id}
        with answering():
            documents = await self._credits.find(query).to_list()
        return [codec.to_value(document, CreditRow) for document in documents]

    async def touches(
        self, workspace_id: str, customer_keys: Sequence[bytes], after: datetime, before: datetime
    ) -> list[Touch]:
        """The last clicks of a customer that are known of a time, at most MAX_TOUCHES, oldest first."""
        if not customer_keys:
            return []
        query = {
            "workspace_id": workspace_id,
            "customer_key": {"$in": list(customer_keys)},
            "at": {"$gte": after, "$lte": before},
        }
        with answering():
            documents = await self._touches.find(query).sort("at", -1).limit(MAX_TOUCHES).to_list()
        return [
            Touch(click_id=each["click_id"], link_id=each["link_id"], at=each["at"])
            for each in reversed(documents)
        ]

    async def lately(self, workspace_id: str, referrer_id: str, since: datetime) -> list[Lately]:
        """The last conversions of a referrer that were told since then, at most MAX_TOUCHES."""
        query = {
            "workspace_id": workspace_id,
            "referrer_id": referrer_id,
            "received_at": {"$gte": since},
        }
        asked = {"promotion_id": 1, "visitor": 1, "hasty": 1}
        with answering():
            cursor = self._conversions.find(query, asked).sort("received_at", -1)
            documents = await cursor.limit(MAX_TOUCHES).to_list()
        return [Lately(each["promotion_id"], each["visitor"], each["hasty"]) for each in documents]

    async def add(self, workspace_id: str, recorded: Recorded) -> bool:
        """Keep a new conversion; False: another one has one of its identities, or its referee is there."""
        try:
            work = functools.partial(self._insert, workspace_id, recorded)
            await transaction(self._database, work, seconds=_SECONDS)
        except (BulkWriteError, DuplicateKeyError) as error:
            if not is_duplicate(error):
                raise
            return False
        return True

    async def revise(self, workspace_id: str, revised: Revised) -> bool:
        """Replace a conversion; False: it, or one of its rewards, is not what was seen any more."""
        try:
            await transaction(self._database, functools.partial(self._replace, workspace_id, revised))
        except Stale:
            return False
        return True

    async def recount_all(self, workspace_id: str, at: datetime) -> None:
        """Have the credits of every conversion worked out again."""
        with answering():
            await self._conversions.update_many({"workspace_id": workspace_id}, _again(at))

    async def due(self, now: datetime) -> list[Conversion]:
        """Some conversions of all workspaces that are to be counted again, in the order of `recount_at`."""
        query = {"recount_at": {"$type": "date", "$lte": now}}
        with answering():
            documents = await self._conversions.find(query).sort("recount_at", 1).limit(_DUE).to_list()
        return [codec.to_value(document, Conversion) for document in documents]

    async def _insert(self, workspace_id: str, recorded: Recorded, session: AsyncClientSession) -> None:
        conversion = recorded.conversion
        await self._conversions.insert_one(
            {**codec.to_document(conversion), "workspace_id": workspace_id}, session=session
        )
        await self._write_rows(recorded.rows, session)
        if recorded.referee is not None:
            await self._database["participants"].insert_one(
                codec.to_document(recorded.referee), session=session
            )
        kept = await rewards.add(self._database, recorded.rewards, recorded.limit, session)
        told = [
            events.of_conversion("recorded", conversion, _decisive(recorded.rows), conversion.received_at)
        ]
        if recorded.referee is not None:
            told.append(events.of_participant(None, recorded.referee))
        told += [events.of_reward(None, reward) for reward in kept]
        await outbox.write(self._database, workspace_id, told, session)
        if conversion.customer_keys and conversion.touches:
            await self._touch(workspace_id, recorded, session)

    async def _touch(self, workspace_id: str, recorded: Recorded, session: AsyncClientSession) -> None:
        """Remember whose clicks they are; conversions that did not know them are counted again."""
        conversion = recorded.conversion
        pairs = [(key, touch) for key in conversion.customer_keys for touch in conversion.touches]
        writes = [
            UpdateOne(
                {"_id": f"{workspace_id}/{key.hex()}/{touch.click_id}"},
                {
                    "$setOnInsert": {
                        "workspace_id": workspace_id,
                        "customer_key": key,
                        **codec.to_document(touch),
                    }
                },
                upsert=True,
            )
            for key, touch in pairs
        ]
        found = await self._touches.bulk_write(writes, session=session)
        new = [pairs[place][1].at for place in found.upserted_ids or {}]
        if not new:
            return
        others = {
            "workspace_id": workspace_id,
            "customer_keys": {"$in": list(conversion.customer_keys)},
            "at": {"$gte": min(new), "$lte": max(new) + timedelta(days=recorded.window_days)},
            "_id": {"$ne": conversion.id},
        }
        await self._conversions.update_many(others, _again(conversion.received_at), session=session)

    async def _replace(self, workspace_id: str, revised: Revised, session: AsyncClientSession) -> None:
        old, new = revised.old, revised.new
        seen = {"_id": old.id, "workspace_id": workspace_id, "version": old.version}
        document = {**codec.to_document(new), "workspace_id": workspace_id}
        if not (await self._conversions.replace_one(seen, document, session=session)).matched_count:
            raise Stale
        if revised.rows is not None:
            gone = {"workspace_id": workspace_id, "conversion_id": old.id}
            await self._credits.delete_many(gone, session=session)
            await self._write_rows(revised.rows, session)
        if revised.parts:
            await self._share_out(new, revised.parts, session)
        await rewards.change(self._database, workspace_id, revised.changed, session)
        made = await rewards.add(self._database, revised.made, None, session)
        refunded = len(new.refunds) > len(old.refunds)
        told = []
        if refunded or new.credits != old.credits:
            counted = {"workspace_id": workspace_id, "conversion_id": new.id, "counted": 1}
            row = await self._credits.find_one(counted, session=session)
            decisive = None if row is None else codec.to_value(row, CreditRow)
            happened = "refunded" if refunded else "updated"
            told.append(events.of_conversion(happened, new, decisive, revised.at))
        told += [events.of_reward(*pair) for pair in revised.changed]
        told += [events.of_reward(None, reward) for reward in made]
        await outbox.write(self._database, workspace_id, told, session)

    async def _share_out(
        self, conversion: Conversion, parts: Sequence[int], session: AsyncClientSession
    ) -> None:
        """Give each row its part of the revenue; what they count besides stays."""
        writes = [
            UpdateOne(
                {"_id": f"{conversion.id}/{number}", "workspace_id": conversion.workspace_id},
                {"$set": {"minor_units": part}},
            )
            for number, part in enumerate(parts)
        ]
        await self._credits.bulk_write(writes, session=session)

    async def _write_rows(self, rows: Sequence[CreditRow], session: AsyncClientSession) -> None:
        documents: list[Document] = [codec.to_document(row) for row in rows]
        await mongo.insert(self._database, "credits", documents, session)


def _again(at: datetime) -> Document:
    """Have a conversion counted again; a new version, or who has just read it would overwrite the mark."""
    return {"$set": {"recount_at": at}, "$inc": {"version": 1}}


def _decisive(rows: Sequence[CreditRow]) -> CreditRow | None:
    return next((row for row in rows if row.counted), None)
