"""Lists in Parquet, which need the extra `frames`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tickstock.errors import BadFile
from tickstock.extras import need
from tickstock.universes.files.delimited import Row
from tickstock.universes.files.imported import MAX_BYTES, MAX_ROWS, Gather
from tickstock.universes.files.lists import symbol_column

START = b"PAR1"
BATCH = 65_536


def arrow() -> Any:
    """The library `pyarrow`. Raises MissingExtra where it is not installed."""
    need("pyarrow.parquet")
    return need("pyarrow")


def rows_of_parquet(data: bytes, gather: Gather, *, batch: int = BATCH) -> Iterator[Row]:
    """A header and the values of the symbol column, row by row.

    The column is read as a dictionary, so that its memory is that of its different values.
    Raises BadFile for a damaged file and for one without such a column of text.
    """
    pyarrow = arrow()
    try:
        yield from _rows(pyarrow, data, gather, batch)
    except (pyarrow.ArrowException, OSError, ValueError, KeyError) as e:
        why = str(e).splitlines()[0][:120] if str(e) else type(e).__name__
        raise BadFile(
            f"{gather.name} is no complete Parquet file: {why}.", "Write or download it again."
        ) from None


def _rows(pyarrow: Any, data: bytes, gather: Gather, size: int) -> Iterator[Row]:
    source = pyarrow.BufferReader(data)
    names = list(pyarrow.parquet.read_schema(source).names)
    column = symbol_column(names)
    if column is None:
        raise BadFile(f"{gather.name} has no column symbol.", "Name the column of symbols so.")
    file = pyarrow.parquet.ParquetFile(source, read_dictionary=[names[column]])
    _check(file.metadata, column, gather)
    yield 1, [names[column]]
    line = 1
    for batch in file.iter_batches(size, columns=[names[column]]):
        for value in batch.column(0).to_pylist():
            line += 1
            gather.count_row()
            if value is not None and not isinstance(value, str):
                raise BadFile(f"{gather.name}: {names[column]} is no column of text.", "Make it.")
            yield line, [value or ""]


def _check(metadata: Any, column: int, gather: Gather) -> None:
    """Nothing is unpacked before its announced size is known to be harmless."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    size = sum(g.column(column).total_uncompressed_size for g in groups)
    if metadata.num_rows > MAX_ROWS or size > MAX_BYTES:
        raise BadFile(
            f"{gather.name} has {metadata.num_rows:,} rows and {size:,} bytes in its symbol "
            f"column; a list has at most {MAX_ROWS:,} and {MAX_BYTES:,}.",
            "Is this the right file?",
        )
