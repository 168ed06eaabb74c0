"""Jobs that walk through links, by workers that die while they commit."""

import asyncio
import dataclasses
from datetime import UTC, datetime

import msgspec
from pymongo.monitoring import CommandStartedEvent

from app import jobs
from delivery.jobs import Counts
from storage import mongo
from tests.api.conftest import Api, Commands, stores_with
from tests.api.test_bulk_edits import UNDO, UPDATE, done, links, make, started
from tests.bulk import SHORT_BASE

LINKS = 950


class Deaths(Commands):
    """Tells when a worker sends its n-th commit."""

    def __init__(self, commits: int) -> None:
        super().__init__()
        self.reached = asyncio.Event()
        self._left = commits

    def started(self, event: CommandStartedEvent) -> None:
        """Count one."""
        if event.command_name == "commitTransaction":
            self._left -= 1
            if self._left == 0:
                self.reached.set()


async def dies(api: Api, commits: int) -> None:
    """A worker that is gone at its n-th commit, answered or not, and whose lease has run out."""
    deaths = Deaths(commits)
    async with stores_with(api.services, deaths) as stores:
        settings = msgspec.structs.replace(stores.settings, short_url=SHORT_BASE)
        async with jobs.working(dataclasses.replace(stores, settings=settings), Counts()) as worker:
            work = asyncio.create_task(worker.run(asyncio.Event()))
            async with asyncio.timeout(30):
                await deaths.reached.wait()
            while not work.done():  # the driver takes a first cancellation for the end of its command
                work.cancel()
                await asyncio.wait({work}, timeout=0.01)
    async for job in api.services.database["jobs"].find({"lease": {"$exists": True}}):
        await mongo.end_session(
            api.services.database, job["lease"]["session"]
        )  # or its transaction is in the way
        past = {"$set": {"lease.renewed_at": datetime(2000, 1, 1, tzinfo=UTC)}}
        await api.services.database["jobs"].update_one({"_id": job["_id"]}, past)


async def test_each_link_is_changed_once_whoever_dies(api: Api) -> None:
    """BK-02: and taken back once; results are complete."""
    await make(api, LINKS, tags=("old",))
    change = {"addTags": ["new"], "removeTags": ["old"]}
    job = await started(api, UPDATE, filter={"tags": ["old"]}, change=change, expected=LINKS)
    for commits in (1, 2):
        await dies(api, commits)
    found = await done(api, job)
    assert (found["total"], found["done"], found["succeeded"]) == (LINKS, LINKS, LINKS)
    rows = await api.services.database["job_results"].find({"job_id": job}).sort("last_row", 1).to_list()
    assert [row["last_row"] for row in rows] == [*range(99, LINKS, 100), LINKS - 1]
    assert {(each["version"], *each["tags"]) for each in await links(api)} == {(2, "new")}
    undo = await started(api, UNDO, id=job)
    await dies(api, 1)
    found = await done(api, undo)
    assert (found["done"], found["succeeded"]) == (LINKS, LINKS)
    assert {(each["version"], *each["tags"]) for each in await links(api)} == {(3, "old")}
