"""Parquet files that are written piece by piece: each piece a row group, the last one the file's footer.

A Parquet file ends with metadata that name the place of every row group (https://parquet.apache.org/docs/
file-format/), so a writer has to live until the end. Here each piece is written by a writer of its own, which
is led to believe that everything before is in its file, and keeps its own metadata behind its rows, where
readers of the whole never look. The last piece puts the metadata of all of them together.

PyArrow is large, so it is loaded when the first Parquet file is asked for.
"""

import io
import os
import tempfile
from collections.abc import Iterable, Sequence
from struct import unpack
from typing import Any, Final

from domain import file_rows, instants
from domain.file_rows import Column, Columns, Row

MAGIC: Final = b"PAR1"


def row_group(rows: Sequence[Row], columns: Columns, offset: int) -> bytes:
    """The piece of a file that holds `rows`.

    Args:
        rows: with a value for each column.
        columns: what they are.
        offset: bytes of the file before it.
    """
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.Table.from_pylist([_read(row, columns) for row in rows], schema=_schema(columns, pa))
    with tempfile.NamedTemporaryFile() as file:
        with (
            pa.OSFile(file.name, mode="wb") as sink,
            parquet.ParquetWriter(sink, table.schema, compression="zstd") as writer,
        ):
            if offset:  # a hole in the file, which takes no room
                os.lseek(sink.fileno(), offset, os.SEEK_SET)
            writer.write_table(table, row_group_size=max(1, len(rows)))
        file.seek(offset)
        return file.read()


def metadata_of(piece: bytes) -> bytes:
    """The metadata at the end of a piece, with their length and the magic number behind them."""
    (length,) = unpack("<I", piece[-8:-4])
    return piece[-8 - length :]


def footer(metadata: Iterable[bytes]) -> bytes:
    """The last piece of a file, from the metadata of all others in their order; at least one."""
    import pyarrow as pa
    from pyarrow import parquet

    pieces = iter(metadata)
    whole = parquet.read_metadata(pa.BufferReader(MAGIC + next(pieces)))
    for each in pieces:
        whole.append_row_groups(parquet.read_metadata(pa.BufferReader(MAGIC + each)))
    file = io.BytesIO()
    whole.write_metadata_file(file)
    return file.getvalue().removeprefix(MAGIC)


def _read(row: Row, columns: Columns) -> dict[str, Any]:
    values = dict(row)
    for name, kind in columns.items():
        if kind is Column.INSTANT and values[name] is not None:
            values[name] = instants.parsed(values[name])
        elif kind is Column.JSON:
            values[name] = file_rows.written(values[name])
    return values


def _schema(columns: Columns, pa: Any) -> Any:
    kinds = {
        Column.TEXT: pa.string(),
        Column.INSTANT: pa.timestamp("ms", tz="UTC"),
        Column.FLAG: pa.bool_(),
        Column.INTEGER: pa.int64(),
        Column.TEXTS: pa.list_(pa.string()),
        Column.JSON: pa.string(),
    }
    return pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
