"""Lists in Parquet, which need the extra `frames`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from tickstock.errors import BadFile
from tickstock.extras import need
from tickstock.universes.files.dated import DateColumns
from tickstock.universes.files.delimited import Row
from tickstock.universes.files.headers import (
    IDENTIFIERS,
    STRONG,
    WEAK,
    columns_of,
    normal,
    sector_column,
)
from tickstock.universes.files.imported import Gather

START = b"PAR1"
BATCH = 65_536


def arrow() -> Any:
    """The library `pyarrow`. Raises MissingExtra where it is not installed."""
    need("pyarrow.parquet")
    return need("pyarrow")


def rows_of_parquet(data: bytes, gather: Gather, *, batch: int = BATCH) -> Iterator[Row]:
    """A header and the values of the columns of symbols, days and sectors, row by row.

    Text is read as a dictionary, so that its memory is that of its different values.
    Raises BadFile for a damaged file and for one without a column of symbols.
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
    schema = pyarrow.parquet.read_schema(source)
    names = list(schema.names)
    wanted = _wanted(names, gather)
    texts = [n for n in wanted if pyarrow.types.is_string(schema.field(n).type)]
    file = pyarrow.parquet.ParquetFile(source, read_dictionary=texts)
    _check(file.metadata, [names.index(n) for n in wanted], gather)
    yield 1, wanted
    line = 1
    for batch in file.iter_batches(size, columns=wanted):
        columns = [batch.column(batch.schema.get_field_index(n)).to_pylist() for n in wanted]
        for cells in zip(*columns, strict=True):
            line += 1
            gather.count_row()
            yield line, ["" if cell is None else str(cell) for cell in cells]


def _wanted(names: list[str], gather: Gather) -> list[str]:
    """The columns of symbols, and those of the days and sectors beside them."""
    if gather.column:
        words: Collection[str] = {normal(gather.column)}
    else:
        words = next((w for w in (STRONG, WEAK, IDENTIFIERS) if columns_of(names, w)), STRONG)
    symbols = columns_of(names, words)
    dates = DateColumns.of(names, gather)
    if not symbols and not dates.are_moves:
        raise BadFile(f"{gather.name} has no column symbol.", "Name the column of symbols so.")
    sector = sector_column(names)
    more = [*dates.columns, *([] if sector is None else [sector])]
    return [names[i] for i in dict.fromkeys([*symbols, *more])]


def _check(metadata: Any, columns: list[int], gather: Gather) -> None:
    """Nothing is unpacked before its announced size is known to be harmless."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    size = sum(g.column(column).total_uncompressed_size for g in groups for column in columns)
    if metadata.num_rows > gather.most_rows or size > gather.most_bytes:
        raise BadFile(
            f"{gather.name} has {metadata.num_rows:,} rows and {size:,} bytes in its symbol "
            f"column; a list has at most {gather.most_rows:,} and"
            f" {gather.most_bytes:,}.",
            "Is this the right file?",
        )
