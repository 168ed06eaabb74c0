"""The journal's format: what is written is read, and nothing else."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import ids, journals
from domain.visits import Belonging, Outcome, Purpose, VisitRecord

JOURNAL = "01kaaaaaaaaaaaaaaaaaaaaaaa"


def framed(*payloads: bytes) -> bytes:
    return b"".join(journals.HEADER.pack(len(each), journals.checksum(each)) + each for each in payloads)


@given(agent=st.text(max_size=512), at_ms=st.integers(0, 2**48), visitor=st.binary(max_size=16))
def test_records_survive(agent: str, at_ms: int, visitor: bytes) -> None:
    record = VisitRecord(
        at_ms,
        "ws_01",
        "lnk_01",
        7,
        None,
        Outcome.EXPIRED,
        purpose=Purpose.PREFETCH,
        agent=agent,
        visitor=visitor,
        utm=("a", None, "b", None, None),
        tags=("x", "y"),
    )
    assert journals.decode(journals.encode(record)) == record


def test_old_and_new_records_are_read() -> None:
    """OP-04: journals outlive deployments; what a record lacks is as if its link did not have it."""
    belonging = Belonging("cmp_1", "tpl_1", (("segment", "smb"), ("seats", 5), ("beta", True)))
    record = VisitRecord(
        1, "ws_01", "lnk_01", 7, None, Outcome.EXPIRED, slug="x", belonging=journals.belonging(belonging)
    )
    fields = msgspec.msgpack.decode(journals.encode(record))
    old = journals.decode(msgspec.msgpack.encode(fields[:-2]))
    newer = journals.decode(msgspec.msgpack.encode([*fields, "of a later version"]))
    assert (journals.belonging_of(old), journals.belonging_of(newer)) == (Belonging(), belonging)
    assert [type(value) for _, value in journals.belonging_of(newer).attributes] == [str, int, bool]
    assert (old.slug, newer.slug) == ("x", "x")


def test_frames_end_where_writing_has_got_to() -> None:
    segment = memoryview(framed(b"one", b"two") + bytes(100))
    assert [(end, bytes(payload)) for end, payload in journals.frames(segment, 0)] == [
        (11, b"one"),
        (22, b"two"),
    ]
    assert [bytes(payload) for _, payload in journals.frames(segment, 11)] == [b"two"]
    assert not journals.ends(segment, 22)


@pytest.mark.parametrize("room", [0, 3, 7])
def test_a_segment_ends_without_room_for_a_header(room: int) -> None:
    segment = memoryview(framed(b"one") + bytes(room))
    assert len(list(journals.frames(segment, 0))) == 1
    assert journals.ends(segment, 11)


def test_a_segment_ends_at_its_mark() -> None:
    segment = memoryview(framed(b"one") + journals.HEADER.pack(journals.END_OF_SEGMENT, 0) + bytes(50))
    assert len(list(journals.frames(segment, 0))) == 1
    assert journals.ends(segment, 11)


@given(at=st.integers(0, 21), bit=st.integers(0, 7))
def test_no_flipped_bit_passes_for_a_record(at: int, bit: int) -> None:
    """A damaged frame is torn or the end of what was written, never another record."""
    content = bytearray(framed(b"one", b"two") + bytes(8))
    content[at] ^= 1 << bit
    read: list[bytes] = []
    try:
        for _, payload in journals.frames(memoryview(content), 0):
            read.append(bytes(payload))
    except journals.TornFrame:
        pass
    assert read in ([], [b"one"])


def test_click_ids_are_the_frames_own() -> None:
    """The same frame is the same click at every shipping; ids sort by the visit's instant."""
    first = journals.click_id(JOURNAL, 0, 1_763_658_000_000)
    assert first == journals.click_id(JOURNAL, 0, 1_763_658_000_000)
    assert ids.prefix_of(first) == "clk"
    others = {journals.click_id(JOURNAL, offset, 1_763_658_000_000) for offset in range(1, 1_000)}
    assert len(others | {first}) == 1_000
    assert first < journals.click_id(JOURNAL, 0, 1_763_658_000_001)
