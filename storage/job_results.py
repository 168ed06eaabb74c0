"""Results of jobs: one document a chunk, its rows packed, those that failed apart from the others.

Packed (MessagePack), because a million results are only ever read in order: a page of them is cut out here.
"""

import heapq
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from bson import Binary

from domain import jobs
from domain.chunks import Chunk
from domain.errors import UserError, Verbatim
from domain.jobs import Job, RowResult
from domain.paging import Page, Window
from storage.mongo import Database, Document, answering

_AT_A_TIME: Final = 4
_VERBATIM: Final = "\0"
"""Stands before parts of a path that the caller named; nothing else can begin like that."""


def _marked(part: Any) -> str:
    if isinstance(part, Verbatim):
        return _VERBATIM + str(part)
    raise TypeError(f"a result holds a {type(part).__name__}")


_encode: Final = msgspec.msgpack.Encoder(enc_hook=_marked).encode
_decode: Final = msgspec.msgpack.Decoder(list[RowResult]).decode


class MongoResults:
    """What is read of results; chunks write them in their transactions (storage/turns.py)."""

    def __init__(self, database: Database) -> None:
        self._results = database["job_results"]

    async def page(
        self, workspace_id: str, job_id: str, window: Window, *, only_failed: bool
    ) -> Page[RowResult]:
        """One stretch of the results so far, in the order of the rows, by row."""
        behind = -1 if window.after is None else int(window.after[0])
        query: Document = {"workspace_id": workspace_id, "job_id": job_id, "last_row": {"$gt": behind}}
        if only_failed:
            query["failed"] = {"$gt": 0}
        wanted = {"failures": 1} if only_failed else {"failures": 1, "successes": 1}
        found: list[RowResult] = []
        with answering():
            async with self._results.find(query, wanted).sort("last_row", 1).batch_size(_AT_A_TIME) as chunks:
                async for chunk in chunks:
                    found += [row for row in _rows(chunk) if row.row > behind]
                    if len(found) > window.size:
                        break
        return Page(window, found[: window.size + 1])

    async def output(self, workspace_id: str, job_id: str, step: int) -> bytes | None:
        """What the chunk of a step wrote into the job's file; None: there is no such chunk (yet)."""
        query = {"_id": _id(job_id, step), "workspace_id": workspace_id}
        with answering():
            document = await self._results.find_one(query, {"output": 1})
        return None if document is None else bytes(document.get("output", b""))

    async def sizes(self, workspace_id: str, job_id: str) -> list[tuple[int, int]]:
        """The pieces of the job's file so far, in order: of each its step and its bytes."""
        query: Document = {"workspace_id": workspace_id, "job_id": job_id, "bytes": {"$gt": 0}}
        with answering():  # answered from the index: the pieces themselves are not read
            found = self._results.find(query, {"_id": 0, "step": 1, "bytes": 1}, hint="pieces")
            return [(each["step"], each["bytes"]) async for each in found.sort("step", 1)]


def of(chunk: Chunk) -> list[RowResult]:
    """What becomes of the rows of a chunk that is committed, in their order."""
    settled = [
        *chunk.results,
        *(RowResult(each.row, each.link.id, each.link.version) for each in chunk.made),
        *(RowResult(each.row, each.new.id, each.new.version) for each in chunk.changed),
        *(RowResult(each.row, each.old.id, each.old.version + 1) for each in chunk.removed),
    ]
    return sorted(settled, key=_row)


def document(job: Job, settled: Sequence[RowResult], output: bytes, now: datetime) -> Document:
    """The document of a chunk that is committed at the job's step."""
    failures = [each for each in settled if each.errors]
    kept: Document = {
        "_id": _id(job.id, job.step),
        "workspace_id": job.workspace_id,
        "job_id": job.id,
        "failed": len(failures),
        "failures": Binary(_encode(failures)),
        "successes": Binary(_encode([each for each in settled if not each.errors])),
        "expires_at": now + jobs.KEPT,
    }
    if settled:
        kept["last_row"] = settled[-1].row
    if output:
        kept |= {"output": Binary(output), "step": job.step, "bytes": len(output)}
    return kept


def _rows(chunk: Document) -> list[RowResult]:
    failures = [
        msgspec.structs.replace(row, errors=tuple(map(_named, row.errors)))
        for row in _decode(chunk["failures"])
    ]
    successes = _decode(chunk["successes"]) if "successes" in chunk else []
    return list(heapq.merge(failures, successes, key=_row))


def _named(error: UserError) -> UserError:
    """The error with the parts of its path as they were."""
    path = [Verbatim(part[1:]) if part.startswith(_VERBATIM) else part for part in error.field]
    return msgspec.structs.replace(error, field=tuple(path))


def _row(result: RowResult) -> int:
    return result.row


def _id(job_id: str, step: int) -> str:
    return f"{job_id}/{step:08}"
