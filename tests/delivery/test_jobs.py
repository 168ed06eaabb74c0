"""The job engine: who may commit a chunk, what conflicts and faults come to, and how a job ends."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from app.services import Services
from delivery.jobs import Counts, Jobs
from domain import chunks, jobs
from domain.chunks import Change, Chunk, Moved, New, Work
from domain.errors import Rejected, UserError, UserErrorCode
from domain.jobs import BulkKind, Job, JobState, RowResult
from domain.links import Link
from domain.paging import Window
from storage.turns import MAX_ATTEMPTS, MongoTurns

WORKSPACE = "ws_00000000000000000000000001"


class Spec(msgspec.Struct):
    """Nothing to know."""


class Rows:
    """Settles two rows a chunk, and counts how often it was asked."""

    def __init__(self, name: str = "rows", total: int = 10) -> None:
        self.name = name
        self.total = total
        self.asked: list[int] = []

    async def chunk(self, job: Job, cursor: Any) -> Chunk:  # noqa: ARG002 - the protocol names it
        first = int(cursor or 0)
        self.asked.append(first)
        return await self.of(first)

    async def of(self, first: int) -> Chunk:
        """The chunk that begins with row `first`."""
        return Chunk(
            results=[RowResult(first), RowResult(first + 1)], cursor=first + 2, last=first + 2 >= self.total
        )


class Broken(Rows):
    """Meets a fault of ours at its second chunk."""

    async def of(self, first: int) -> Chunk:
        if first == 2:
            raise RuntimeError("a fault")
        return await super().of(first)


class Refusing(Rows):
    """Cannot go on behind its first chunk."""

    async def of(self, first: int) -> Chunk:
        if first:
            raise Rejected(UserError(UserErrorCode.NOT_FOUND, "The rows are gone."))
        return await super().of(first)


class Editing(Rows):
    """Changes the title of a link, which somebody else edits while the first chunk is being prepared."""

    def __init__(self, opened: Services, link: Link) -> None:
        super().__init__("editing", 1)
        self.opened = opened
        self.link = link

    async def of(self, _first: int) -> Chunk:
        old = (await self.opened.links.by_ids(WORKSPACE, [self.link.id]))[self.link.id]
        if len(self.asked) == 1:
            await self.opened.links.update(WORKSPACE, old, edited(old, notes="by hand"))
        return Chunk(changed=[Change(0, old, edited(old, title="by the job"))], last=True)


class Making(Rows):
    """Makes links with slugs that are taken."""

    def __init__(self, made: Sequence[New]) -> None:
        super().__init__("making", 1)
        self.made = made

    async def of(self, _first: int) -> Chunk:
        return Chunk(made=self.made, last=True)


def edited(link: Link, **fields: Any) -> Link:
    """The next version of a link."""
    return msgspec.structs.replace(link, version=link.version + 1, **fields)


def new_link(opened: Services, slug: str) -> Link:
    """A link that nobody has kept yet."""
    now = opened.clock()
    return Link(
        id=opened.ids.new("lnk"),
        workspace_id=WORKSPACE,
        domain="s.example",
        slug=slug,
        slug_key=slug,
        destination="https://example.com/",
        created_at=now,
        updated_at=now,
    )


async def waiting(opened: Services, work: Work, total: int = 10, workspace_id: str = WORKSPACE) -> Job:
    """A job that waits."""
    job = jobs.new(
        BulkKind.UPDATE,
        work.name,
        Spec(),
        workspace_id=workspace_id,
        actor="key",
        total=total,
        clock=opened.clock,
        ids=opened.ids,
    )
    return await jobs.start(job, opened.jobs, opened.job_news)


@asynccontextmanager
async def working(opened: Services, *works: Work) -> AsyncIterator[tuple[Jobs, MongoTurns]]:
    """A worker that knows some works."""
    names = [work.name for work in works]
    async with MongoTurns(opened.database, secrets.token_hex(4), names, opened.clock) as turns:
        engine = Jobs(
            turns, works, news=opened.job_news, changes=opened.changes, ids=opened.ids, counts=Counts()
        )
        yield engine, turns


async def now(opened: Services, job: Job) -> Job:
    """The job as it stands."""
    return (await opened.jobs.by_ids(job.workspace_id, [job.id]))[job.id]


async def rows(opened: Services, job: Job) -> list[RowResult]:
    """What became of its rows."""
    page = await opened.jobs.results(job.workspace_id, job.id, Window(size=100), only_failed=False)
    return page.items


async def lose_lease(opened: Services, job: Job) -> None:
    """As if its worker had not been heard of for a while."""
    longer_ago = datetime.now(UTC) - timedelta(minutes=1)
    await opened.database["jobs"].update_one({"_id": job.id}, {"$set": {"lease.renewed_at": longer_ago}})


async def test_every_row_is_settled_once_and_in_order(opened: Services) -> None:
    work = Rows()
    job = await waiting(opened, work)
    async with working(opened, work) as (engine, _):
        await engine.until_idle()
    found = await now(opened, job)
    assert (found.state, found.done, found.succeeded, found.step) == (JobState.SUCCEEDED, 10, 10, 5)
    assert [result.row for result in await rows(opened, job)] == list(range(10))
    assert sorted(set(work.asked)) == [0, 2, 4, 6, 8]


async def test_of_two_workers_on_one_job_only_one_commits(opened: Services) -> None:
    """A worker that was stalled beyond its lease finds that others have gone on; its chunk is undone."""
    work = Rows()
    job = await waiting(opened, work)
    async with working(opened, work) as (_, stalled), working(opened, work) as (engine, _):
        mine = await stalled.take()
        assert mine is not None
        chunk = await work.chunk(mine, mine.cursor)
        await lose_lease(opened, job)
        await engine.until_idle()
        with pytest.raises(Moved):
            await stalled.commit(mine, chunk)
    assert [result.row for result in await rows(opened, job)] == list(range(10))


async def test_the_transaction_of_a_dead_worker_blocks_nobody(opened: Services) -> None:
    """What a killed worker leaves open is ended by its successor, long before MongoDB would."""
    work = Rows()
    job = await waiting(opened, work)
    async with AsyncExitStack() as stack:
        _, dead = await stack.enter_async_context(working(opened, work))
        mine = await dead.take()
        assert mine is not None
        session = dead._session
        await lose_lease(opened, job)
        await session.start_transaction()
        await opened.database["jobs"].update_one({"_id": job.id}, {"$set": {"done": 1}}, session=session)
        engine, _ = await stack.enter_async_context(working(opened, work))
        async with asyncio.timeout(30):
            await engine.until_idle()
    assert (await now(opened, job)).state is JobState.SUCCEEDED


async def test_a_cancelled_job_takes_no_further_chunk(opened: Services) -> None:
    work = Rows()
    job = await waiting(opened, work)
    async with working(opened, work) as (_, turns):
        mine = await turns.take()
        assert mine is not None
        mine = await turns.commit(mine, await work.chunk(mine, mine.cursor))
        cancelled = await jobs.cancel(job.id, WORKSPACE, opened.jobs, opened.job_news, opened.clock())
        assert (cancelled.state, cancelled.done) == (JobState.CANCELLED, 2)
        with pytest.raises(Moved):
            await turns.commit(mine, await work.chunk(mine, mine.cursor))
        assert await turns.take() is None
    assert len(await rows(opened, job)) == 2


async def test_a_link_that_was_edited_meanwhile_is_read_again(opened: Services) -> None:
    link = new_link(opened, "edited")
    await opened.links.add(WORKSPACE, link)
    work = Editing(opened, link)
    job = await waiting(opened, work, total=1)
    async with working(opened, work) as (engine, _):
        await engine.until_idle()
    kept = await opened.links.by_id(WORKSPACE, link.id)
    assert kept is not None
    assert (kept.title, kept.notes, kept.version) == ("by the job", "by hand", 3)
    assert await rows(opened, job) == [RowResult(0, link.id, 3)]


async def test_what_is_taken_is_settled_and_the_rest_is_made(opened: Services) -> None:
    for slug in ("drawn", "spring", "own"):
        await opened.links.add(WORKSPACE, new_link(opened, slug))
    slugs = {"drawn": "", "spring": "spring", "own": None, "free": None}
    made = [New(row, new_link(opened, slug), spare) for row, (slug, spare) in enumerate(slugs.items())]
    work = Making(made)
    job = await waiting(opened, work, total=4)
    async with working(opened, work) as (engine, _):
        await engine.until_idle()
    found = await rows(opened, job)
    links = await opened.links.by_ids(WORKSPACE, [each.link_id for each in found if each.link_id])
    assert [each.errors and each.errors[0].code for each in found] == [(), (), "TAKEN", ()]
    drawn, spring, free = (links[found[row].link_id or ""].slug for row in (0, 1, 3))
    assert (len(drawn), spring[:7], len(spring), free) == (8, "spring-", 12, "free")
    assert await opened.database["links"].count_documents({}) == 6


async def test_a_fault_ends_its_job_and_no_other(opened: Services) -> None:
    broken, sound = Broken("broken"), Rows("sound")
    bad, good = await waiting(opened, broken), await waiting(opened, sound)
    async with working(opened, broken, sound) as (engine, _):
        await engine.until_idle()
    failed = await now(opened, bad)
    assert (failed.state, failed.done) == (JobState.FAILED, 2)
    assert failed.finished_at is not None
    assert "a fault of this service after 2 rows" in failed.errors[0].message
    assert (await now(opened, good)).state is JobState.SUCCEEDED


async def test_a_work_may_say_that_its_job_cannot_go_on(opened: Services) -> None:
    work = Refusing("refusing")
    job = await waiting(opened, work)
    async with working(opened, work) as (engine, _):
        await engine.until_idle()
    found = await now(opened, job)
    assert (found.state, found.done) == (JobState.FAILED, 2)
    assert [error.message for error in found.errors] == ["The rows are gone."]


async def test_a_job_that_kills_its_workers_is_given_up(opened: Services) -> None:
    work = Rows()
    job = await waiting(opened, work)
    for _ in range(MAX_ATTEMPTS):
        async with working(opened, work) as (_, turns):
            assert await turns.take() is not None
            await lose_lease(opened, job)
    async with working(opened, work) as (_, turns):
        assert await turns.take() is None
    found = await now(opened, job)
    assert found.state is JobState.FAILED
    assert found.errors[0].message.startswith("The job was begun 30 times")


async def test_turns_go_to_whom_was_served_least_recently(opened: Services) -> None:
    """BK2: one workspace's many jobs take as many turns as another's one."""
    work = Rows()
    many = [await waiting(opened, work) for _ in range(3)]
    other = await waiting(opened, work, workspace_id="ws_00000000000000000000000002")
    served = []
    async with working(opened, work) as (_, turns):
        for _ in range(6):
            job = await turns.take()
            assert job is not None
            served.append(job.id)
            await turns.commit(job, Chunk(results=[RowResult(job.done)], cursor=0))
            await turns.give_back(job)
    assert served == [many[0].id, other.id, many[1].id, other.id, many[2].id, other.id]


def test_redirects_hear_of_what_they_may_know() -> None:
    now = datetime.now(UTC)
    old = Link(
        id="lnk_1", workspace_id=WORKSPACE, domain="s.example", slug="A", slug_key="a",
        destination="https://example.com/", created_at=now, updated_at=now,
    )  # fmt: skip
    moved = edited(old, slug="B", slug_key="b")
    told = chunks.told(Chunk(made=[New(0, old)], changed=[Change(1, old, moved)]))
    assert [(each.slug_key, each.version) for each in told] == [("a", 2), ("b", 2)]


async def test_two_starved_workers_get_on(opened: Services) -> None:
    """Who lost the lease before the chunk was ready may still be the first to commit it."""
    work = Rows()
    job = await waiting(opened, work)
    async with working(opened, work) as (_, slow), working(opened, work) as (_, slower):
        mine = await slow.take()
        assert mine is not None
        await lose_lease(opened, job)
        theirs = await slower.take()
        assert theirs is not None
        chunk = await work.chunk(mine, mine.cursor)
        assert (await slow.commit(mine, chunk)).step == 1
        with pytest.raises(Moved):
            await slower.commit(theirs, chunk)
    assert [result.row for result in await rows(opened, job)] == [0, 1]
