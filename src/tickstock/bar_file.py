"""One bar file: the day bars of a year in columns, by instrument and day, to be mapped into memory.

The format is that of safetensors: eight bytes with the length of a JSON header, the header with the
place of each column, then the columns as they lie in memory; numpy reads it without a library, and
others have one (https://huggingface.co/docs/safetensors). Files are written once, under a name that
is used once, and never changed.

A file proves what it tells: each bar that is taken is hashed again, with its key, and compared
with the running sums beside it; so are the bars before and after those that are taken, as a bar
that claims another day would hide others. What does not fit is `BadFile`, and never other bars.
"""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from tickstock.checksums import column_hashes
from tickstock.errors import BadFile
from tickstock.failpoints import reach
from tickstock.model import PRICES, Flags, Ints
from tickstock.private import FILE

Columns = Mapping[str, npt.NDArray[Any]]
SCHEMA = "tickstock/bars/1"
ENDING = ".safetensors"
KINDS = {
    "first": "I64", "open": "F64", "high": "F64", "low": "F64", "close": "F64", "volume": "F64",
    "vwap": "F64", "sums": "U64", "instrument": "I32", "at": "I32", "trades": "I32",
}  # fmt: skip
"""The columns, the wide ones first, so that each begins at a multiple of its width. Of the
instruments that have bars, `instrument` has the numbers and `first` the first row of each and the
end; `sums` are the sums of the hashes of all rows before each, and of all."""
COLUMNS = ("instrument", "at", *PRICES, "volume", "vwap", "trades")
Block = npt.NDArray[np.int64]
"""Bars, a row for each of COLUMNS and a column a bar; of prices the bits. What is in one piece is
copied in one."""
DTYPES = {"I64": "<i8", "F64": "<f8", "U64": "<u8", "I32": "<i4"}
BYTES_OF_A_BAR = 64
HEAD_BYTES = 8
AT_ONCE = 16_384
"""Bars copied and hashed at once where they are not kept: they stay in the processor's cache."""
LONGEST_HEAD = 1 << 16


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What a file is: its name without the ending, which no other file ever has, and the database
    whose bars it holds."""

    name: str
    database: str


@dataclass(frozen=True, slots=True)
class RowRanges:
    """Rows of a file, half-open, of each instrument that was asked for."""

    start: Ints
    end: Ints

    def __len__(self) -> int:
        return int((self.end - self.start).sum())


class BarFile:
    """An open file. Mapped, not read: what is taken from it is copied.

    Raises BadFile where there is none of that name, and where it is damaged or another one's.
    """

    def __init__(self, folder: Path, stamp: FileStamp) -> None:
        self._path = folder / f"{stamp.name}{ENDING}"
        try:
            with self._path.open("rb") as stream:
                self._seen = _look(os.fstat(stream.fileno()))
                whole = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            self._columns = _columns(whole, stamp)
        except FileNotFoundError:
            raise damaged(self._path, "is not there") from None
        except (OSError, ValueError, TypeError, KeyError, msgspec.MsgspecError) as e:
            raise damaged(self._path, f"cannot be read ({e})") from e

    def __len__(self) -> int:
        return len(self._columns["at"])

    @property
    def instruments(self) -> Ints:
        return self._columns["instrument"]

    def is_still_there(self) -> bool:
        """Whether the file under its name is the one that was opened, and as long."""
        try:
            return _look(self._path.stat()) == self._seen
        except OSError:
            return False

    def find(self, instruments: Ints, lo: Ints, hi: Ints) -> RowRanges:
        """Where the bars of `instruments[i]` with `lo[i] <= at <= hi[i]` lie."""
        known, first, at = (self._columns[name] for name in ("instrument", "first", "at"))
        if not len(known):
            nothing = np.zeros(len(instruments), np.int64)
            return RowRanges(nothing, nothing)
        place = np.minimum(np.searchsorted(known, instruments), len(known) - 1)
        is_known = known[place] == instruments
        low = np.where(is_known, first[place], 0)
        high = np.where(is_known, first[place + 1], 0)
        start, end = _first_from(at, low, high, lo), _first_from(at, low, high, hi + 1)
        self._prove(np.concatenate([start[start > low] - 1, end[end < high]]))
        return RowRanges(start, np.maximum(start, end))

    def copy(self, found: RowRanges, block: Block, to: Ints | slice) -> None:
        """Copy the bars that were found to these places of `block`, all but their instruments. What
        is copied is not looked at: see `sum_of`."""
        rows = ranges(found.start, found.end - found.start)
        for name, column in columns_of(block).items():
            if name != "instrument":
                self._copy(name, rows, column, to)

    def parts(
        self, found: RowRanges, instruments: Ints, *, at_once: int = AT_ONCE
    ) -> Iterator[tuple[Ints, Block]]:
        """The bars that were found, some at a time, each time in the same memory; with them, for
        each bar, the place in `instruments` of what it is of.

        They are proven when all have been given: raises BadFile then where they are not what was
        written.
        """
        counts = found.end - found.start
        rows = ranges(found.start, counts)
        place = np.repeat(np.arange(len(counts)), counts)
        block, total = np.empty((len(COLUMNS), at_once), np.int64), 0
        for start in range(0, len(place), at_once):
            which = place[start : start + at_once]
            part = block[:, : len(which)]
            self._take(part, _cut(rows, start, len(which)), instruments[which])
            total += int(sum_of_hashes(part))
            yield which, part
        if total % (1 << 64) != self.sum_of(found):
            raise damaged(self._path, "holds bars that differ from their checksums")

    def sum_of(self, found: RowRanges) -> np.uint64:
        """What the hashes of the bars that were found add up to: see `sum_of_hashes`."""
        sums = self._columns["sums"]
        total: np.uint64 = (sums[found.end] - sums[found.start]).sum(dtype=np.uint64)
        return total

    def check(self, found: RowRanges, instruments: Ints) -> None:
        """Raises BadFile where the bars that were found are not what was written."""
        for _ in self.parts(found, instruments):
            pass

    def _prove(self, rows: Ints) -> None:
        """The bars that bound what was found are what they were."""
        first, sums = self._columns["first"], self._columns["sums"]
        owner = np.searchsorted(first, rows, side="right") - 1
        taken = np.empty((len(COLUMNS), len(rows)), np.int64)
        self._take(taken, rows, self.instruments[owner])
        if (column_hashes(columns_of(taken)) != sums[rows + 1] - sums[rows]).any():
            raise damaged(self._path, "holds bars that differ from their checksums")

    def _take(self, block: Block, rows: Ints | slice, instrument: Ints) -> None:
        """Copy bars to `block`."""
        for name, column in columns_of(block).items():
            if name == "instrument":
                column[:] = instrument
            else:
                self._copy(name, rows, column, slice(None))

    def _copy(
        self, name: str, rows: Ints | slice, column: npt.NDArray[Any], to: Ints | slice
    ) -> None:
        mine = self._columns[name]
        if isinstance(rows, slice) or isinstance(to, np.ndarray) or KINDS[name] == "I32":
            column[to] = mine[rows]
        else:  # without a copy in between
            mine.take(rows, out=column[to], mode="clip")


def columns_of(block: Block) -> dict[str, npt.NDArray[Any]]:
    """The columns of bars by name, as what they are; they share its memory."""
    return {
        name: column.view(np.float64) if KINDS[name] == "F64" else column
        for name, column in zip(COLUMNS, block, strict=True)
    }


def sum_of_hashes(block: Block) -> np.uint64:
    """What bars have to add up to, in whatever order and of however many files."""
    total: np.uint64 = column_hashes(columns_of(block)).sum(dtype=np.uint64)
    return total


def block_of(columns: Columns) -> Block:
    """Columns of 64 bits by name, in one piece."""
    return np.stack([columns[name].view(np.int64) for name in COLUMNS])


def write_bar_file(folder: Path, stamp: FileStamp, bars: Columns) -> int:
    """Write bars, by instrument and day, one a day and instrument; the bytes written.

    When this returns the file is whole, under its name, and outlives a loss of power; a process
    that dies before leaves one of another ending.
    """
    instrument = bars["instrument"]
    first = np.flatnonzero(np.diff(instrument, prepend=instrument[:1] - 1))
    sums = np.zeros(len(instrument) + 1, np.uint64)
    np.cumsum(column_hashes(bars), out=sums[1:])
    columns = dict(bars) | {
        "instrument": instrument[first],
        "first": np.append(first, len(instrument)),
        "sums": sums,
    }
    parts = [columns[name].astype(DTYPES[kind], copy=False) for name, kind in KINDS.items()]
    path = folder / f"{stamp.name}{ENDING}"
    fresh = path.with_suffix(".tmp")
    with open(fresh, "wb", opener=lambda p, flags: os.open(p, flags, FILE)) as stream:
        stream.write(_head(stamp, dict(zip(KINDS, parts, strict=True))))
        for part in parts:
            reach("bar_file.column")
            stream.write(part.tobytes())
        stream.flush()
        os.fsync(stream.fileno())
        size = stream.tell()
    reach("bar_file.written")
    fresh.replace(path)
    return size


def about_rows(folder: Path, name: str) -> int:
    """About how many bars a file has, by its size; none where it is not there."""
    try:
        return (folder / f"{name}{ENDING}").stat().st_size // BYTES_OF_A_BAR
    except OSError:
        return 0


def damaged(path: Path, what: str) -> BadFile:
    """The error for a file that cannot be used."""
    return BadFile(
        f"The bar file {path} {what}.",
        "Bars are read from the database. Write the files anew: `tickstock files fold --anew`.",
    )


# --- the format ---------------------------------------------------------------------------------
def _head(stamp: FileStamp, columns: Columns) -> bytes:
    end, head = 0, dict[str, Any]()
    for name, column in columns.items():
        offsets = [end, end := end + column.nbytes]
        head[name] = {"dtype": KINDS[name], "shape": [len(column)], "data_offsets": offsets}
    head["__metadata__"] = {
        "schema": SCHEMA, "name": stamp.name, "database": stamp.database,
        "index": str(_index_sum(columns)),
    }  # fmt: skip
    text = msgspec.json.encode(head)
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(HEAD_BYTES, "little") + text


def _columns(whole: mmap.mmap, stamp: FileStamp) -> Columns:
    """The columns of a mapped file. Raises ValueError and its like for one that is not whole."""
    length = int.from_bytes(whole[:HEAD_BYTES], "little")
    if length > LONGEST_HEAD:
        raise ValueError("it has no header of ours")
    head = msgspec.json.decode(whole[HEAD_BYTES : HEAD_BYTES + length], type=dict[str, Any])
    said = head["__metadata__"]
    if (said["schema"], said["name"], said["database"]) != (SCHEMA, stamp.name, stamp.database):
        raise ValueError("it is another file, or of another database")
    start, end, found = HEAD_BYTES + length, 0, dict[str, npt.NDArray[Any]]()
    for name, kind in KINDS.items():
        (count,), (low, high) = head[name]["shape"], head[name]["data_offsets"]
        if low != end or head[name]["dtype"] != kind:
            raise ValueError("its header is damaged")
        found[name] = np.frombuffer(whole, DTYPES[kind], count, start + low)
        end = high
    if start + end != len(whole) or not _fits(found):
        raise ValueError("it is not whole")
    if str(_index_sum(found)) != said["index"]:
        raise ValueError("its index is damaged")
    return found | {name: found[name].astype(np.int64) for name in ("instrument", "first")}


def _look(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _fits(columns: Columns) -> bool:
    """Whether the columns have as many rows as they should."""
    rows = len(columns["at"])
    long = all(len(columns[name]) == rows for name in (*PRICES, "volume", "vwap", "trades"))
    return long and len(columns["sums"]) == rows + 1 == columns["first"][-1] + 1


def _index_sum(columns: Columns) -> int:
    return zlib.crc32(columns["first"].tobytes(), zlib.crc32(columns["instrument"].tobytes()))


# --- rows ---------------------------------------------------------------------------------------
def _first_from(at: npt.NDArray[np.int32], low: Ints, high: Ints, day: Ints) -> Ints:
    """For each i the first row from `low[i]` up to `high[i]` that is not before `day[i]`."""
    start, end = low.copy(), high.copy()
    some = np.flatnonzero(low < high)
    is_after = at[high[some] - 1] < day[some]
    start[some[is_after]] = high[some[is_after]]  # the most frequent cases: a year as a whole
    open_ = some[~is_after & (at[low[some]] < day[some])]
    while len(open_):
        middle = (start[open_] + end[open_]) // 2
        is_before: Flags = at[middle] < day[open_]
        start[open_[is_before]] = middle[is_before] + 1
        end[open_[~is_before]] = middle[~is_before]
        open_ = open_[start[open_] < end[open_]]
    return start


def _cut(rows: Ints | slice, start: int, count: int) -> Ints | slice:
    """Some of the rows, from the one in place `start` on."""
    if isinstance(rows, slice):
        return slice(rows.start + start, rows.start + start + count)
    return rows[start : start + count]


def ranges(start: Ints, counts: Ints) -> Ints | slice:
    """All numbers of the ranges one after the other; as a slice where they are one."""
    some = counts > 0
    start, counts = start[some], counts[some]
    if not len(start):
        return slice(0, 0)
    if (start[1:] == start[:-1] + counts[:-1]).all():
        return slice(int(start[0]), int(start[-1] + counts[-1]))
    skipped = np.repeat(start - np.append(0, np.cumsum(counts)[:-1]), counts)
    rows: Ints = skipped + np.arange(len(skipped))
    return rows
