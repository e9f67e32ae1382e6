"""Day bars from files that were written from the database, with what has changed since laid over.

A folder's row says which transactions its files have in them: all before the watermark, which was
the oldest open one of the snapshot that they were written from. Every statement that writes day
bars leaves a note with its transaction (`bar_changes`), whoever runs it. So a bar in no note from
the watermark on is in the files as it is in the database; the others are read from there. A
transaction that began before the files were written and commits after it is of these.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

import numpy as np
import structlog

from tickstock.bar_file import (
    COLUMNS,
    BarFile,
    Block,
    FileStamp,
    RowRanges,
    block_of,
    columns_of,
    ranges,
    sum_of_hashes,
)
from tickstock.errors import BadFile
from tickstock.model import Ints, Timeframe
from tickstock.private import make_folder, open_text
from tickstock.store.bars import KEY_BITS, Rows, read_rows
from tickstock.store.connection import Connection
from tickstock.store.pgbinary import columns_cursor
from tickstock.store.queries import load

log = structlog.get_logger("tickstock.store")
QUERIES = load("bar_files.sql")
PLACE = "place"
MOST_CHANGES = 1_000
"""With more since the files were written, all is read from the database."""
LOOKS = 3
"""So often it is looked again whether anything was written while the newest bars were read."""
KEPT = 4
"""Files that stay open from one reading to the next, those of the latest years: to map one and let
go of it again takes as long as to read some hundred instruments."""
FEW = 8
"""Of fewer instruments the database is the faster one: each file costs a look of its own."""


@dataclass(frozen=True, slots=True)
class Regions:
    """Days of instruments that were written since the files, sorted, none twice: from `start` to
    `end` as keys of bars (see `Rows.key`), both included."""

    start: Ints
    end: Ints

    def __len__(self) -> int:
        return len(self.start)

    def equals(self, other: Regions) -> bool:
        return np.array_equal(self.start, other.start) and np.array_equal(self.end, other.end)

    @property
    def instruments(self) -> Ints:
        return (self.start + (1 << (KEY_BITS - 1))) >> KEY_BITS  # days before 1970 are below zero

    def hold(self, rows: Rows) -> Ints:
        """Which of the rows are in one of them."""
        base = self.instruments << KEY_BITS
        first, last = (self.start - base).min(), (self.end - base).max()
        near = np.flatnonzero((rows.at >= first) & (rows.at <= last))
        keys = (rows.instrument[near] << KEY_BITS) + rows.at[near]
        place = np.searchsorted(self.start, keys, side="right") - 1
        return near[(place >= 0) & (keys <= self.end[place])]


@dataclass(frozen=True, slots=True)
class FilesState:
    """The files of a folder, by year, and what was written since of the days asked about: the
    instruments (None: any), the first and the last day of each change."""

    database: str
    names: tuple[str, ...]
    years: tuple[int, ...]
    watermark: int
    changes: tuple[tuple[Ints | None, int, int], ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Bars of `instruments[i]` with `lo[i] <= at <= hi[i]`, for each i; some may be so twice."""

    instruments: Ints
    lo: Ints
    hi: Ints

    def changed(self, changes: Sequence[tuple[Ints | None, int, int]]) -> Regions:
        """What of it was written in these changes."""
        starts, ends = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for whose, first, last in changes:
            low, high = np.maximum(self.lo, first), np.minimum(self.hi, last)
            some = low <= high
            if whose is not None:
                some &= np.isin(self.instruments, whose)
            base = self.instruments[some] << KEY_BITS
            starts.append(base + low[some])
            ends.append(base + high[some])
        return _merged(np.concatenate(starts), np.concatenate(ends))


H = TypeVar("H")
Found: TypeAlias = Sequence[tuple[BarFile, RowRanges]]
"""The files of some years in order, and in each where the bars of each thing that is wanted lie."""


@dataclass(frozen=True, slots=True)
class Taken(Generic[H]):
    """What was made of the bars that files hold, the days that were written since, and the bars of
    these as they are in the database: in place of what the files have there."""

    held: H
    regions: Regions
    newest: Rows


class BarFiles:
    """The files in `folder`, which may be none. Reads them; `store/folding.py` makes them."""

    def __init__(self, folder: Path, few: int = FEW, kept: int = KEPT) -> None:
        self.folder = folder
        self._few = few
        self._most_kept = kept
        self._kept: dict[FileStamp, BarFile] = {}
        self._warned = ""

    def place(self) -> uuid.UUID | None:
        """The mark of the folder, by which databases know it; None where no file was written."""
        try:
            return uuid.UUID((self.folder / PLACE).read_text("ascii").strip())
        except (OSError, ValueError):
            return None

    def make_place(self) -> uuid.UUID:
        """The mark of the folder, which is made where there is none. Raises OSError."""
        if (place := self.place()) is None:
            make_folder(self.folder)
            place = uuid.uuid4()
            fresh = self.folder / f"{place}.tmp"
            with open_text(fresh, "x") as stream:
                stream.write(f"{place}\n")
            fresh.replace(self.folder / PLACE)
        return place

    def read(
        self, connection: Connection, timeframe: Timeframe, instruments: Ints, lo: Ints, hi: Ints
    ) -> Rows:
        """As `bars.read_rows`, which answers where the files cannot, or would be no faster."""
        if timeframe is Timeframe.DAY:
            wanted = Wanted(instruments, lo, hi)
            found = self.try_to_take(connection, wanted, partial(_joined, instruments))
            if found is not None:
                return _rows_of(found, wanted)
        return read_rows(connection, timeframe, instruments, lo, hi)

    def try_to_take(
        self, connection: Connection, wanted: Wanted, keep: Callable[[Found], H]
    ) -> Taken[H] | None:
        """As `take`; None also where the database is the faster one, and for a file that is damaged
        or lacking, of which a warning tells."""
        if len(wanted.instruments) < self._few:
            return None
        try:
            return self.take(connection, wanted, keep)
        except BadFile as e:
            self._warn(e)
            return None

    def _warn(self, error: BadFile) -> None:
        """Warn of a file once, and not at each reading."""
        if error.what != self._warned:
            self._warned = error.what
            log.warning("bar file not used", what=error.what, do=error.hint)

    def answer(
        self,
        connection: Connection,
        wanted: Wanted,
        *,
        looks: int = LOOKS,
        most: int = MOST_CHANGES,
    ) -> Rows | None:
        """What is wanted; None where there are no files of this database, or too much has changed
        since. Raises BadFile for a file that is damaged or lacking."""
        of = partial(_joined, wanted.instruments)
        found = self.take(connection, wanted, of, looks=looks, most=most)
        return None if found is None else _rows_of(found, wanted)

    def take(
        self,
        connection: Connection,
        wanted: Wanted,
        keep: Callable[[Found], H],
        *,
        looks: int = LOOKS,
        most: int = MOST_CHANGES,
    ) -> Taken[H] | None:
        """What `keep` makes of the bars that the files have, and what has to be laid over it; None
        where there are no files of this database, or too much has changed since. Raises BadFile."""
        edges = int(wanted.lo.min()), int(wanted.hi.max())
        state = self.state(connection, *edges, most)
        if state is None:
            return None
        regions = wanted.changed(state.changes)
        held = keep(self._found(state, wanted))
        for _ in range(looks):
            if not len(regions):
                return Taken(held, regions, Rows.join(()))
            newest = _of_regions(connection, regions)
            # What is new may have been read after another commit than the list of what is new.
            again = self.state(connection, *edges, most)
            if again is None:
                return None
            after = wanted.changed(again.changes)
            if after.equals(regions) and again.names == state.names:
                return Taken(held, regions, newest)
            if again.names != state.names:
                held = keep(self._found(again, wanted))
            state, regions = again, after
        return None

    def state(self, connection: Connection, lo: int, hi: int, most: int) -> FilesState | None:
        """The files, and what was written since of the days from `lo` to `hi`; None where there
        are no files of this database, or more changes than `most`."""
        place = self.place()
        if place is None:
            return None
        params = {
            "place": place, "timeframe": Timeframe.DAY, "most": most + 1, "lo": lo, "hi": hi,
        }  # fmt: skip
        found = columns_cursor(connection).execute(QUERIES["state"], params).fetchall()
        if not found or len(found) > most:
            return None
        database, names, years, watermark = found[0][:4]
        changes = tuple(row[5:] for row in found if row[4])
        return FilesState(database, tuple(names), tuple(years), int(watermark), changes)

    def _found(self, state: FilesState, wanted: Wanted) -> Found:
        """Where the files have it."""
        first, last = (year_of(int(day)) for day in (wanted.lo.min(), wanted.hi.max()))
        files: dict[FileStamp, BarFile] = {}
        for name, year in zip(state.names, state.years, strict=True):
            if first <= year <= last:
                stamp = FileStamp(name, state.database)
                files[stamp] = self._opened(self.folder / state.database, stamp)
        self._kept = dict([*files.items()][max(len(files) - self._most_kept, 0) :])
        wanted_of = wanted.instruments, wanted.lo, wanted.hi
        return [(file, file.find(*wanted_of)) for file in files.values()]

    def _opened(self, folder: Path, stamp: FileStamp) -> BarFile:
        """The file, from the last reading if it is the same."""
        kept = self._kept.get(stamp)
        return kept if kept and kept.is_still_there() else BarFile(folder, stamp)


@dataclass(frozen=True, slots=True)
class _Held:
    """Bars by what was wanted, in turn, and in order of time; `counts` of them."""

    counts: Ints
    bars: Block

    @property
    def rows(self) -> Rows:
        return Rows(**columns_of(self.bars))


def _joined(instruments: Ints, found: Found) -> _Held:
    """Bars of one year after the other, as those of one thing that is wanted after the other.

    They are hashed where they were copied to, all at once; file by file where that does not fit.
    """
    counts = np.array([of.end - of.start for _, of in found], np.int64)
    counts = counts.reshape(-1, len(instruments))
    total = counts.sum(axis=0)
    bars = np.empty((len(COLUMNS), int(total.sum())), np.int64)
    bars[0] = np.repeat(instruments, total)
    begins = (np.cumsum(counts.T) - counts.T.ravel()).reshape(len(instruments), -1).T
    for begin, count, (file, of) in zip(begins, counts, found, strict=True):
        file.copy(of, bars, ranges(begin, count))
    if sum_of_hashes(bars) != sum((int(file.sum_of(of)) for file, of in found)) % (1 << 64):
        for file, of in found:
            file.check(of, instruments)
        raise BadFile("A bar file changed while it was read.", "Look who else writes there.")
    return _Held(total, bars)


def _rows_of(taken: Taken[_Held], wanted: Wanted) -> Rows:
    """All bars as they are now."""
    if not len(taken.regions):
        return taken.held.rows
    return _laid_over(taken.held, wanted, taken.regions, taken.newest)


def _laid_over(held: _Held, wanted: Wanted, regions: Regions, newest: Rows) -> Rows:
    """What is held without what was written since, and in its place what is there now."""
    stays = np.ones(len(held.bars[0]), np.bool_)
    stays[regions.hold(held.rows)] = False
    kept = np.flatnonzero(stays)
    keys, base = newest.key(), wanted.instruments << KEY_BITS
    first = np.searchsorted(keys, base + wanted.lo)
    counts = np.maximum(np.searchsorted(keys, base + wanted.hi, side="right") - first, 0)
    fresh = newest.pick(ranges(first, counts))
    owners = np.arange(len(counts)) << KEY_BITS
    old_keys = np.repeat(owners, held.counts)[kept] + held.rows.at[kept]
    places = np.searchsorted(old_keys, np.repeat(owners, counts) + fresh.at)
    places += np.arange(len(places))
    is_old = np.ones(len(kept) + len(places), np.bool_)
    is_old[places] = False
    bars, old_places = np.empty((len(COLUMNS), len(is_old)), np.int64), np.flatnonzero(is_old)
    new = block_of(fresh.columns)
    for column, old, added in zip(bars, held.bars, new, strict=True):
        column[old_places] = old[kept]
        column[places] = added
    return Rows(**columns_of(bars))


def _of_regions(connection: Connection, regions: Regions) -> Rows:
    """The bars of regions as they are in the database, in order."""
    whose = regions.instruments
    params = {
        "ids": whose.astype(np.int32),
        "lo": (regions.start - (whose << KEY_BITS)).astype(np.int32),
        "hi": (regions.end - (whose << KEY_BITS)).astype(np.int32),
    }
    found = columns_cursor(connection).execute(QUERIES["newest"], params).fetchone()
    return Rows(*found).ordered() if found else Rows.join(())


def _merged(start: Ints, end: Ints) -> Regions:
    """Regions that overlap or touch as one."""
    if not len(start):
        return Regions(start, end)
    order = np.argsort(start, kind="stable")
    start, reach = start[order], np.maximum.accumulate(end[order])
    begins = np.append(True, start[1:] > reach[:-1] + 1)
    return Regions(start[begins], reach[np.append(begins[1:], True)])


def year_of(day: int) -> int:
    """The year of a day since 1970."""
    return int(np.datetime64(day, "D").astype("datetime64[Y]").astype(np.int64)) + 1970
