"""Data files of tables: written a batch at a time, so that memory stays below that of a year."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from pyiceberg.io.fileformat import FileFormatFactory
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.table import Table

from tickstock.failpoints import reach
from tickstock.model import Flags, Floats, Ints
from tickstock.store.bars import Rows

OURS = "tickstock-"
"""How our data files are called first: of those nobody needs, we may remove our own at once."""


def write_data_file(table: Table, folder: str, batches: Iterable[pa.Table]) -> DataFile | None:
    """Write one file, below `folder` of the table's data; None where there is not one row. It is
    of no table until a commit says so."""
    name = f"{OURS}{uuid.uuid4().hex}.parquet"
    place = table.location_provider().new_data_location(f"{folder}/{name}" if folder else name)
    target = table.io.new_output(place)
    writer = FileFormatFactory.get(FileFormat.PARQUET).create_writer(
        target, table.schema(), table.metadata.properties
    )
    rows = 0
    for batch in batches:
        if len(batch):
            writer.write(batch)
            rows += len(batch)
            reach("lake.batch")
    if not rows:
        return None
    statistics = writer.close()
    spec = table.spec()
    reach("lake.file")
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=place,
        file_format=FileFormat.PARQUET,
        partition=statistics.partition(spec, table.schema()),
        file_size_in_bytes=len(target),
        sort_order_id=None,
        spec_id=spec.spec_id,
        equality_ids=None,
        key_metadata=None,
        **statistics.to_serialized_dict(),
    )


def arrow_schema(table: Table) -> pa.Schema:
    """The columns with their numbers, by which readers know them."""
    return schema_to_pyarrow(table.schema())


def bars_to_arrow(schema: pa.Schema, rows: Rows, symbols: pa.Array, codes: Ints) -> pa.Table:
    """Bars with the tickers `symbols[code]`; none where the code is below zero."""
    has_symbol = codes >= 0
    columns = {
        "symbol": symbols.take(pa.array(codes, mask=~has_symbol)),
        "instrument": pa.array(rows.instrument.astype(np.int32)),
        "date": pa.array(rows.at.astype(np.int32)).cast(pa.date32()),
        "vwap": _optional(rows.vwap, ~np.isnan(rows.vwap)),
        "trades": _optional(rows.trades, rows.trades >= 0),
    }
    columns |= {
        name: pa.array(getattr(rows, name)) for name in ("open", "high", "low", "close", "volume")
    }
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _optional(values: Ints | Floats, valid: Flags) -> pa.Array:
    return pa.array(values, mask=~valid)
