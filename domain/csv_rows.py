"""CSV (RFC 4180): rows of a file that arrives in pieces, each as an object of texts by column."""

import csv
import re
from collections.abc import Iterator
from typing import Final

import msgspec

from domain import texts, uploads
from domain.errors import Rejected, UserError, UserErrorCode
from domain.uploads import MAX_ROW_BYTES

DELIMITERS: Final = ",;\t"
MAX_COLUMNS: Final = 200
MAX_COLUMN_CHARACTERS: Final = 200
_BOM: Final = b"\xef\xbb\xbf"
_UTF16_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")

_encode = msgspec.json.Encoder().encode


class CsvRows:
    """Reads a file piece by piece; what it holds between pieces is never longer than a row may be.

    The first line names the columns and tells the delimiter: the one of DELIMITERS that it has most of. An
    empty cell is a column that the row does not give.
    """

    def __init__(self) -> None:
        self.columns: tuple[str, ...] = ()
        self._delimiter = ""
        self._quotes = _Quotes(DELIMITERS)
        self._held: list[bytes] = []
        self._size = 0
        self._line = 1
        self._began = 1

    def feed(self, piece: bytes) -> Iterator[bytes | UserError]:
        """The rows that end in a piece; blank lines, and such with empty cells only, are none.

        Raises:
            Rejected: the first line is no header.
        """
        *ended, rest = piece.split(b"\n")
        for part in ended:
            self._hold(part)
            self._line += 1
            if self._quotes.ends_line():
                yield from self._close()
            else:
                self._hold(b"\n", scanned=True)
        self._hold(rest)

    def end(self) -> Iterator[bytes | UserError]:
        """The row that ends with the file, if one does.

        Raises:
            Rejected: there is no header, or a quote is open: rows behind it would be lost in its cell.
        """
        if not self._quotes.ends_line():
            raise _refused(f"The row of line {self._began:,} opens a quote that is never closed.")
        yield from self._close()
        if not self.columns:
            raise _refused("The file is empty; its first line names the columns.")

    def _hold(self, part: bytes, *, scanned: bool = False) -> None:
        if not scanned:
            self._quotes.pass_over(part)
        self._size += len(part)
        if self._size > MAX_ROW_BYTES:
            self._held.clear()  # too long already: only its length and its quotes are of interest
        elif part:
            self._held.append(part)

    def _close(self) -> Iterator[bytes | UserError]:
        record, size = b"".join(self._held).removesuffix(b"\r"), self._size
        self._held, self._size = [], 0
        began, self._began = self._began, self._line
        if not self.columns:
            self._read_header(record, size, began)
        elif size > MAX_ROW_BYTES:
            yield uploads.too_long(size)
        elif record.strip(b" "):  # a line of tabs alone may be a row of cells
            yield from self._row(record)

    def _read_header(self, record: bytes, size: int, line: int) -> None:
        if record.startswith(_UTF16_BOMS):
            raise _refused("The file is in UTF-16; save it as CSV in UTF-8.")
        record = record.removeprefix(_BOM) if line == 1 else record
        if size > MAX_ROW_BYTES:
            raise _refused(f"The first line, which names the columns, has {size:,} bytes.")
        if not record.strip():
            return
        try:
            text = record.decode()
            self._delimiter = delimiter_of(text)
            (names,) = csv.reader([text], delimiter=self._delimiter)
        except (UnicodeDecodeError, csv.Error) as error:
            raise _refused(f"The first line is no CSV in UTF-8: {error}.") from None
        self.columns = columns_of(names)
        self._quotes = _Quotes(self._delimiter)

    def _row(self, record: bytes) -> Iterator[bytes | UserError]:
        try:
            (cells,) = csv.reader([record.decode()], delimiter=self._delimiter)
        except (UnicodeDecodeError, csv.Error) as error:
            yield uploads.unfit(f"The row is no CSV in UTF-8: {error}.")
            return
        if not any(cells):
            return
        if len(cells) != len(self.columns):
            yield uploads.unfit(f"The row has {len(cells)} cells; the header has {len(self.columns)}.")
            return
        row = {name: cell for name, cell in zip(self.columns, cells, strict=True) if cell}
        uploads.without_secrets(row)
        encoded = _encode(row)
        yield uploads.too_long(len(encoded)) if len(encoded) > MAX_ROW_BYTES else encoded


def delimiter_of(header: str) -> str:
    """What separates the cells of a header: what it has most of outside quotes, else a comma."""
    outside = re.sub(r'"[^"]*"', "", header)
    return max(DELIMITERS, key=outside.count)


def columns_of(names: list[str]) -> tuple[str, ...]:
    """The columns that a header names, trimmed.

    Raises:
        Rejected: there are too many, or a name is empty, too long, invisible in part, or there twice.
    """
    columns = tuple(name.strip() for name in names)
    if len(columns) > MAX_COLUMNS:
        raise _refused(f"The first line names {len(columns):,} columns; at most {MAX_COLUMNS} are accepted.")
    for number, name in enumerate(columns, 1):
        problem = "has no name." if not name else texts.problem(name, longest=MAX_COLUMN_CHARACTERS)
        if problem is not None:
            raise _refused(f"Column {number} of the first line {problem}")
        if name in columns[: number - 1]:
            raise _refused(f"The first line names the column {name!r} twice.", UserErrorCode.DUPLICATE)
    return columns


class _Quotes:
    """Follows which quotes are open, as the csv module of the standard library reads them.

    A quote opens only at the start of a cell; a doubled one within stands for itself.
    """

    def __init__(self, delimiters: str) -> None:
        self._marks = re.compile(f'["{re.escape(delimiters)}]'.encode())
        self._open = False
        self._fresh = 0  # where a cell starts, counted from the next byte
        self._closed = -2  # where a quote closed last, counted likewise

    def pass_over(self, part: bytes) -> None:
        """Read on."""
        for mark in self._marks.finditer(part) if self._open or b'"' in part else ():
            self._meet(mark.group(), mark.start())
        if not self._open and b'"' not in part and self._marks.match(part[-1:]):
            self._fresh = len(part)
        self._fresh -= len(part)
        self._closed -= len(part)

    def ends_line(self) -> bool:
        """Whether a line break that comes now ends the row."""
        if self._open:
            self._fresh -= 1
            self._closed -= 1
            return False
        self._fresh, self._closed = 0, -2
        return True

    def _meet(self, mark: bytes, place: int) -> None:
        if mark != b'"':
            if not self._open:
                self._fresh = place + 1
        elif self._open:
            self._open, self._closed = False, place
        elif place in (self._fresh, self._closed + 1):
            self._open = True


def _refused(message: str, code: UserErrorCode = UserErrorCode.INVALID) -> Rejected:
    return Rejected(UserError(code, message, ("file",)))
