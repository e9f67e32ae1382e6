"""The vendor's flat files, read: one session, all tickers, as gzip of CSV.

    ticker,volume,open,close,high,low,window_start,transactions
    A,930,121.5,121.5,121.5,121.5,1709820000000000000,12

A file of minutes has well over a million lines for ten thousand tickers. It is unpacked and looked
at piece by piece; lines are grouped by their ticker, and only those of wanted tickers are read as
numbers. Lines of a ticker usually stand together, which makes that quick, but nothing relies on
any order. Pure; whatever is not as documented is an error, never "no data".
"""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Callable, Collection, Iterator
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from tickstock.errors import VendorUnreadable
from tickstock.extras import optional
from tickstock.model import BarTable, Call, Floats, Ints, Timeframe
from tickstock.vendors.newyork import LATEST, dates_of
from tickstock.vendors.tables import tidy
from tickstock.vendors.words import unreadable

_inflater: Callable[[int], Any] = zlib.decompressobj
_broken: Any = zlib.error
if isal_zlib := optional("isal.isal_zlib"):  # in the extra `s3`: the same, three times as fast
    _inflater, _broken = isal_zlib.decompressobj, (zlib.error, isal_zlib.error)

STEP = 4 << 20
"""Bytes unpacked at a time."""
MOST_BYTES = 2 << 30
"""Of one file, unpacked: a file of minutes is about a twentieth of it."""
LONGEST_TICKER = 32
NANOSECONDS = 1_000_000_000
NUMBERS: dict[str, type] = {
    "open": float,
    "high": float,
    "low": float,
    "close": float,
    "volume": float,
    "window_start": int,
    "transactions": int,
}
"""The columns that are read, by the name in the header, in whatever order they come."""
_GZIP = 16 + zlib.MAX_WBITS
_MOST_TRADES = 2**31 - 1
_COMMA, _NEWLINE = ord(","), ord("\n")


def read_flat_file(
    packed: bytes | memoryview, call: Call, wanted: Collection[str] = ()
) -> tuple[BarTable, tuple[tuple[str, int], ...]]:
    """The bars of the `wanted` tickers (of all, if none is named), and rows left out, by reason.

    Raises:
        VendorUnreadable: broken gzip, other columns, a line that is no bar, bars of other days.
    """
    pieces = _whole_lines(_unpacked(packed, call))
    first = next(pieces, b"")
    header, _, rest = first.partition(b"\n")
    reader = _Reader(call, _header(header, call), frozenset(t.encode() for t in wanted))
    tables = [reader.read(rest), *(reader.read(piece) for piece in pieces)]
    return tidy(tables, call)


def _header(line: bytes, call: Call) -> list[str]:
    names = line.decode("utf-8-sig", "replace").strip().split(",")
    lacking = [name for name in ("ticker", *NUMBERS) if names.count(name) != 1]
    if lacking:
        raise unreadable(call, f"is a file without exactly one column {lacking[0]!r}")
    return names


# --- bytes ---------------------------------------------------------------------------------
def _unpacked(packed: bytes | memoryview, call: Call) -> Iterator[bytes]:
    """The unpacked file in pieces; several gzip members in a row are one file."""
    left: Any = packed
    size = 0
    while len(left):
        inflater = _inflater(_GZIP)
        try:
            while len(left) and not inflater.eof:
                piece = inflater.decompress(left, STEP)
                left = inflater.unconsumed_tail
                size += len(piece)
                if size > MOST_BYTES:
                    raise unreadable(call, f"is larger than {MOST_BYTES:,} bytes when unpacked")
                yield piece
        except _broken as error:
            raise unreadable(call, f"is broken gzip: {error}") from None
        if not inflater.eof:
            raise unreadable(call, "is gzip that ends in the middle")
        left = inflater.unused_data


def _whole_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, cut behind the ends of lines; the last line may lack its end."""
    begun = b""
    for piece in pieces:
        cut = piece.rfind(b"\n") + 1
        if cut:
            yield begun + piece[:cut]
            begun = piece[cut:]
        else:
            begun += piece
    if begun:
        yield begun + b"\n"


# --- lines ---------------------------------------------------------------------------------
class _Reader:
    """Turns whole lines into bars. `wanted` tickers as bytes; all, if there is none."""

    def __init__(self, call: Call, header: list[str], wanted: frozenset[bytes]) -> None:
        self._call = call
        self._header = header
        self._wanted = wanted
        numbers = [name for name in header if name != "ticker"]
        self._place = {name: numbers.index(name) for name in NUMBERS}
        kinds = tuple(NUMBERS.get(name, Any) for name in numbers)
        row = tuple.__class_getitem__(kinds)
        self._rows: msgspec.json.Decoder[Any] = msgspec.json.Decoder(list[row])  # type: ignore[valid-type]

    def read(self, lines: bytes) -> BarTable:
        if not lines:
            return BarTable.empty()
        if self._header[0] != "ticker" or b'"' in lines:
            lines = self._reordered(lines)
        found = list(self._runs(lines))
        if not found:
            return BarTable.empty()
        owners = np.repeat(np.arange(len(found)), [block.count(b"\n") + 1 for _, block in found])
        rows = self._numbers(found)
        if len(rows) != len(owners):
            raise self._not_a_bar("a ticker alone")
        return self._table([self._named(ticker) for ticker, _ in found], owners, rows)

    def _reordered(self, lines: bytes) -> bytes:
        """The same lines with the ticker first, and without quotes."""
        place = self._header.index("ticker")
        out = io.StringIO()
        text = io.StringIO(lines.decode("utf-8", "replace"))
        try:
            for row in csv.reader(text, strict=True):
                ticker = row.pop(place)
                out.write(f"{ticker},{','.join(row)}\n")
        except (csv.Error, IndexError) as error:
            raise self._not_a_bar(error) from None
        return out.getvalue().encode()

    def _runs(self, lines: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Each wanted ticker and its lines that stand together, without the last line's end."""
        names, starts, ends = _tickers(lines, self._call)
        first = np.flatnonzero(np.concatenate(([True], names[1:] != names[:-1])))
        last = np.append(first[1:], len(names)) - 1
        runs = zip(names[first].tolist(), starts[first].tolist(), ends[last].tolist(), strict=True)
        for ticker, start, end in runs:
            if not self._wanted or ticker in self._wanted:
                yield ticker, lines[start:end]

    def _numbers(self, found: list[tuple[bytes, bytes]]) -> list[tuple[Any, ...]]:
        """The lines as rows of numbers. As JSON they are read quickly, and strictly."""
        arrays = [
            block[len(ticker) + 1 :].replace(b"\n" + ticker + b",", b"],[")
            for ticker, block in found
        ]
        try:
            rows: list[tuple[Any, ...]] = self._rows.decode(b"[[" + b"],[".join(arrays) + b"]]")
        except ValueError as error:
            raise self._not_a_bar(error) from None
        return rows

    def _not_a_bar(self, why: object) -> VendorUnreadable:
        return unreadable(self._call, f"is a file with a line that is not a bar: {why}")

    def _named(self, ticker: bytes) -> str:
        text = ticker.decode("ascii", "replace")
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise unreadable(self._call, "has bars without a ticker or with an impossible one")
        return text

    def _table(self, names: list[str], owners: Ints, rows: list[tuple[Any, ...]]) -> BarTable:
        columns = list(zip(*rows, strict=True))
        seconds = self._seconds(columns[self._place["window_start"]])
        day = self._call.timeframe is Timeframe.DAY

        def numbers(name: str) -> Floats:
            return np.array(columns[self._place[name]], np.float64)

        tickers = tuple(sorted(set(names)))
        order = {ticker: i for i, ticker in enumerate(tickers)}
        place = np.array([order[name] for name in names], np.int64)
        return BarTable(
            tickers,
            place[owners],
            dates_of(seconds) if day else seconds,
            numbers("open"),
            numbers("high"),
            numbers("low"),
            numbers("close"),
            numbers("volume"),
            np.full(len(rows), np.nan),
            self._trades(columns[self._place["transactions"]]),
        )

    def _seconds(self, stamps: tuple[int, ...]) -> Ints:
        """A stamp outside 1971 to 2100 is in another unit, as microseconds, or nonsense."""
        if min(stamps) < NANOSECONDS * 365 * 86_400 or max(stamps) >= LATEST * NANOSECONDS:
            raise unreadable(self._call, "has a time that is not in Unix nanoseconds")
        return np.array(stamps, np.int64) // NANOSECONDS

    def _trades(self, counts: tuple[int, ...]) -> Ints:
        if min(counts) < 0 or max(counts) > _MOST_TRADES:
            raise unreadable(self._call, "has an impossible number of trades")
        return np.array(counts, np.int64)


def _tickers(lines: bytes, call: Call) -> tuple[npt.NDArray[np.bytes_], Ints, Ints]:
    """The ticker of every line, and where the line starts and ends."""
    padded = np.frombuffer(lines + bytes(LONGEST_TICKER + 1), np.uint8)
    ends = np.flatnonzero(padded[: len(lines)] == _NEWLINE)
    starts = np.concatenate(([0], ends[:-1] + 1))
    heads = np.lib.stride_tricks.sliding_window_view(padded, LONGEST_TICKER + 1)[starts]
    commas = heads == _COMMA
    if not commas.any(axis=1).all():
        raise unreadable(call, "has bars without a ticker or with an impossible one")
    heads[np.arange(LONGEST_TICKER + 1) >= commas.argmax(axis=1)[:, None]] = 0
    return heads.view(f"S{LONGEST_TICKER + 1}").ravel(), starts, ends
