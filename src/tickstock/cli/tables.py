"""Bars as CSV, JSON, Parquet, Arrow, or a table for the eye. Every number is written so that
reading it back gives the same double."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO, TextIO

from tickstock.model import BarTable, Timeframe
from tickstock.spans import day_of
from tickstock.words import number

NUMBERS = ("open", "high", "low", "close", "volume", "vwap", "trades")
INTRADAY = (Timeframe.MINUTE, Timeframe.HOUR)


def write(out: TextIO, bars: BarTable, timeframe: Timeframe, form: str) -> None:
    """Bars as `table`, `csv`, `json`, `parquet` or `arrow` (an IPC stream).

    Raises:
        BadInput: a binary form to a terminal, or without the libraries for it.
    """
    writers = {
        "arrow": write_arrow,
        "csv": write_csv,
        "json": write_json,
        "parquet": write_parquet,
        "table": write_table,
    }
    writers[form](out, bars, timeframe)


def write_parquet(out: TextIO, bars: BarTable, timeframe: Timeframe) -> None:
    from tickstock.extras import need
    from tickstock.frames import to_arrow

    sink = _binary(out)
    need("pyarrow.parquet").write_table(to_arrow(bars, timeframe), sink, compression="zstd")


def write_arrow(out: TextIO, bars: BarTable, timeframe: Timeframe) -> None:
    from tickstock.extras import need
    from tickstock.frames import to_arrow

    sink, table = _binary(out), to_arrow(bars, timeframe)
    with need("pyarrow.ipc").new_stream(sink, table.schema) as stream:
        stream.write_table(table)


def _binary(out: TextIO) -> BinaryIO:
    """The bytes under stdout, where they go into a file or a pipe."""
    if out.isatty():
        from tickstock.errors import BadInput

        raise BadInput(
            "Parquet and Arrow are binary, and this is a terminal.", "Add > FILE, or another form."
        )
    return out.buffer


Row = tuple[str, str, *tuple[float | None, ...]]
"""Symbol, time, and the numbers."""


def write_csv(out: TextIO, bars: BarTable, timeframe: Timeframe) -> None:
    """A header and one line a bar: `symbol,date` (New York) or `symbol,timestamp` (UTC)."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["symbol", _time_name(timeframe), *NUMBERS])
    writer.writerows(_rows(bars, timeframe))


def write_json(out: TextIO, bars: BarTable, timeframe: Timeframe) -> None:
    import msgspec

    from tickstock.cli.output import SCHEMA
    from tickstock.cli.streams import json_for

    names = ("symbol", _time_name(timeframe), *NUMBERS)
    data = [dict(zip(names, row, strict=True)) for row in _rows(bars, timeframe)]
    body = {"schema": SCHEMA, "command": "bars", "data": data}
    out.write(json_for(msgspec.json.encode(body).decode(), out) + "\n")


def write_table(out: TextIO, bars: BarTable, timeframe: Timeframe) -> None:
    """Columns as wide as what is in them, whatever the terminal: no date or price is ever cut."""
    head = ["symbol", _time_name(timeframe), *NUMBERS]
    lines = [head, *([s, at, *map(number, rest)] for s, at, *rest in _rows(bars, timeframe))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for symbol, at, *rest in lines:
        cells = [symbol.ljust(widths[0]), at.ljust(widths[1])]
        cells += [cell.rjust(width) for cell, width in zip(rest, widths[2:], strict=True)]
        out.write("  ".join(cells).rstrip() + "\n")


def _rows(bars: BarTable, timeframe: Timeframe) -> Iterator[Row]:
    columns = [getattr(bars, name).tolist() for name in NUMBERS]
    for owner, at, *numbers in zip(bars.owner.tolist(), bars.at.tolist(), *columns, strict=True):
        vwap, trades = numbers[5], numbers[6]
        numbers[4] = int(numbers[4]) if numbers[4].is_integer() else numbers[4]
        numbers[5] = None if math.isnan(vwap) else vwap
        numbers[6] = None if trades < 0 else trades
        yield (bars.tickers[owner], _time(at, timeframe), *numbers)


def _time(at: int, timeframe: Timeframe) -> str:
    if timeframe in INTRADAY:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return day_of(at).isoformat()


def _time_name(timeframe: Timeframe) -> str:
    return "timestamp" if timeframe in INTRADAY else "date"
