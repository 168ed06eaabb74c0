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

from domain import click_rows
from domain.clicks import Click

MAGIC: Final = b"PAR1"
_FLAGS: Final = frozenset({"unique", "qr"})


def row_group(clicks: Sequence[Click], offset: int) -> bytes:
    """The piece of a file that holds `clicks`.

    Args:
        clicks: one row each.
        offset: bytes of the file before it.
    """
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.Table.from_pylist([_row(click) for click in clicks], schema=_schema(pa))
    with tempfile.NamedTemporaryFile() as file:
        with (
            pa.OSFile(file.name, mode="wb") as sink,
            parquet.ParquetWriter(sink, table.schema, compression="zstd") as writer,
        ):
            if offset:  # a hole in the file, which takes no room
                os.lseek(sink.fileno(), offset, os.SEEK_SET)
            writer.write_table(table, row_group_size=max(1, len(clicks)))
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


def _row(click: Click) -> dict[str, Any]:
    values = click_rows.row(click)
    values["at"] = click.at
    values["attributes"] = click_rows.written(values["attributes"])
    return values


def _schema(pa: Any) -> Any:
    """Texts, but for what is better than a text."""
    kinds = dict.fromkeys(click_rows.COLUMNS, pa.string())
    kinds |= dict.fromkeys(_FLAGS, pa.bool_())
    kinds |= {
        "at": pa.timestamp("ms", tz="UTC"),
        "linkVersion": pa.int32(),
        "tags": pa.list_(pa.string()),
    }
    return pa.schema(list(kinds.items()))
