"""Data subjects: giving out and erasing what is kept of a person."""

import strawberry

from domain import subjects
from domain.access import Scope
from domain.errors import Rejected
from domain.subjects import Archive
from resolvers.outcomes import outcome
from resolvers.referrals import signup_desk
from schema.bulk_jobs import BulkJobPayload
from schema.context import Context, Info
from schema.payloads import DeletePayload, UserError

_WRITE = {"scope": Scope.REFERRALS_WRITE, "cost": 100}


@strawberry.type
class SubjectMutations:
    """Rights of the people whose data are kept."""

    @strawberry.mutation(
        description="Write everything that is kept of a person into a file of JSON Lines, as a job. Its "
        "`resultsUrl` gives the file once it has SUCCEEDED, to keys that may read referrals and analytics.",
        metadata=_WRITE,
    )
    async def export_subject(self, info: Info, email: str) -> BulkJobPayload:
        """Answers as soon as the job waits."""
        return BulkJobPayload.of(await outcome(subjects.export(email, await _archive(info.context))))

    @strawberry.mutation(
        description="Erase a person: the address, what stands for it, the mails, and what customers told. "
        "Figures stay as they are. `deletedId` is the participant's id; null where the person was none.",
        metadata=_WRITE,
    )
    async def erase_subject(self, info: Info, email: str) -> DeletePayload:
        """Done again after a failure, it erases what was left."""
        gone = await outcome(subjects.erase(email, await _archive(info.context)))
        if isinstance(gone, Rejected):
            return DeletePayload(deleted_id=None, user_errors=[UserError.of(error) for error in gone.errors])
        return DeletePayload(deleted_id=None if gone is None else strawberry.ID(gone), user_errors=[])


async def _archive(context: Context) -> Archive:
    stores = context.stores
    return Archive(
        desk=await signup_desk(context),
        subjects=stores.subjects,
        stored=stores.conversions,
        letters=stores.letters,
        jobs=stores.jobs,
        news=stores.job_news,
    )
