"""Day bars from CSV files, kept in memory: what the replay vendor serves.

Columns by name, in any order and case: `symbol` (or `ticker`), `date` (ISO), `open`, `high`,
`low`, `close`, `volume`, and where known `vwap` and `trades`; others are ignored. Files end in
`.csv` or `.csv.gz`.
"""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import IO, Any

import numpy as np

from tickstock.errors import BadFile
from tickstock.model import BarTable, epoch_day
from tickstock.spans import Span

SHIPPED = Path(str(files("tickstock"))) / "data" / "bars"
NEEDED = ("date", "open", "high", "low", "close", "volume")

Row = tuple[str, int, float, float, float, float, float, float, int]


class RecordedBars:
    """Day bars by ticker and by session. `all` is sorted by ticker and date."""

    def __init__(self, rows: Iterable[Row]) -> None:
        ordered = sorted(rows, key=lambda row: (row[0], row[1]))
        names = [row[0] for row in ordered]
        self.tickers = tuple(sorted(set(names)))
        self._place = {t: i for i, t in enumerate(self.tickers)}
        owner = np.array([self._place[n] for n in names], np.int64)
        columns = zip(*(row[1:] for row in ordered), strict=True) if ordered else [()] * 8
        kinds = (np.int64, *(np.float64,) * 6, np.int64)
        arrays: list[Any] = [np.array(c, k) for c, k in zip(columns, kinds, strict=True)]
        self.all = BarTable(self.tickers, owner, *arrays)
        self._starts = np.searchsorted(owner, np.arange(len(self.tickers) + 1))
        self._by_day = np.argsort(self.all.at, kind="stable")
        self._days = self.all.at[self._by_day]

    def __contains__(self, ticker: str) -> bool:
        return ticker in self._place

    def of(self, ticker: str, span: Span) -> BarTable:
        """The bars of one ticker in `span`; none for a ticker that was not recorded."""
        if ticker not in self._place:
            return BarTable.empty()
        begin, stop = self._starts[self._place[ticker] :][:2]
        edges = np.array([epoch_day(span.start), epoch_day(span.end)])
        low, high = begin + np.searchsorted(self.all.at[begin:stop], edges)
        return self.all.rows(np.arange(low, high))

    def on(self, day: date) -> BarTable:
        """The bars of all tickers on one session."""
        number = epoch_day(day)
        low, high = np.searchsorted(self._days, [number, number + 1])
        return self.all.rows(np.sort(self._by_day[low:high]))


@cache
def shipped_bars() -> RecordedBars:
    """The real bars that come with TickStock; `data/bars/ORIGIN.md` tells of them."""
    return read_folder(SHIPPED)


def read_folder(folder: Path) -> RecordedBars:
    """The bars in all CSV files of `folder`.

    Raises:
        BadFile: no such folder, no CSV file in it, or a line that is not a bar.
    """
    try:
        found = sorted(f for f in folder.iterdir() if f.name.endswith((".csv", ".csv.gz")))
    except OSError as error:
        raise BadFile(f"The folder {folder} cannot be read: {error.strerror}.") from error
    if not found:
        raise BadFile(f"The folder {folder} holds no CSV file.", "Put .csv or .csv.gz files there.")
    return RecordedBars(_once(row for file in found for row in _rows(file)))


def _once(rows: Iterable[tuple[str, Row]]) -> Iterator[Row]:
    seen: set[tuple[str, int]] = set()
    for place, row in rows:
        if row[:2] in seen:
            raise BadFile(f"{place}: a second bar of {row[0]} for this date.", "Remove one.")
        seen.add(row[:2])
        yield row


def _rows(file: Path) -> Iterator[tuple[str, Row]]:
    """Each bar with its place, `file:line`."""
    line = 1
    try:
        with _open_text(file) as text:
            reader = csv.reader(text, strict=True)
            header = _header(file, next(reader, []))
            for values in reader:
                line = reader.line_num
                yield f"{file}:{line}", _row(values, header)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise BadFile(f"{file}: cannot be read after line {line}: {error}.") from error
    except (ValueError, IndexError) as error:
        raise BadFile(f"{file}:{line}: this line is not a bar: {error}.") from error


def _open_text(file: Path) -> IO[str]:
    if file.name.endswith(".gz"):
        return gzip.open(file, "rt", encoding="utf-8-sig", newline="")
    return file.open(encoding="utf-8-sig", newline="")


def _header(file: Path, names: list[str]) -> Mapping[str, int]:
    header = {name.strip().lower(): i for i, name in enumerate(names)}
    header.setdefault("symbol", header.get("ticker", -1))
    missing = [n for n in ("symbol", *NEEDED) if header.get(n, -1) < 0]
    if missing:
        raise BadFile(
            f"{file}:1: the column {missing[0]!r} is missing.",
            f"Needed are symbol, {', '.join(NEEDED)}.",
        )
    return header


def _row(values: list[str], header: Mapping[str, int]) -> Row:
    def optional(name: str) -> str:
        return values[header[name]].strip() if name in header else ""

    symbol = values[header["symbol"]].strip()
    day = epoch_day(date.fromisoformat(values[header["date"]].strip()))
    opened, high, low, close, volume = (float(values[header[name]]) for name in NEEDED[1:])
    vwap = optional("vwap")
    if not symbol or not math.isfinite(opened + high + low + close + volume):
        raise ValueError("it has no symbol, or a number that is not finite")
    average = float(vwap) if vwap else math.nan
    trades = int(optional("trades") or -1)
    return symbol, day, opened, high, low, close, volume, average, trades
