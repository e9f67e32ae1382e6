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
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from tickstock.extras import optional
from tickstock.model import Aside, BarTable, Call, Ints, Timeframe, epoch_day
from tickstock.vendors.newyork import LATEST, dates_of
from tickstock.vendors.tables import GrowingTable, is_another_form, tidy
from tickstock.vendors.words import unreadable

_inflater: Callable[[int], Any] = zlib.decompressobj
_broken: Any = zlib.error
if isal_zlib := optional("isal.isal_zlib"):  # in the extra `s3`: the same, three times as fast
    _inflater, _broken = isal_zlib.decompressobj, (zlib.error, isal_zlib.error)

STEP = 1 << 20
"""Bytes unpacked at a time."""
PACKED_STEP = 1 << 19
"""And handed to the inflater at a time: what it has not come to it gives back as a copy."""
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
_FLOATS = msgspec.json.Decoder(list[float])
STAMP_DIGITS = 19
"""Of nanoseconds, since 2001."""
COUNT_DIGITS = 10
EIGHT = 8
"""Bytes of a number."""
_ONES = np.uint64(0x0101010101010101)
_COMMAS = _ONES * np.uint64(_COMMA)
_POWERS = 10 ** np.arange(9, -1, -1)
"""Of ten, for the digits that are seconds."""
Columns = dict[str, npt.NDArray[Any]]
"""By name: whole numbers, times in seconds; and floats."""
SAMPLE = 50
"""Lines by which a file in another form is told from one with a bad line."""
NOON = 17 * 3_600
"""Seconds from midnight UTC to a moment of the same date in New York."""


@dataclass(frozen=True, slots=True)
class FlatFile:
    """What a file holds: the bars of wanted tickers, how many tickers there are in all, the rows
    left out, by reason, and those that were put aside."""

    bars: BarTable
    dropped: tuple[tuple[str, int], ...]
    tickers: int
    aside: tuple[Aside, ...]


def read_flat_file(
    packed: bytes | memoryview, call: Call, wanted: Collection[str] = ()
) -> FlatFile:
    """The bars of the `wanted` tickers; of all, if none is named.

    A line that is no bar is put aside, and the rest is kept.

    Raises:
        VendorUnreadable: broken gzip, an end in the middle of a line, other columns, more than
            single lines that are no bars, bars of other days.
    """
    pieces = _whole_lines(_unpacked(packed, call), call)
    first = next(pieces, b"")
    header, _, rest = first.partition(b"\n")
    reader = _LineReader(call, _header(header, call), frozenset(t.encode() for t in wanted))
    found = GrowingTable()
    found.add(reader.read(rest))
    for piece in pieces:
        found.add(reader.read(piece))
    if is_another_form(len(reader.aside), reader.lines):
        raise unreadable(call, f"is a file with lines that are not bars: {reader.aside[0]}")
    bars, dropped = tidy([found.table()], call)
    return FlatFile(bars, dropped, len(reader.seen), tuple(reader.aside))


def _header(line: bytes, call: Call) -> list[str]:
    names = line.decode("utf-8-sig", "replace").strip().split(",")
    lacking = [name for name in ("ticker", *NUMBERS) if names.count(name) != 1]
    if lacking:
        raise unreadable(call, f"is a file without exactly one column {lacking[0]!r}")
    return names


# --- bytes ---------------------------------------------------------------------------------
def _unpacked(packed: bytes | memoryview, call: Call) -> Iterator[bytes]:
    """The unpacked file in pieces; several gzip members in a row are one file."""
    whole = memoryview(packed)
    at = size = 0
    while at < len(whole):
        inflater = _inflater(_GZIP)
        left: Any = b""
        try:
            while not inflater.eof and (len(left) or at < len(whole)):
                if not len(left):
                    left = whole[at : at + PACKED_STEP]
                    at += len(left)
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
        at -= len(inflater.unused_data)


def _whole_lines(pieces: Iterator[bytes], call: Call) -> Iterator[bytes]:
    """The same bytes, cut behind the ends of lines. The last line may lack its end, but nothing
    else: with fewer columns than the header has, the end of the file is missing."""
    begun, columns = b"", 0
    for piece in pieces:
        cut = piece.rfind(b"\n") + 1
        if cut:
            whole = begun + piece[:cut]
            columns = columns or whole[: whole.index(b"\n")].count(b",")
            yield whole
            begun = piece[cut:]
        else:
            begun += piece
    if begun:
        if begun.count(b",") < columns:
            raise unreadable(call, "is a file that ends in the middle of a line")
        yield begun + b"\n"


# --- lines ---------------------------------------------------------------------------------
class _LineReader:
    """Turns whole lines into bars. `wanted` tickers as bytes; all, if there is none.

    `seen` are the tickers of the file, and `aside` those of its lines that are no bars.
    """

    def __init__(self, call: Call, header: list[str], wanted: frozenset[bytes]) -> None:
        self.seen: set[bytes] = set()
        self.aside: list[Aside] = []
        self.lines = 0  # read so far, without the header
        self._call = call
        self._header = header
        self._wanted = wanted
        numbers = [name for name in header if name != "ticker"]
        self._place = {name: numbers.index(name) for name in NUMBERS}
        kinds = tuple(NUMBERS.get(name, Any) for name in numbers)
        row = tuple.__class_getitem__(kinds)
        self._rows: msgspec.json.Decoder[Any] = msgspec.json.Decoder(list[row])  # type: ignore[valid-type]
        self._is_plain = len(numbers) == len(NUMBERS)

    def read(self, lines: bytes) -> BarTable:
        if not lines:
            return BarTable.empty()
        if self._header[0] != "ticker" or b'"' in lines:
            lines = self._reordered(lines)
        found = list(self._runs(lines))
        self.lines += lines.count(b"\n")
        counts = [block.count(b"\n") + 1 for _, block, _ in found]
        if not found:
            self._must_be_bars(lines)
            return BarTable.empty()
        names, owners = [ticker for ticker, _, _ in found], np.repeat(np.arange(len(found)), counts)
        try:
            columns = self._columns(found, len(owners))
        except ValueError:
            self._must_be_bars(lines)
            owners, rows = self._one_by_one(found)
            columns = self._transposed(rows)
        return self._table([n.decode("ascii") for n in names], owners, columns)

    def _reordered(self, lines: bytes) -> bytes:
        """The same lines with the ticker first, and without quotes."""
        place = self._header.index("ticker")
        out = io.StringIO()
        for line in lines.decode("utf-8", "replace").splitlines():
            try:
                (row,) = csv.reader([line], strict=True)
                ticker = row.pop(place)
                out.write(f"{ticker},{','.join(row)}\n")
            except (csv.Error, IndexError, ValueError):
                out.write("\n")  # no line may be lost, as they are counted
        return out.getvalue().encode()

    def _runs(self, lines: bytes) -> Iterator[tuple[bytes, bytes, int]]:
        """Each wanted ticker and its lines that stand together, without the last line's end, and
        the number of the first one."""
        names, starts, ends = _tickers(lines)
        first = np.flatnonzero(np.concatenate(([True], names[1:] != names[:-1])))
        last = np.append(first[1:], len(names)) - 1
        tickers = names[first].view(f"S{names.itemsize}").tolist()
        numbers = (first + self.lines + 2).tolist()  # the header is line 1
        runs = zip(tickers, starts[first].tolist(), ends[last].tolist(), numbers, strict=True)
        for ticker, start, end, number in runs:
            if not _is_ticker(ticker):
                for i in range(lines.count(b"\n", start, end) + 1):
                    self._put_aside(number + i, "", "a line without a ticker, or an impossible one")
                continue
            self.seen.add(ticker)
            if not self._wanted or ticker in self._wanted:
                yield ticker, lines[start:end], number

    def _columns(self, found: list[tuple[bytes, bytes, int]], count: int) -> Columns:
        """The lines as columns of numbers; ValueError as `_numbers`."""
        if self._is_plain:
            try:
                return self._all_at_once(found, count)
            except ValueError:
                pass  # perhaps written in another way, which is read row by row
        return self._transposed(self._numbers(found, count))

    def _all_at_once(self, found: list[tuple[bytes, bytes, int]], count: int) -> Columns:
        """Four times as fast where nothing is unusual: all numbers as one array, in which an end of
        a line is white space. Whole numbers are looked at as text besides.

        Raises:
            ValueError: a line is no bar, or its numbers are not written as they usually are.
        """
        text = b"\n,".join(
            block[len(ticker) + 1 :].replace(b"\n" + ticker + b",", b"\n,")
            for ticker, block, _ in found
        )
        numbers = np.array(_FLOATS.decode(b"[" + text + b"]"), np.float64)
        width, read = len(NUMBERS), np.frombuffer(text + bytes(STAMP_DIGITS), np.uint8)
        ends = np.append(np.flatnonzero(read == _COMMA), len(text))
        lines = np.append(np.flatnonzero(read == _NEWLINE), len(text))
        if (
            len(numbers) != count * width
            or not (ends[width - 1 : -1 : width] == lines[:-1] + 1).all()
        ):
            raise ValueError("not so many numbers in each line")
        starts = np.append(0, ends[:-1] + 1).reshape(-1, width)
        stops = ends.reshape(-1, width)
        stops[:, -1] = lines
        table = numbers.reshape(-1, width)
        columns: Columns = {name: table[:, place].copy() for name, place in self._place.items()}
        stamp, trades = self._place["window_start"], self._place["transactions"]
        digits = _digits(read, starts[:, stamp], stops[:, stamp], STAMP_DIGITS)
        if (stops[:, stamp] - starts[:, stamp] != STAMP_DIGITS).any():
            raise ValueError("a time with another number of digits")
        columns["window_start"] = digits[:, : len(_POWERS)].astype(np.int64) @ _POWERS
        _digits(read, starts[:, trades], stops[:, trades], COUNT_DIGITS)
        columns["transactions"] = columns["transactions"].astype(np.int64)
        if columns["window_start"].max() >= LATEST or columns["transactions"].max() > _MOST_TRADES:
            raise ValueError("an impossible time or number of trades")
        return columns

    def _transposed(self, rows: list[tuple[Any, ...]]) -> Columns:
        found = list(zip(*rows, strict=True)) or [()] * len(self._place)
        columns: Columns = {
            name: np.array(found[place], np.int64 if NUMBERS[name] is int else np.float64)
            for name, place in self._place.items()
        }
        return columns | {"window_start": columns["window_start"] // NANOSECONDS}

    def _numbers(self, found: list[tuple[bytes, bytes, int]], count: int) -> list[tuple[Any, ...]]:
        """The lines as rows of numbers. As JSON they are read quickly, and strictly.

        Raises:
            ValueError: one of them is no bar.
        """
        arrays = [
            block[len(ticker) + 1 :].replace(b"\n" + ticker + b",", b"],[")
            for ticker, block, _ in found
        ]
        rows: list[tuple[Any, ...]] = self._rows.decode(b"[[" + b"],[".join(arrays) + b"]]")
        if len(rows) != count:
            raise ValueError("a ticker alone")
        self._check(rows)
        return rows

    def _check(self, rows: list[tuple[Any, ...]]) -> None:
        """ValueError for what no bar has. A stamp outside 1971 to 2100 is in another unit, as
        microseconds, or nonsense."""
        columns = list(zip(*rows, strict=True))
        stamps = columns[self._place["window_start"]]
        if min(stamps) < NANOSECONDS * 365 * 86_400 or max(stamps) >= LATEST * NANOSECONDS:
            raise ValueError("a time that is not in Unix nanoseconds")
        counts = columns[self._place["transactions"]]
        if min(counts) < 0 or max(counts) > _MOST_TRADES:
            raise ValueError("an impossible number of trades")

    def _one_by_one(
        self, found: list[tuple[bytes, bytes, int]]
    ) -> tuple[Ints, list[tuple[Any, ...]]]:
        """As `_numbers`, without the lines that are no bars, and whose each row is."""
        owners: list[int] = []
        rows: list[tuple[Any, ...]] = []
        for owner, (ticker, block, number) in enumerate(found):
            for i, line in enumerate(block.split(b"\n")):
                try:
                    rows += self._numbers([(ticker, line, number)], 1)
                    owners.append(owner)
                except ValueError as error:
                    self._put_aside(number + i, ticker.decode("ascii"), _plain(error))
        return np.array(owners, np.int64), rows

    def _must_be_bars(self, lines: bytes) -> None:
        """Of a file in another form all lines are no bars, whosever they are."""
        sample = lines.split(b"\n", SAMPLE)[:SAMPLE]
        bad = []
        for line in filter(None, sample):
            try:
                self._numbers([(line.partition(b",")[0], line, 0)], 1)
            except ValueError as error:
                bad.append(error)
        if len(bad) > 1 and 2 * len(bad) > len(sample):
            raise unreadable(
                self._call, f"is a file with lines that are not bars: {_plain(bad[0])}"
            )

    def _put_aside(self, number: int, ticker: str, why: str) -> None:
        day = epoch_day(self._call.span.start)
        at = day if self._call.timeframe is Timeframe.DAY else day * 86_400 + NOON
        self.aside.append(Aside(f"line {number}", ticker, why, at))

    def _table(self, names: list[str], owners: Ints, columns: Columns) -> BarTable:
        if not len(owners):
            return BarTable.empty()
        seconds = columns["window_start"]
        day = self._call.timeframe is Timeframe.DAY
        tickers = tuple(sorted(set(names)))
        order = {ticker: i for i, ticker in enumerate(tickers)}
        place = np.array([order[name] for name in names], np.int64)
        return BarTable(
            tickers,
            place[owners],
            dates_of(seconds) if day else seconds,
            columns["open"],
            columns["high"],
            columns["low"],
            columns["close"],
            columns["volume"],
            np.full(len(owners), np.nan),
            columns["transactions"],
        )


def _digits(
    text: npt.NDArray[np.uint8], start: Ints, stop: Ints, most: int
) -> npt.NDArray[np.uint8]:
    """The digits of numbers that stand in `text`, a row each; what follows a shorter one is not to
    be looked at. ValueError for anything but a few digits."""
    windows = np.lib.stride_tricks.sliding_window_view(text, most)[start]
    digits: npt.NDArray[np.uint8] = windows - np.uint8(ord("0"))
    length = stop - start
    if (length > most).any() or ((digits > 9) & (np.arange(most) < length[:, None])).any():
        raise ValueError("not a whole number of so many digits")
    return digits


def _plain(error: ValueError) -> str:
    """The decoder's words, without its own name for the place."""
    return str(error).partition(" - at ")[0].partition(" (byte")[0]


def _is_ticker(name: bytes) -> bool:
    text = name.decode("ascii", "replace")
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _tickers(lines: bytes) -> tuple[npt.NDArray[Any], Ints, Ints]:
    """The ticker of every line, empty where there is none of possible length, and where the line
    starts and ends. Bytes to be viewed as text."""
    padded = np.frombuffer(lines + bytes(LONGEST_TICKER + 1), np.uint8)
    ends = np.flatnonzero(padded[: len(lines)] == _NEWLINE)
    starts = np.concatenate(([0], ends[:-1] + 1))
    short = _short_tickers(padded, starts, ends)
    return (_any_tickers(padded, starts, ends) if short is None else short), starts, ends


def _short_tickers(
    text: npt.NDArray[np.uint8], starts: Ints, ends: Ints
) -> npt.NDArray[np.uint64] | None:
    """The tickers as numbers, a byte a letter from the lowest one on, where each has less than
    eight and a line that is longer: they are found and told apart several times as fast. Else None.

    The lowest bit of `commas` is the highest one of the first byte that is a comma (H. Warren,
    Hacker's Delight, 6-1, of bytes that are zero).
    """
    if not len(starts) or (ends - starts).min() < EIGHT:
        return None  # the comma in these bytes may be that of another line
    heads = np.lib.stride_tricks.sliding_window_view(text, EIGHT)[starts].view(np.uint64).ravel()
    others = heads ^ _COMMAS
    commas = (others - _ONES) & ~others & (_ONES << np.uint64(7))
    if not commas.all():
        return None
    first = commas & (~commas + np.uint64(1))
    names: npt.NDArray[np.uint64] = heads & ((first >> np.uint64(7)) - np.uint64(1))
    return names


def _any_tickers(padded: npt.NDArray[np.uint8], starts: Ints, ends: Ints) -> npt.NDArray[np.bytes_]:
    heads = np.lib.stride_tricks.sliding_window_view(padded, LONGEST_TICKER + 1)[starts]
    commas = heads == _COMMA
    # Of a line without a comma the next line's may stand in its window.
    length = commas.argmax(axis=1)
    length[~commas.any(axis=1) | (starts + length >= ends)] = 0
    heads[np.arange(LONGEST_TICKER + 1) >= length[:, None]] = 0
    found: npt.NDArray[np.bytes_] = heads.view(f"S{LONGEST_TICKER + 1}").ravel()
    return found
