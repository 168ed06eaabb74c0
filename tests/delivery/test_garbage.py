"""What stands among the journals and is none, or is broken, holds up nobody else's clicks."""

from pathlib import Path

import pytest

from app.services import Services
from tests.delivery.workers import Worker, journal, visit

FIRST = "0" * 26
"""The name of a journal that is looked at before every other."""


def a_file(journals: Path) -> None:
    (journals / FIRST).write_text("not a folder")


def a_loop(journals: Path) -> None:
    (journals / FIRST).symlink_to(journals / FIRST)


def a_folder_nobody_writes(journals: Path) -> None:
    (journals / FIRST).mkdir()


def a_lock_that_is_a_folder(journals: Path) -> None:
    (journals / FIRST / "shipper.lock").mkdir(parents=True)
    (journals / FIRST / "writer.lock").touch()


def a_segment_cut_short(journals: Path) -> None:
    a_folder_nobody_writes(journals)
    (journals / FIRST / "writer.lock").touch()
    (journals / FIRST / "00000000.seg").write_bytes(b"\1" * 1_000)


@pytest.mark.parametrize(
    ("garbage", "counted"),
    [
        (a_file, False),
        (a_loop, False),
        (a_folder_nobody_writes, False),
        (a_lock_that_is_a_folder, True),
        (a_segment_cut_short, True),
    ],
)
async def test_garbage_is_passed_over(opened: Services, garbage: object, counted: bool) -> None:
    """A journal that cannot be shipped is counted and tried again; the others go on."""
    assert callable(garbage)
    writer = journal(opened)
    garbage(opened.settings.journals_dir)
    writer.append(visit())
    worker = Worker(opened)
    await worker.until(lambda: worker.counts.clicks_committed == 1 and aside(worker) == counted)
    assert worker.counts.clicks_committed == 1
    assert (worker.counts.journals_set_aside > 0) == counted
    writer.close()


def aside(worker: Worker) -> bool:
    return worker.counts.journals_set_aside > 0


async def test_a_file_among_the_segments_is_nobodys(opened: Services) -> None:
    writer = journal(opened)
    (opened.settings.journals_dir / writer.id / "notes.seg").write_text("?")
    writer.append(visit())
    worker = Worker(opened)
    await worker.ship(1)
    assert worker.counts.journals_set_aside == 0
    writer.close()


async def test_a_broken_journal_is_shipped_once_it_is_whole(opened: Services) -> None:
    """What could not be read is taken up where the ledger is, as soon as it can be read again."""
    writer = journal(opened)
    writer.append(visit())
    segment = opened.settings.journals_dir / writer.id / "00000000.seg"
    hidden = segment.rename(segment.with_suffix(".hidden"))
    segment.write_bytes(b"")
    worker = Worker(opened)

    def repaired() -> bool:
        if worker.counts.journals_set_aside == 1 and hidden.exists():
            hidden.rename(segment)
        return worker.counts.clicks_committed == 1

    await worker.until(repaired)
    assert await opened.database.clicks.count_documents({}) == 1
    writer.close()
