"""Everything that is kept of a person, wherever it stands; see domain.subjects."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Final

import msgspec

from domain import click_rows, subjects
from domain.clicks import Click
from domain.conversions import Conversion
from domain.errors import UserErrorCode
from domain.file_rows import Row
from domain.participants import Participant
from domain.referrals import Referral
from domain.rewards import Reward
from domain.uploads import HIDDEN, unfit
from storage import codec
from storage.customers import MongoCustomers, told_with
from storage.mongo import Database, Document, answering

_AT_A_TIME: Final = 100
_ERASED: Final = unfit("The person whom this row named was erased.", UserErrorCode.NOT_FOUND)
_HIDDEN: Final = frozenset(
    {
        *("workspace_id", "version", "customer_keys", "identities", "email_key", "person_key", "identity"),
        *("visitor", "hasty", "counted", "recount_at"),
    }
)
"""What is of no use to a person, or only stands for them."""


class MongoSubjects:
    """The store of persons; see domain.subjects.Subjects for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.customers = MongoCustomers(database)

    async def rows(
        self, workspace_id: str, email_key: bytes, participant_id: str | None
    ) -> AsyncGenerator[Row, None]:
        """Everything that is kept of a person, always in the same order."""
        keys = [email_key, *await self.customers.ids(workspace_id, email_key)]
        for collection, condition, kind in _sections(keys, participant_id):
            query, after = {"workspace_id": workspace_id, **condition}, ""
            while documents := await self._some(collection, query, after):
                for document in documents:
                    yield _row(collection, document, kind)
                after = documents[-1]["_id"]
        for click in await self._clicks(workspace_id, keys):
            yield {"type": "clicks", **click_rows.row(click)}

    async def forget(self, workspace_id: str, email_key: bytes, participant_id: str | None) -> int:
        """Remove mails to a participant and files that told of the person; how many there were."""
        own, gone = {"workspace_id": workspace_id}, 0
        files = {**own, "work": subjects.EXPORT_WORK}
        with answering():
            if participant_id is not None:
                mails = {**own, "participant_id": participant_id}
                gone = (await self._database["mails"].delete_many(mails)).deleted_count
            jobs = await self._database["jobs"].find(files).to_list()
            told = [job["_id"] for job in jobs if _key(job) == email_key]
            await self._database["job_results"].delete_many({**own, "job_id": {"$in": told}})
            await self._database["jobs"].delete_many({**own, "_id": {"$in": told}})
        return gone + len(told)

    async def scrub(self, workspace_id: str, named: Callable[[Any], bool]) -> int:
        """Empty the rows and headers of uploads that name a person; how many there were."""
        own, chunks = {"workspace_id": workspace_id}, self._database["upload_chunks"]
        with answering():
            scrubbed = await self._scrub_headers(own, named)
            async for chunk in chunks.find(own, {"rows": 1, "unfit": 1}):
                rows: list[Any] = msgspec.json.decode(chunk["rows"])
                found = [place for place, row in enumerate(rows) if named(row)]
                if not found:
                    continue
                for place in found:
                    rows[place] = None
                unfit_rows = [*chunk["unfit"], *([place, codec.to_document(_ERASED)] for place in found)]
                change = {"rows": msgspec.json.encode(rows), "unfit": unfit_rows}
                await chunks.update_one({"_id": chunk["_id"], **own}, {"$set": change})
                scrubbed += len(found)
        return scrubbed

    async def _scrub_headers(self, own: Document, named: Callable[[Any], bool]) -> int:
        uploads, scrubbed = self._database["uploads"], 0
        async for upload in uploads.find({**own, "columns": {"$ne": []}}, {"columns": 1}):
            if named(upload["columns"]):
                columns = [HIDDEN if named(each) else each for each in upload["columns"]]
                await uploads.update_one({"_id": upload["_id"], **own}, {"$set": {"columns": columns}})
                scrubbed += 1
        return scrubbed

    async def _some(self, collection: str, query: Document, after: str) -> list[Document]:
        behind = {"$and": [query, {"_id": {"$gt": after}}]}
        with answering():
            return await self._database[collection].find(behind).sort("_id", 1).limit(_AT_A_TIME).to_list()

    async def _clicks(self, workspace_id: str, keys: Sequence[bytes]) -> list[Click]:
        """The clicks that the person is known to have made, as far as the ledger keeps them."""
        query = {"workspace_id": workspace_id, "customer_key": {"$in": list(keys)}}
        with answering():
            found = await self._database["touches"].find(query, {"click_id": 1}).to_list()
            wanted = {"workspace_id": workspace_id, "_id": {"$in": [each["click_id"] for each in found]}}
            documents = await self._database["clicks"].find(wanted).sort("_id", 1).to_list()
        return [codec.to_value(document, Click) for document in documents]


def _sections(
    keys: Sequence[bytes], participant_id: str | None
) -> list[tuple[str, Document, type[msgspec.Struct]]]:
    """Collection, what is the person's in it, and what its documents are."""
    own = {"participant_id": participant_id}
    made: list[tuple[str, Document, type[msgspec.Struct]]] = [
        ("participants", {"_id": participant_id}, Participant),
        ("referrals", own, Referral),
        ("rewards", own, Reward),
    ]
    customer: tuple[str, Document, type[msgspec.Struct]] = (
        "conversions",
        told_with(keys),
        Conversion,
    )
    return [*(made if participant_id is not None else []), customer]


def _row(collection: str, document: Document, kind: type[msgspec.Struct]) -> Row:
    """A document as a person can read it: what it is, and its fields as JSON has them."""
    value = msgspec.structs.asdict(codec.to_value(document, kind))
    shown = {name: each for name, each in value.items() if name not in _HIDDEN}
    plain: dict[str, Any] = msgspec.to_builtins(shown)
    return {"type": collection, **plain}


def _key(job: Document) -> bytes:
    return msgspec.convert(job["spec"], subjects.ExportSubject).email_key
