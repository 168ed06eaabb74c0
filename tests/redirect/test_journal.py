"""The journal's writer: nothing torn, nothing lost while there is room, and no fall when there is none."""

import fcntl
import logging
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from domain import journals
from domain.visits import Outcome, VisitRecord
from redirect.counts import Counts
from redirect.journal import Journal
from tests.redirect.sites import recorded


def visit(number: int, agent: str = "agent") -> VisitRecord:
    return VisitRecord(number, "ws_01", "lnk_01", 1, "https://example.com/", Outcome.REDIRECT, agent=agent)


def wait_for(holds: Callable[[], bool]) -> None:
    """The journal's thread tells nobody when it has done something, so look."""
    for _ in range(400):
        if holds():
            return
        Event().wait(0.01)
    raise AssertionError("it did not happen within 4 seconds")


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def journal(tmp_path: Path, counts: Counts) -> Iterator[Journal]:
    opened = Journal(tmp_path, 1_763_658_000_000, counts)
    yield opened
    opened.close()


def test_what_was_appended_is_there_at_once(tmp_path: Path, journal: Journal, counts: Counts) -> None:
    """Before `append` returns, another process reads the record."""
    for number in range(100):
        journal.append(visit(number))
        assert [record.at_ms for record in recorded(tmp_path)][-1] == number
    assert (counts.clicks_recorded, counts.clicks_lost) == (100, 0)


def test_a_record_that_no_reader_takes_is_lost_alone(
    tmp_path: Path, journal: Journal, counts: Counts
) -> None:
    """A link with a destination of 100 kB, put into MongoDB by hand, must not hold up all later clicks."""
    journal.append(visit(1))
    journal.append(visit(2, agent="x" * journals.MAX_PAYLOAD_BYTES))
    journal.append(visit(3))
    assert [record.at_ms for record in recorded(tmp_path)] == [1, 3]
    assert (counts.clicks_recorded, counts.clicks_lost) == (2, 1)


def test_a_journal_is_named_and_locked_by_its_process(tmp_path: Path, journal: Journal) -> None:
    """Its folder has the name that readers look for, and nobody else gets the lock while it lives."""
    assert [folder.name for folder in tmp_path.iterdir()] == [journal.id]
    assert len(journal.id) == 26
    lock = os.open(tmp_path / journal.id / "writer.lock", os.O_RDWR)
    with pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    journal.close()
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(lock)


def test_goes_on_in_the_next_segment(tmp_path: Path, journal: Journal, counts: Counts) -> None:
    """Segments are full before the next one begins, and closed by a mark; nothing is lost between them."""
    agent = "x" * 50_000
    total = 3 * journals.SEGMENT_BYTES // 50_000
    for number in range(total):
        journal.append(visit(number, agent))
    assert [record.at_ms for record in recorded(tmp_path)] == list(range(total))
    assert counts.clicks_lost == 0
    segments = sorted((tmp_path / journal.id).glob("*.seg"))
    assert [segment.name for segment in segments][:3] == ["00000000.seg", "00000001.seg", "00000002.seg"]
    for segment in segments:
        assert segment.stat().st_size == journals.SEGMENT_BYTES
    first = memoryview(segments[0].read_bytes())
    *_, (end, _) = journals.frames(first, 0)
    assert journals.ends(first, end)
    assert journals.SEGMENT_BYTES - end < 51_000


def test_a_torn_frame_is_no_record(tmp_path: Path, journal: Journal) -> None:
    """A payload without its header is where writing has got to; a header without its payload is torn."""
    journal.append(visit(1))
    content = bytearray(next(tmp_path.glob("*/*.seg")).read_bytes())
    ((end, _),) = journals.frames(memoryview(content), 0)
    payload = journals.encode(visit(2))
    content[end + 8 : end + 8 + len(payload)] = payload
    assert len(list(journals.frames(memoryview(content), 0))) == 1
    journals.HEADER.pack_into(content, end, len(payload), journals.checksum(payload) ^ 1)
    with pytest.raises(journals.TornFrame):
        list(journals.frames(memoryview(content), 0))


def test_a_full_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """CL-15: no segment can be made, then it can: losses are counted and told once, it recovers."""
    counts = Counts()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, before[1]))
    try:
        with caplog.at_level(logging.WARNING):
            journal = Journal(tmp_path, 1, counts)
            for number in range(50):
                journal.append(visit(number))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (counts.clicks_recorded, counts.clicks_lost) == (0, 50)
    assert not journal.working
    assert len([each for each in caplog.records if "no room" in each.message]) == 1
    wait_for(lambda: journal.working)
    journal.append(visit(51))
    assert [record.at_ms for record in recorded(tmp_path)] == [51]
    journal.close()  # by then its thread has made the next segment ready, too
    assert list(tmp_path.glob("*/*.new")) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    """CL-15: a real ENOSPC in the midst of writing; clicks before it stay, and those after room was made."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount")
    counts = Counts()
    try:
        journal = Journal(disk / "journals", 1, counts)
        agent = "x" * 50_000
        for number in range(4 * journals.SEGMENT_BYTES // 50_000):
            journal.append(visit(number, agent))
        assert counts.clicks_lost > 0
        assert counts.clicks_recorded > 600
        kept = counts.clicks_recorded
        assert len(list(recorded(disk / "journals"))) == kept
        next((disk / "journals").glob("*/00000000.seg")).unlink()  # what a shipper does with a shipped one
        wait_for(lambda: journal.working)
        journal.append(visit(1))
        assert counts.clicks_recorded == kept + 1
        journal.close()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_folder_that_cannot_be_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """CL-15: not even the folder: redirects would go on; once it can be made, clicks are kept."""
    counts = Counts()
    blocked = tmp_path / "journals"
    blocked.write_text("a file where the folder should be")
    with caplog.at_level(logging.CRITICAL):
        journal = Journal(blocked, 1, counts)
        journal.append(visit(1))
    assert counts.clicks_lost == 1
    blocked.unlink()
    wait_for(lambda: journal.working)
    journal.append(visit(2))
    assert [record.at_ms for record in recorded(blocked)] == [2]
    journal.close()
    shutil.rmtree(blocked)


def test_nothing_is_appended_after_closing(tmp_path: Path, counts: Counts) -> None:
    journal = Journal(tmp_path, 1, counts)
    journal.append(visit(1))
    journal.close()
    journal.append(visit(2))
    assert (counts.clicks_recorded, counts.clicks_lost) == (1, 1)
    assert len(list(recorded(tmp_path))) == 1
