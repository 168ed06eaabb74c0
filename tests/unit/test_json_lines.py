"""JSON Lines that arrive in pieces: what is a row, and what is none."""

import json

import pytest

from domain.errors import UserError
from domain.json_lines import JsonLines
from domain.uploads import MAX_ROW_BYTES


def read(*pieces: bytes) -> list[bytes | UserError]:
    reader = JsonLines()
    return [*(row for piece in pieces for row in reader.feed(piece)), *reader.end()]


def problem(line: bytes) -> str:
    (row,) = read(line)
    assert isinstance(row, UserError)
    return row.message


def test_each_line_is_a_row_wherever_the_file_is_cut() -> None:
    whole = '\ufeff{"a":"é"}\r\n\n  {"b":[1,2]} \n{"c":null}'.encode()
    for cut in range(len(whole)):
        assert read(whole[:cut], whole[cut:]) == ['{"a":"é"}'.encode(), b'{"b":[1,2]}', b'{"c":null}']


@pytest.mark.parametrize(
    "line",
    [b"{", b"\xff", b'{"a":NaN}', b'{"a":1e400}', b'{"a":"\\ud800"}', b"[" * 60_000, b'{"a":1} {"b":2}'],
)
def test_what_is_no_json_is_named(line: bytes) -> None:
    assert problem(line).startswith("The row is no JSON text in UTF-8: ")


@pytest.mark.parametrize("line", [b"[1]", b'"x"', b"5", b"null"])
def test_a_row_is_an_object(line: bytes) -> None:
    assert problem(line).startswith("The row is no JSON object such as ")


def test_a_password_is_not_kept() -> None:
    assert read(b'{"a":1,"password":"hunter2"}') == ['{"a":1,"password":"…"}'.encode()]
    assert read(b'{"a":1,"password":false}') == [b'{"a":1}']


def test_a_row_is_nested_only_so_deep() -> None:
    deep = b'{"a":' * 65 + b"1" + b"}" * 65
    assert problem(deep) == "The row is nested more than 64 levels deep."
    wide = json.dumps({"a": [[] for _ in range(100)]}).encode()
    assert read(wide) == [wide]


def test_a_row_of_a_megabyte_is_named_and_the_others_stay() -> None:
    """BK-03: rows of 1 MB; of such a row nothing is held."""
    reader = JsonLines()
    assert list(reader.feed(b'{"a":1}\n{"b":"')) == [b'{"a":1}']
    for _ in range(16):
        assert list(reader.feed(b"x" * 65_536)) == []
        assert sum(map(len, reader._held)) <= MAX_ROW_BYTES
    long, last = reader.feed(b'"}\n{"c":2}\n')
    assert isinstance(long, UserError)
    assert long.message == "The row has 1,048,584 bytes; at most 65,536 are accepted."
    assert last == b'{"c":2}'
