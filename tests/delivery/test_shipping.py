"""Journals on the disk become ledger entries and disappear; nothing in between loses a click."""

import asyncio
import multiprocessing
import random
import signal
import time
from pathlib import Path

import psutil
import pytest

from app.services import Services
from delivery import clicks
from delivery.journals import Journal as ShippedJournal
from domain import ids, instants, journals, rollups
from domain.journals import HEADER, SEGMENT_BYTES
from domain.rollups import TIME, WORKSPACE, Asked, Scope, ScopeKind
from redirect.journal import Journal
from storage.journals import Journals
from storage.ledgers import Ledger
from storage.rollups import Rollups
from tests.delivery.workers import LINK, Worker, journal, visit


def folder_of(opened: Services, writer: Journal) -> Path:
    return opened.settings.journals_dir / writer.id


async def stored(opened: Services) -> int:
    return await opened.database.clicks.count_documents({})


async def test_a_living_journal_is_shipped_and_stays(opened: Services) -> None:
    """Clicks arrive while their writer lives, in the order they were written."""
    writer = journal(opened)
    for number in range(25):
        writer.append(visit(destination=f"https://example.com/{number}"))
    await Worker(opened).ship(25)
    found = await opened.database.clicks.find({}).sort("seq", 1).to_list()
    assert [document["final_destination"] for document in found] == [
        f"https://example.com/{number}" for number in range(25)
    ]
    assert folder_of(opened, writer).exists()
    writer.close()


async def test_a_dead_journal_is_closed_and_removed(opened: Services) -> None:
    """What a redirect process left behind is shipped, then nothing of it stays on the disk."""
    writer = journal(opened)
    writer.append(visit())
    writer.close()
    worker = Worker(opened)
    await worker.until(lambda: worker.counts.journals_closed == 1)
    assert not folder_of(opened, writer).exists()
    document = await opened.database.journals.find_one({"_id": writer.id})
    assert document is not None
    assert "closed_at" in document
    assert await stored(opened) == 1


async def test_full_segments_are_removed_once_they_are_shipped(opened: Services) -> None:
    """A journal goes on over many segments; those that are shipped free their space."""
    writer = journal(opened)
    large = visit(referrer="x" * 60_000)
    clicks = SEGMENT_BYTES // 60_000 * 2
    for _ in range(clicks):
        writer.append(large)
    await Worker(opened).ship(clicks)
    names = sorted(path.name for path in folder_of(opened, writer).glob("*.seg"))
    assert "00000000.seg" not in names
    assert "00000002.seg" in names
    assert await stored(opened) == clicks
    writer.close()


async def test_a_torn_tail_waits_for_a_living_writer(opened: Services) -> None:
    """A frame that is being written is not a click yet; when it is whole it is one."""
    writer = journal(opened)
    writer.append(visit())
    segment = folder_of(opened, writer) / "00000000.seg"
    reader = ShippedJournal.adopt(folder_of(opened, writer))
    assert reader is not None
    _, end = reader.frames(10)
    payload = journals.encode(visit())
    with segment.open("r+b") as file:
        file.seek(end)
        file.write(HEADER.pack(len(payload), 1) + payload)
    assert [reader.frames(10)[1] for _ in range(3)] == [end, end, end]
    with segment.open("r+b") as file:
        file.seek(end)
        file.write(HEADER.pack(len(payload), journals.checksum(payload)))
    assert len(reader.frames(10)[0]) == 2
    reader.release()
    writer.close()


async def test_a_torn_tail_of_a_dead_writer_is_the_end(opened: Services) -> None:
    """The click that was being written when its process died was never answered."""
    writer = journal(opened)
    writer.append(visit())
    end = writer._position
    writer.close()
    with (folder_of(opened, writer) / "00000000.seg").open("r+b") as file:
        file.seek(end)
        file.write(HEADER.pack(500, 1) + b"half of a record")
    worker = Worker(opened)
    await worker.until(lambda: worker.counts.journals_closed == 1)
    assert await stored(opened) == 1


async def test_unreadable_records_are_counted_and_passed_over(opened: Services) -> None:
    """A damaged frame, and a whole one of a shape nobody knows, block nothing behind them."""
    writer = journal(opened)
    writer.append(visit())
    start = writer._position
    writer.append(visit())
    payload = b"\x93\x01\x02\x03"
    position = writer._position
    writer._memory[position + 8 : position + 12] = payload
    HEADER.pack_into(writer._memory, position, len(payload), journals.checksum(payload))
    writer._position = position + 12
    writer.append(visit())
    writer._memory[start + 20] ^= 0xFF
    worker = Worker(opened)
    await worker.ship(2)
    assert worker.counts.records_unreadable == 2
    assert await stored(opened) == 2
    writer.close()


async def test_a_journal_is_shipped_by_one_process_at_a_time(opened: Services) -> None:
    """CL-06: whoever holds the lock ships; the next one gets it when it is let go."""
    writer = journal(opened)
    first = ShippedJournal.adopt(folder_of(opened, writer))
    assert first is not None
    assert ShippedJournal.adopt(folder_of(opened, writer)) is None
    assert not first.abandoned()
    writer.close()
    assert first.abandoned()
    first.release()
    second = ShippedJournal.adopt(folder_of(opened, writer))
    assert second is not None
    second.remove()
    assert ShippedJournal.adopt(folder_of(opened, writer)) is None


async def test_workers_share_the_journals_and_their_slots_differ(opened: Services) -> None:
    """Two workers on one folder: every click once, each worker numbers in a slot of its own."""
    writers = [journal(opened) for _ in range(4)]
    for writer in writers:
        for _ in range(50):
            writer.append(visit())
    first, second = Worker(opened), Worker(opened)

    def done() -> bool:
        return first.counts.clicks_committed + second.counts.clicks_committed >= 200

    await asyncio.gather(first.until(done), second.until(done))
    assert await stored(opened) == 200
    assert sorted(await opened.database.clicks.distinct("slot")) == [0, 1]
    for writer in writers:
        writer.close()


async def test_a_busy_journal_waits_for_more_and_a_quiet_one_for_nothing(
    opened: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction costs as much as many clicks; after one with many, those that wait are many as well."""
    monkeypatch.setattr(clicks, "TOGETHER_SECONDS", 3_600.0)
    busy, quiet = journal(opened), journal(opened)
    worker = Worker(opened)

    async def shipped(clicks: int) -> None:
        while worker.counts.clicks_committed < clicks:
            await asyncio.sleep(0.01)  # counters raise no events

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(worker.run())
        busy.append(visit(destination="https://example.com/first"))
        await shipped(1)
        busy.append(visit(destination="https://example.com/waits"))
        for _ in range(clicks.MANY):
            quiet.append(visit(destination="https://example.com/many"))
        await shipped(1 + clicks.MANY)
        quiet.append(visit(destination="https://example.com/after many"))
        await shipped(2 + clicks.MANY)
        worker.stopping.set()
    found = await opened.database.clicks.distinct("final_destination")
    assert found == [f"https://example.com/{name}" for name in ("after many", "first", "many")]
    for writer in (busy, quiet):
        writer.close()


async def test_an_idle_journal_holds_up_no_figures(opened: Services) -> None:
    """A14: figures are as of now while nobody clicks, and of the last second while somebody does."""
    started = opened.clock()
    idle, busy = journal(opened), journal(opened)
    busy.append(visit())
    worker, known = Worker(opened), Journals(opened.database, opened.clock)
    seen = started
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(worker.run())
        while not worker.counts.clicks_committed or seen <= started:
            await asyncio.sleep(0.05)  # another task notes it: there is no event to await
            seen = await known.as_of()
        worker.stopping.set()
    assert started < seen <= opened.clock()
    idle.close()
    busy.close()


async def test_a_journal_that_nobody_ships_holds_figures_back(opened: Services, ledger: Ledger) -> None:
    """A14: the slowest open journal decides; one that is shipped completely does not count any more."""
    old, new = (ids.of("clk", at_ms, bytes(10)).removeprefix("clk_") for at_ms in (1_000, 1_790_000_000_000))
    known = Journals(opened.database, opened.clock)
    before = opened.clock()
    assert before <= await known.as_of() <= opened.clock()
    for name in (old, new):
        await ledger.offset_of(name)
    assert await known.as_of() == instants.of_milliseconds(1_000)
    await ledger.whole([old], instants.of_milliseconds(2_000))
    assert await known.as_of() == instants.of_milliseconds(2_000)
    await ledger.close(old)
    assert await known.as_of() == instants.of_milliseconds(1_790_000_000_000)


def work_for_ever(settings: object) -> None:
    from app import working
    from app.settings import Settings

    assert isinstance(settings, Settings)
    asyncio.run(working.run(settings, []))


@pytest.mark.parametrize("seed", range(3))
async def test_workers_killed_at_any_moment_lose_and_double_nothing(opened: Services, seed: int) -> None:
    """CL-13: two worker processes, one of them killed with SIGKILL again and again while clicks come in."""
    dice = random.Random(seed)
    spawning = multiprocessing.get_context("spawn")
    writer = journal(opened)
    processes: list[multiprocessing.process.BaseProcess] = []

    def start() -> None:
        process = spawning.Process(target=work_for_ever, args=(opened.settings,), daemon=True)
        process.start()
        processes.append(process)

    start()
    start()
    written = 0
    for _ in range(5):
        until = time.monotonic() + dice.uniform(0.3, 0.9)
        while time.monotonic() < until:
            for _ in range(20):
                writer.append(visit(visitor=f"visitor {written % 40}".encode()))
                written += 1
            await asyncio.sleep(0.01)  # the load: 20 clicks each hundredth of a second
        victim = processes.pop(dice.randrange(len(processes)))
        victim.kill()
        victim.join()
        start()
    async with asyncio.timeout(30):
        while await stored(opened) < written:
            await asyncio.sleep(0.05)  # another process commits them: there is no event to await
    await check_the_books(opened, written)
    oldest, newest = processes
    newest.kill()
    writer.append(visit())
    async with asyncio.timeout(30):
        while await stored(opened) <= written:  # who ships it has started, and listens for signals
            await asyncio.sleep(0.05)  # another process commits it: there is no event to await
    assert oldest.pid is not None
    psutil.Process(oldest.pid).send_signal(signal.SIGTERM)
    oldest.join(10)
    assert oldest.exitcode == 0
    writer.close()


async def check_the_rollups(opened: Services, written: int) -> None:
    hour = visit().at_ms // rollups.HOUR_MS
    asked = [Asked(scope, TIME, hour - 24, hour + 1) for scope in (WORKSPACE, Scope(ScopeKind.LINK, LINK))]
    async with asyncio.timeout(30):
        while True:  # a snapshot has what no election can take back: a moment later than the latest
            answers = await Rollups(opened.database).read(visit().workspace_id, asked)
            if [rollups.total(each.values()) for each in answers] == [[written, 40]] * 2:
                return


async def check_the_books(opened: Services, written: int) -> None:
    """Clicks, figures, roll-ups and feeds agree to the last one, and the roll-ups get all of them."""
    await check_the_rollups(opened, written)
    async with asyncio.timeout(30):
        while sum([each["seq"] async for each in opened.database.folded.find({})]) < written:
            await asyncio.sleep(0.05)  # another process folds them: there is no event to await
    await check_the_rollups(opened, written)
    assert await stored(opened) == written
    rows = await opened.database.stats.find({}).to_list()
    assert sum(row["kinds"]["HUMAN"] for row in rows) == written
    assert sum(row["uniques"] for row in rows) == 40
    heads = await opened.database.feeds.find({}).to_list()
    assert sum(head["seq"] for head in heads) == written
    for head in heads:
        seqs = [
            document["seq"]
            async for document in opened.database.clicks.find({"slot": head["slot"]}).sort("seq", 1)
        ]
        assert seqs == list(range(1, head["seq"] + 1))
