"""CSV that arrives in pieces: what is a row, and what is wrong with a file."""

import csv
import io
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.csv_rows import CsvRows
from domain.errors import Rejected, UserError
from domain.uploads import MAX_ROW_BYTES


def rows_of(pieces: Iterable[bytes], reader: CsvRows | None = None) -> list[Any]:
    reader = reader or CsvRows()
    found = [row for piece in pieces for row in reader.feed(piece)]
    found += reader.end()
    return [row.message if isinstance(row, UserError) else msgspec.json.decode(row) for row in found]


def problem_of(data: bytes) -> str:
    with pytest.raises(Rejected) as refused:
        rows_of([data])
    return refused.value.errors[0].message


def test_quoted_commas_quotes_and_breaks_are_parts_of_a_cell() -> None:
    """RFC 4180, section 2; a byte order mark and CRLF are tolerated."""
    data = b'\xef\xbb\xbfname,note\r\nA,"one, two"\r\n"B ""b""","three\r\nfour"\r\n\r\nC,5" wide\r\n'
    assert rows_of([data]) == [
        {"name": "A", "note": "one, two"},
        {"name": 'B "b"', "note": "three\r\nfour"},
        {"name": "C", "note": '5" wide'},
    ]


@pytest.mark.parametrize(("delimiter", "header"), [(";", "a;b"), ("\t", "a\tb"), (",", '"a;x;y",b')])
def test_the_header_tells_the_delimiter(delimiter: str, header: str) -> None:
    first, second = next(csv.reader([header], delimiter=delimiter))
    assert rows_of([f"{header}\n1{delimiter}2\n".encode()]) == [{first: "1", second: "2"}]


def test_an_empty_cell_is_not_given_and_an_empty_row_is_none() -> None:
    assert rows_of([b"a,b\n,2\n,\n\n   \n3,\n"]) == [{"b": "2"}, {"a": "3"}]
    assert rows_of([b"a\tb\n\t \n\t\n"]) == [{"b": " "}]


def test_a_password_is_not_kept() -> None:
    """Other services' exports have a column of it that says false."""
    assert rows_of([b"a,Password\n1,hunter2\n2,false\n3,\n"]) == [
        {"a": "1", "Password": "…"},
        {"a": "2"},
        {"a": "3"},
    ]


def test_a_row_that_does_not_fit_is_named_and_the_others_stay() -> None:
    """BK-03: a row of 1 MB is an error of that row."""
    rows = rows_of([b"a,b\n1,2\n3\n", b'4,"' + b"x" * 1_000_000 + b'\n"\n', b"\xff,5\n6,7\n"])
    assert rows[0] == {"a": "1", "b": "2"}
    assert rows[1] == "The row has 1 cells; the header has 2."
    assert rows[2] == "The row has 1,000,005 bytes; at most 65,536 are accepted."
    assert rows[3].startswith("The row is no CSV in UTF-8")
    assert rows[4:] == [{"a": "6", "b": "7"}]


def test_what_is_held_between_pieces_is_bounded() -> None:
    reader = CsvRows()
    assert list(reader.feed(b"a\n")) == []
    for _ in range(100):
        assert list(reader.feed(b"x" * 60_000)) == []
        assert sum(map(len, reader._held)) <= MAX_ROW_BYTES


def test_a_quote_that_stays_open_is_named_with_its_line() -> None:
    assert problem_of(b'a,b\n1,2\n3,"4\n5,6\n') == "The row of line 3 opens a quote that is never closed."


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "The file is empty; its first line names the columns."),
        (b"a,a\n1,2\n", "The first line names the column 'a' twice."),
        (b"a,,c\n1,2,3\n", "Column 2 of the first line has no name."),
        (b"\xff\xfea\x00", "The file is in UTF-16; save it as CSV in UTF-8."),
        (b"a,b\x00\n", "Column 2 of the first line holds the invisible character U+0000; leave it out."),
        (
            b",".join(b"c%d" % n for n in range(201)),
            "The first line names 201 columns; at most 200 are accepted.",
        ),
        (b"x" * 70_000 + b"\n", "The first line, which names the columns, has 70,000 bytes."),
    ],
)
def test_a_file_without_a_proper_header_is_refused(data: bytes, problem: str) -> None:
    assert problem_of(data) == problem


CELLS = st.text(st.sampled_from('ab",;\n\r é'), max_size=6)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), max_size=5), st.sampled_from(",;\t"), st.data())
def test_it_reads_what_the_csv_module_wrote_however_it_is_cut(
    table: list[tuple[str, str]], delimiter: str, data: st.DataObject
) -> None:
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows([("one", "two"), *table])
    whole = written.getvalue().encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    expected = [
        {name: cell for name, cell in zip(("one", "two"), row, strict=True) if cell}
        for row in table
        if any(row)
    ]
    assert rows_of(pieces) == [row for row in expected if row]
