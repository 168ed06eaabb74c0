"""Mails in MongoDB: `mails`, which holds no address, and `suppressions`, which holds keyed hashes of some."""

from collections.abc import Sequence
from datetime import datetime

from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession

from domain.mails import Mail, MailState
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

    async def take(self, now: datetime, until: datetime) -> Mail | None:
        """The mail that is due longest, which nobody else takes before `until`."""
        with answering():
            document = await self._mails.find_one_and_update(
                {"state": MailState.PENDING, "due_at": {"$lte": now}},
                {"$set": {"due_at": until}, "$inc": {"attempts": 1}},
                sort=[("due_at", 1)],
                return_document=ReturnDocument.AFTER,
            )
        return None if document is None else codec.to_value(document, Mail)

    async def settle(self, mail: Mail) -> None:
        """Keep what became of a mail, unless somebody has tried it again meanwhile."""
        seen = {"_id": mail.id, "workspace_id": mail.workspace_id, "attempts": mail.attempts}
        with answering():
            await self._mails.replace_one(seen, codec.to_document(mail))

    async def suppress(self, workspace_id: str, email_key: bytes, at: datetime) -> None:
        """Send nothing more to an address."""
        entry = {"workspace_id": workspace_id, "email_key": email_key}
        with answering():
            await self._suppressions.update_one(
                {"_id": _name(workspace_id, email_key)}, {"$setOnInsert": {**entry, "at": at}}, upsert=True
            )

    async def suppressed(self, workspace_id: str, email_key: bytes) -> bool:
        """Whether nothing is sent to an address."""
        with answering():
            found = await self._suppressions.find_one({"_id": _name(workspace_id, email_key)}, {"_id": 1})
        return found is not None


def _name(workspace_id: str, email_key: bytes) -> str:
    return f"{workspace_id}/{email_key.hex()}"
