"""Rows of files: named values, written as JSON Lines or CSV."""

import csv
import io
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

Row = Mapping[str, Any]
"""Values by column, as JSON has them."""

_encode: Final = msgspec.json.Encoder().encode
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the beginning of a formula; visitors choose some of these texts."""


class FileFormat(StrEnum):
    """What a file is."""

    JSONL = "JSONL"
    CSV = "CSV"
    PARQUET = "PARQUET"


class Column(StrEnum):
    """What the values of a column are; any may be missing."""

    TEXT = "text"
    INSTANT = "instant"
    FLAG = "flag"
    INTEGER = "integer"
    TEXTS = "texts"
    JSON = "json"


Columns = Mapping[str, Column]
"""In the order of the file."""


def json_lines(rows: Iterable[Row]) -> bytes:
    """One JSON object a line (https://jsonlines.org)."""
    return b"".join(_encode(row) + b"\n" for row in rows)


def csv_header(columns: Columns) -> bytes:
    """The first line of a CSV file."""
    return (",".join(columns) + "\r\n").encode()


def csv_lines(rows: Iterable[Row]) -> bytes:
    """Lines of CSV (RFC 4180): texts of a list with | between them, objects as JSON, no cell a formula."""
    text = io.StringIO()
    csv.writer(text).writerows([_cell(value) for value in row.values()] for row in rows)
    return text.getvalue().encode()


def written(value: Any) -> str:
    """A value as JSON."""
    return _encode(value).decode()


def _cell(value: Any) -> Any:
    if value is None or value == {}:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return written(value)
    text = "|".join(value) if isinstance(value, list) else value
    return f"'{text}" if isinstance(text, str) and text.startswith(_FORMULA) else text
