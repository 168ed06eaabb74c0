"""Mails in MongoDB: `mails`, which holds no address, and `suppressions`, which holds keyed hashes of some."""

from collections.abc import Collection, Sequence
from datetime import datetime

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession

from domain.mails import Addressee, Mail, MailState
from storage import codec, mongo
from storage.mongo import Database, answering


async def write(database: Database, mails: Sequence[Mail], session: AsyncClientSession) -> None:
    """Keep new mails within the transaction that makes them necessary; they are sent once it commits."""
    if mails:
        await mongo.insert(database, "mails", [codec.to_document(mail) for mail in mails], session)


class MongoMails:
    """The store of mails; see domain.mails.Mails for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._mails = database["mails"]
        self._suppressions = database["suppressions"]

    async def take(self, now: datetime, until: datetime, most: int) -> list[Mail]:
        """The mails that are due longest, as far as others are not quicker; none: nothing is due."""
        due = {"state": MailState.PENDING, "due_at": {"$lte": now}}
        mine = {"taken_by": ObjectId()}
        taken = {"$set": {"due_at": until, **mine}, "$inc": {"attempts": 1}}
        with answering():
            while found := await self._mails.find(due, {"_id": 1}).sort("due_at", 1).limit(most).to_list():
                these = {"_id": {"$in": [document["_id"] for document in found]}}
                if (await self._mails.update_many({**these, **due}, taken)).modified_count:
                    documents = await self._mails.find({**these, **mine}).to_list()
                    return [codec.to_value(document, Mail) for document in documents]
        return []

    async def settle(self, mail: Mail) -> bool:
        """Keep what became of a mail; False: it is gone, or somebody else has taken it meanwhile."""
        with answering():
            result = await self._mails.replace_one(_taken(mail), codec.to_document(mail))
        return result.matched_count == 1

    async def give_back(self, mails: Sequence[Mail], now: datetime) -> None:
        """Let others take mails that were taken and not tried."""
        if mails:
            untried = {"$set": {"due_at": now}, "$inc": {"attempts": -1}}
            with answering():
                await self._mails.bulk_write(
                    [UpdateOne(_taken(mail), untried) for mail in mails], ordered=False
                )

    async def suppress(self, workspace_id: str, email_key: bytes, at: datetime) -> None:
        """Send nothing more to an address."""
        entry = {"workspace_id": workspace_id, "email_key": email_key}
        with answering():
            await self._suppressions.update_one(
                {"_id": _name(workspace_id, email_key)}, {"$setOnInsert": {**entry, "at": at}}, upsert=True
            )

    async def suppressed(self, addressees: Collection[Addressee]) -> set[Addressee]:
        """To whom of these nothing is sent."""
        names = {_name(*each): each for each in addressees}
        with answering():
            documents = await self._suppressions.find({"_id": {"$in": list(names)}}, {"_id": 1}).to_list()
        return {names[document["_id"]] for document in documents}


def _taken(mail: Mail) -> mongo.Document:
    """The mail as long as nobody else has taken it: whoever does counts an attempt."""
    return {"_id": mail.id, "workspace_id": mail.workspace_id, "attempts": mail.attempts}


def _name(workspace_id: str, email_key: bytes) -> str:
    return f"{workspace_id}/{email_key.hex()}"
