"""Uploads in MongoDB: collection `uploads`, and `upload_chunks`, their rows; both expire by themselves."""

from datetime import datetime

from domain.uploads import Chunk, Upload
from storage import codec
from storage.mongo import Database, Document, answering


class MongoUploads:
    """The store of uploads; see domain.uploads.Uploads for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._uploads = database["uploads"]
        self._chunks = database["upload_chunks"]

    async def add_chunk(self, workspace_id: str, upload_id: str, chunk: Chunk, expires_at: datetime) -> None:
        """Keep a chunk of an upload that is still coming in; a repeated call meets what it stored."""
        kept: Document = {
            "workspace_id": workspace_id,
            "upload_id": upload_id,
            "number": chunk.number,
            "first": chunk.first,
            "rows": chunk.rows,
            "unfit": [
                [place, codec.to_document(error)] for place, error in chunk.unfit.items()
            ],  # names in BSON are texts
        }
        with answering():
            await self._chunks.update_one(
                {"_id": f"{upload_id}/{chunk.number}"},
                {"$setOnInsert": kept, "$max": {"expires_at": expires_at}},
                upsert=True,
            )

    async def add(self, workspace_id: str, upload: Upload) -> None:
        """Make an upload usable whose chunks are all kept; they stay as long. May be repeated."""
        fields = {**codec.to_document(upload), "workspace_id": workspace_id}
        with answering():
            await self._chunks.update_many(
                {"workspace_id": workspace_id, "upload_id": upload.id},
                {"$max": {"expires_at": upload.expires_at}},
            )
            await self._uploads.update_one({"_id": fields.pop("_id")}, {"$setOnInsert": fields}, upsert=True)

    async def by_id(self, workspace_id: str, upload_id: str, now: datetime) -> Upload | None:
        """The upload, or None where there is none, or none any more."""
        query = {"_id": upload_id, "workspace_id": workspace_id, "expires_at": {"$gt": now}}
        with answering():
            document = await self._uploads.find_one(query)
        return codec.to_value(document, Upload) if document else None

    async def chunk(self, workspace_id: str, upload_id: str, number: int) -> Chunk | None:
        """One chunk; None behind the last one, and when they are gone."""
        with answering():
            document = await self._chunks.find_one(
                {"_id": f"{upload_id}/{number}", "workspace_id": workspace_id}, {"_id": 0}
            )
        return codec.to_value({**document, "unfit": dict(document["unfit"])}, Chunk) if document else None

    async def count(self, workspace_id: str, *, limit: int) -> int:
        """How many wait for a job; counts no further than `limit`."""
        query = {"workspace_id": workspace_id, "claimed": None}
        with answering():
            return await self._uploads.count_documents(query, limit=limit)

    async def keep(self, workspace_id: str, upload: Upload, until: datetime) -> bool:
        """Keep an upload and its chunks for a job at least until then; False: it is not whole any more.

        The upload comes last: while it is there, its chunks stay as long as it promises.
        """
        longer = {"$max": {"expires_at": until}}
        with answering():
            chunks = await self._chunks.update_many(
                {"workspace_id": workspace_id, "upload_id": upload.id}, longer
            )
            if chunks.matched_count != upload.chunks:
                return False
            kept = await self._uploads.update_one(
                {"_id": upload.id, "workspace_id": workspace_id}, {**longer, "$set": {"claimed": True}}
            )
        return kept.matched_count == 1

    async def remove(self, workspace_id: str, upload_id: str) -> None:
        """Drop an upload, or the chunks of one that broke off."""
        with answering():
            await self._uploads.delete_one({"_id": upload_id, "workspace_id": workspace_id})
            await self._chunks.delete_many({"workspace_id": workspace_id, "upload_id": upload_id})
