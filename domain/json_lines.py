"""JSON Lines (https://jsonlines.org): rows of a file that arrives in pieces, one JSON object a line."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from domain import uploads
from domain.errors import UserError
from domain.uploads import MAX_ROW_BYTES

MAX_DEPTH: Final = 64
_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = b" \t\r"

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class JsonLines:
    """Reads a file piece by piece; what it holds between pieces is never longer than a row may be."""

    columns: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0
        self._first = True

    def feed(self, piece: bytes) -> Iterator[bytes | UserError]:
        """The rows that end in a piece; blank lines are none."""
        *ended, rest = piece.split(b"\n")
        for part in ended:
            yield from self._close(part)
        self._hold(rest)

    def end(self) -> Iterator[bytes | UserError]:
        """The row that ends with the file, if one does."""
        yield from self._close(b"")

    def _hold(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > MAX_ROW_BYTES:
            self._held.clear()  # too long already: only its length is of interest
        elif part:
            self._held.append(part)

    def _close(self, part: bytes) -> Iterator[bytes | UserError]:
        self._hold(part)
        line, size = b"".join(self._held), self._size
        self._held, self._size = [], 0
        if self._first:
            line, self._first = line.removeprefix(_BOM), False
        line = line.strip(_SPACE)
        if size > MAX_ROW_BYTES:
            yield uploads.too_long(size)
        elif line:
            yield _row(line)


def _row(line: bytes) -> bytes | UserError:
    try:
        row = _decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return uploads.unfit(f"The row is no JSON text in UTF-8: {error}.")
    if not isinstance(row, dict):
        return uploads.unfit('The row is no JSON object such as {"destination": "https://example.com/"}.')
    if line.count(b"[") + line.count(b"{") > MAX_DEPTH and not _flat_enough(row):
        return uploads.unfit(f"The row is nested more than {MAX_DEPTH} levels deep.")
    return _encode(row) if uploads.without_secrets(row) else line


def _flat_enough(row: Any) -> bool:
    level = [row]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return True
    return False
