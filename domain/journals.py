"""The journal's format: segments of length- and CRC-framed visit records, addressed by one growing offset.

A journal is a folder `<data-dir>/journals/<journal id>/` with `writer.lock`, which its redirect process holds
under flock for as long as it lives, and preallocated segments `00000000.seg`, `00000001.seg`, … of
SEGMENT_BYTES each. A frame is two little-endian unsigned 32-bit numbers, the payload's length and its CRC-32
(ISO 3309), and the payload, a MessagePack array (VisitRecord). The payload is written first and its header
last. A length of zero is where writing has got to, END_OF_SEGMENT says that the next frame opens the next
segment. An offset counts bytes over all segments: segment number × SEGMENT_BYTES + position. Folders and
files with other names are being made and are nobody's to read.
"""

import functools
import hashlib
import zlib
from collections.abc import Callable, Iterator
from struct import Struct
from typing import Final

import msgspec

from domain import ids
from domain.visits import NOWHERE, Belonging, VisitRecord

SEGMENT_BYTES: Final = 16 * 1024 * 1024
END_OF_SEGMENT: Final = 0xFFFFFFFF
HEADER: Final = Struct("<II")
MAX_PAYLOAD_BYTES: Final = 64 * 1024

BELONGINGS: Final = 4_096
"""How many a worker remembers decoded: most clicks are on few link versions."""

_decode = msgspec.msgpack.Decoder(VisitRecord).decode
_decode_belonging = msgspec.msgpack.Decoder(Belonging | None).decode


class TornFrame(Exception):
    """A frame whose payload does not fit its CRC: being written right now, or cut off with its process."""


encode: Final[Callable[[VisitRecord], bytes]] = msgspec.msgpack.Encoder().encode
"""The payload of a record's frame."""
checksum: Final[Callable[[bytes], int]] = zlib.crc32
"""CRC-32 of a payload, as its header carries it."""


def decode(payload: bytes | memoryview) -> VisitRecord:
    """The record of a payload; raises msgspec.MsgspecError for one that this version cannot read."""
    return _decode(payload)


def belonging(what: Belonging) -> msgspec.Raw:
    """As it stands in every record of a link version."""
    return NOWHERE if what == Belonging() else msgspec.Raw(msgspec.msgpack.encode(what))


def belonging_of(record: VisitRecord) -> Belonging:
    """What a record's link belonged to; raises msgspec.MsgspecError for one that this version cannot read."""
    return _belonging(bytes(record.belonging))


@functools.lru_cache(BELONGINGS)
def _belonging(kept: bytes) -> Belonging:
    return _decode_belonging(kept) or Belonging()


def frames(segment: memoryview, position: int) -> Iterator[tuple[int, memoryview]]:
    """Read payloads from `position` of a segment until where writing has got to, or the segment's end.

    Yields:
        The position behind each frame, and its payload.

    Raises:
        TornFrame: the frame at hand is incomplete; everything yielded before it is whole.
    """
    while position + HEADER.size <= len(segment):
        length, crc = HEADER.unpack_from(segment, position)
        if length in (0, END_OF_SEGMENT):
            return
        start, end = position + HEADER.size, position + HEADER.size + length
        if length > MAX_PAYLOAD_BYTES or end > len(segment) or zlib.crc32(segment[start:end]) != crc:
            raise TornFrame(f"the frame at {position} of its segment is incomplete")
        yield end, segment[start:end]
        position = end


def ends(segment: memoryview, position: int) -> bool:
    """Whether the segment is closed at `position`: the next frame opens the next segment."""
    if position + HEADER.size > len(segment):
        return True
    length: int = HEADER.unpack_from(segment, position)[0]
    return length == END_OF_SEGMENT


def click_id(journal_id: str, offset: int, at_ms: int, noise: bytes = b"") -> str:
    """The id of the click whose frame stands at `offset`: the same at every shipping, one for each frame.

    Args:
        journal_id: 26 characters, the journal's own UUIDv7.
        offset: byte offset of the frame's header over all segments.
        at_ms: the record's instant.
        noise: the record's, which a destination was told of already.
    """
    noise = noise or hashlib.blake2b(f"{journal_id}/{offset}".encode(), digest_size=10).digest()
    return ids.of("clk", at_ms, noise)
