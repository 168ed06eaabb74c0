"""Bulk creation of referral links: the rows of a call or a file, each as createReferralLink does it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import msgspec

from domain import fields, jobs, promotion_edits, referral_links, uploads, written_wishes
from domain.bulk_creations import MAX_BYTES, MAX_ROWS
from domain.bulk_creations import Desk as BulkDesk
from domain.chunks import Chunk
from domain.errors import Rejected, UserError, UserErrorCode
from domain.jobs import BulkKind, Job, RowResult
from domain.promotions import Promotions
from domain.referral_links import Made
from domain.referral_wishes import Wish
from domain.referrals import Referrals
from domain.secrets import PEOPLE, Secrets
from domain.signups import Desk, Signups
from domain.uploads import Row, Upload, UploadFormat, Uploads
from domain.workbenches import Workshop

WORK: Final = "create_referral_links"
KEPT: Final = timedelta(days=3)
"""How long rows wait for their job: they are people's addresses, and go as soon as it is done."""


class CreateReferralLinks(msgspec.Struct, frozen=True, kw_only=True):
    """What the job has to know; the addresses stand in the upload alone."""

    upload_id: str
    chunks: int
    format: UploadFormat
    promotion_uid: str


async def start(
    promotion_uid: str, rows: Sequence[Wish] | None, file: str | None, desk: Desk, bulk: BulkDesk
) -> Job:
    """Judge a call as a whole and start its job; what is wrong with single rows stands in the job's results.

    Raises:
        Rejected: REQUIRED, INVALID, NOT_FOUND, LIMIT_EXCEEDED; then no job was started.
    """
    bench = desk.bench
    _check_shape(rows, file)
    promotion = promotion_edits.found(
        await desk.promotions.by_uid(bench.workspace_id, promotion_uid), "promotion_uid"
    )
    upload = await _upload(rows, file, desk, bulk)
    spec = CreateReferralLinks(
        upload_id=upload.id, chunks=upload.chunks, format=upload.format, promotion_uid=promotion.uid
    )
    job = jobs.new(
        BulkKind.CREATE,
        WORK,
        spec,
        workspace_id=bench.workspace_id,
        actor=bench.actor,
        total=upload.rows,
        clock=bench.clock,
        ids=bench.ids,
    )
    return await jobs.start(job, bulk.jobs, bulk.news)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """Where sign-ups of jobs find what they work with."""

    workshop: Workshop
    promotions: Promotions
    referrals: Referrals
    signups: Signups
    secrets: Secrets

    async def desk(self, job: Job) -> Desk:
        """The desk of a job; raises Rejected where its workspace is gone."""
        return Desk(
            bench=await self.workshop.bench(job),
            promotions=self.promotions,
            referrals=self.referrals,
            signups=self.signups,
            people=await self.secrets.agreed(PEOPLE),
        )


class ReferralCreation:
    """Signs up the people of an upload; see domain.chunks.Work.

    Sign-ups write what belongs to them in transactions of their own, before the job's: done again, which may
    happen to any chunk, they give the same. The last step has no rows: it drops the upload when every chunk
    is behind it, and none will be asked for again.
    """

    name = WORK

    def __init__(self, reception: Reception, store: Uploads) -> None:
        self._reception = reception
        self._uploads = store

    async def chunk(self, job: Job, cursor: Any) -> Chunk:
        """The people of one chunk of the upload; chunks are counted by the cursor."""
        spec, number = jobs.spec_of(job, CreateReferralLinks), int(cursor or 0)
        if number > spec.chunks:
            # Asked for at the earliest while the empty step is committed, and so the last rows are.
            await self._uploads.remove(job.workspace_id, spec.upload_id)
            return Chunk(cursor=number + 1, last=True)
        if number == spec.chunks:
            return Chunk(cursor=number + 1)
        rows = await self._uploads.chunk(job.workspace_id, spec.upload_id, number)
        if rows is None:
            message = "The rows of the job are not kept any more; start it again."
            raise Rejected(UserError(UserErrorCode.NOT_FOUND, message))
        results = await self._results(rows.read(), spec, await self._reception.desk(job))
        return Chunk(
            results=[_result(row, each) for row, each in enumerate(results, rows.first)], cursor=number + 1
        )

    async def _results(
        self, rows: Sequence[Row], spec: CreateReferralLinks, desk: Desk
    ) -> list[Made | Rejected]:
        results: dict[int, Made | Rejected] = {}
        wishes: dict[int, Wish] = {}
        for place, row in enumerate(rows):
            try:
                wishes[place] = _wish(row, spec)
            except Rejected as rejected:
                results[place] = rejected
        made = await referral_links.create_many(list(wishes.values()), desk)
        results |= dict(zip(wishes, made, strict=True))
        return [results[place] for place in range(len(rows))]


def _wish(row: Row, spec: CreateReferralLinks) -> Wish:
    if isinstance(row, UserError):
        raise Rejected(row)
    if spec.format is UploadFormat.INLINE:
        wish = msgspec.convert(row, Wish)  # GraphQL has judged its types
        written_wishes.of_promotion(wish.promotion_uid, spec.promotion_uid)
        return wish
    cells = spec.format is UploadFormat.CSV
    return written_wishes.wish(written_wishes.from_cells(row) if cells else row, spec.promotion_uid)


def _result(row: int, made: Made | Rejected) -> RowResult:
    if isinstance(made, Rejected):
        return RowResult(row, errors=made.errors)
    return RowResult(row, made.link.id, made.link.version)


def _check_shape(rows: Sequence[Wish] | None, file: str | None) -> None:
    if rows is None and file is None:
        raise fields.refused("rows", "Give rows or a file.", UserErrorCode.REQUIRED)
    if rows is not None and file is not None:
        raise fields.refused("file", "There are rows and a file; give one of them.")
    if rows is not None and not 1 <= len(rows) <= MAX_ROWS:
        message = f"There are {len(rows):,} rows; one call takes 1 to {MAX_ROWS:,}, a file a million."
        raise fields.refused(
            "rows", message, UserErrorCode.LIMIT_EXCEEDED if rows else UserErrorCode.REQUIRED
        )


async def _upload(rows: Sequence[Wish] | None, file: str | None, desk: Desk, bulk: BulkDesk) -> Upload:
    """The rows as an upload that waits for the job, and no longer than KEPT."""
    bench = desk.bench
    if rows is not None:
        plain: list[Mapping[str, Any]] = [msgspec.to_builtins(row) for row in rows]
        size = len(msgspec.json.encode(plain))
        if size > MAX_BYTES:
            message = f"The rows have {size:,} bytes; one call takes up to {MAX_BYTES:,}, a file more."
            raise fields.refused("rows", message, UserErrorCode.LIMIT_EXCEEDED)
        upload = await uploads.add_inline(
            plain, workspace_id=bench.workspace_id, store=bulk.uploads, clock=bench.clock, ids=bench.ids
        )
        file = upload.id
    now = bench.clock()
    return await uploads.claimed(file or "", now + KEPT, bench.workspace_id, bulk.uploads, now)
