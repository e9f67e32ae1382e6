"""One sealed file: minute or hour bars of a month in Parquet, by instrument and time.

The bars of an instrument lie in one row group, so that reading them takes one. Files are written
once, under a name that is used once, and never changed. Other engines read them as they are:
columns and nulls are those of the table in the database.

A file proves nothing by itself: what the bars of each instrument have to add up to is kept in the
database, and all that is read is hashed again. What does not fit is `BadFile`, and never other
bars, nor none. Needs pyarrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from tickstock.arrow_columns import column_of, values_of
from tickstock.checksums import column_hashes
from tickstock.errors import BadFile
from tickstock.extras import need
from tickstock.failpoints import reach
from tickstock.model import PRICES, Timeframe
from tickstock.sealed_place import NOUNS, SealedPlace, as_known, damaged

Columns = Mapping[str, npt.NDArray[Any]]
FLOATS = (*PRICES, "volume", "vwap")


@dataclass(frozen=True, slots=True)
class SealedSpan:
    """Where the bars of one instrument lie in a file: `rows` of a row group, from `first` on.
    `hash` is what their hashes add up to, as a signed number."""

    group: int
    first: int
    rows: int
    hash: int


class SealedWriter:
    """Writes a file. `close` it, then `publish` it. Raises OSError where it cannot be written."""

    def __init__(self, place: SealedPlace, name: str, timeframe: Timeframe) -> None:
        parquet = need("pyarrow.parquet")
        self._where = place.shown(name)
        self._draft = place.create(name)
        self._groups = 0
        self._writer = parquet.ParquetWriter(
            self._draft.stream,
            _schema().with_metadata({"schema": f"tickstock/{NOUNS[timeframe]}s/1"}),
            compression="zstd",
            compression_level=3,
            use_dictionary=["instrument_id"],
            column_encoding={"at": "DELTA_BINARY_PACKED"},
            write_statistics=["instrument_id", "at"],
            write_page_checksum=True,
        )

    def write(self, bars: Columns) -> list[SealedSpan]:
        """Write bars, by instrument and time, as one row group; where those of each instrument in
        turn are."""
        self._writer.write_table(_table(bars), row_group_size=max(len(bars["at"]), 1))
        reach("sealed_file.group")
        edges = np.flatnonzero(np.diff(bars["instrument"], prepend=-1, append=-1))
        hashes = column_hashes(bars)
        self._groups += 1
        return [
            SealedSpan(self._groups - 1, first, end - first, _sum(hashes[first:end]))
            for first, end in pairwise(edges.tolist())
        ]

    def close(self) -> int:
        """Have what was written be kept; how many bytes these are."""
        self._writer.close()
        size = self._draft.close()
        reach("sealed_file.written")
        return size

    def check(self, spans: Sequence[SealedSpan]) -> None:
        """Read it again as it lies there. Raises BadFile where it is not what was written."""
        with self._draft.open() as stream:
            for _ in _read(stream, self._where, spans):
                pass

    def publish(self) -> None:
        """From here on it is there under its name, also after a loss of power."""
        self._draft.publish()

    def discard(self) -> None:
        """Remove what is left of a file that was not published."""
        if not self._draft.stream.closed:
            with suppress(OSError, ValueError):
                self._writer.close()
        self._draft.discard()


def read_spans(
    place: SealedPlace, name: str, spans: Sequence[SealedSpan]
) -> Iterator[tuple[int, Columns]]:
    """The bars of each span, with its place in `spans`; in the order of the file, and one row group
    at a time. Raises BadFile where one of them is not what was written, BadSetting or Transient
    where the file cannot be got at, and OutOfResources."""
    with place.open(name) as stream:
        yield from _read(stream, place.shown(name), spans)


def _read(
    stream: IO[bytes], where: str, spans: Sequence[SealedSpan]
) -> Iterator[tuple[int, Columns]]:
    pa, parquet = need("pyarrow"), need("pyarrow.parquet")
    order = sorted(range(len(spans)), key=lambda i: (spans[i].group, spans[i].first))
    number, group = -1, dict[str, npt.NDArray[Any]]()
    try:
        file = parquet.ParquetFile(stream, page_checksum_verification=True)
        for place in order:
            span = spans[place]
            if span.group != number:
                number, group = span.group, _columns(file.read_row_group(span.group))
            bars = {k: v[span.first : span.first + span.rows] for k, v in group.items()}
            if len(bars["at"]) != span.rows or _sum(column_hashes(bars)) != span.hash:
                raise damaged(where, "holds bars that differ from their checksums")
            yield place, bars
    except (pa.ArrowException, OSError, ValueError, KeyError, IndexError, TypeError) as e:
        if isinstance(e, BadFile):
            raise
        raise as_known(where, e) from e


# --- the format ---------------------------------------------------------------------------------
def _schema() -> Any:
    pa = need("pyarrow")
    fields = [
        pa.field("instrument_id", pa.int32(), nullable=False),
        pa.field("at", pa.timestamp("ms", "UTC"), nullable=False),
        *(pa.field(name, pa.float64(), nullable=name == "vwap") for name in FLOATS),
        pa.field("trades", pa.int32()),
    ]
    return pa.schema(fields)


def _table(bars: Columns) -> Any:
    pa, schema = need("pyarrow"), _schema()
    columns = {name: bars[name] for name in FLOATS}
    columns |= {"instrument_id": bars["instrument"].astype(np.int32), "at": bars["at"] * 1000}
    columns["trades"] = bars["trades"].astype(np.int32)
    valid = {"vwap": ~np.isnan(bars["vwap"]), "trades": bars["trades"] >= 0}
    arrays = [column_of(f.type, columns[f.name], valid.get(f.name)) for f in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _columns(table: Any) -> dict[str, npt.NDArray[Any]]:
    """As the columns of `store.bars.Rows`. Raises KeyError and its like for another table."""
    if not table.schema.equals(_schema()):
        raise ValueError("it has no columns of ours")
    found = {name: values_of(table.column(name), "f8") for name in FLOATS}
    found["trades"] = values_of(table.column("trades"), "i4", -1).astype(np.int64)
    found["instrument"] = values_of(table.column("instrument_id"), "i4").astype(np.int64)
    found["at"] = values_of(table.column("at"), "i8") // 1000
    return found


def _sum(hashes: npt.NDArray[np.uint64]) -> int:
    return int(hashes.sum(dtype=np.uint64).astype(np.int64))
