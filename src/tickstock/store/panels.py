"""Day bars of many instruments side by side, as rules look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

import numpy as np

from tickstock.bar_file import columns_of, ranges
from tickstock.model import Floats, Ints, Timeframe, epoch_day
from tickstock.sessions import Calendar
from tickstock.spans import day_of
from tickstock.store.bar_files import BarFiles, Found, Regions, Wanted
from tickstock.store.bar_history import read_known_at
from tickstock.store.bars import KEY_BITS, Rows
from tickstock.store.connection import Connection
from tickstock.store.pgbinary import columns_cursor
from tickstock.store.queries import load
from tickstock.universes.picking import Panel

QUERIES = load("panels.sql")
AHEAD = 300
"""Sessions read beyond what is asked for, where days are asked about one after the other: a year,
wherever in it one begins."""
EVER = (-700_000, 2_900_000)
"""Before the first and after the last day of any bar, since 1970."""
UNKNOWN = 1 << 40
"""The session in which a name was listed of which nothing is known: never."""


@dataclass(frozen=True, eq=False)
class _Block:
    """What was read: `ids` in order, sessions `first` to `end` of the calendar."""

    ids: Ints
    first: int
    end: int
    close: Floats
    volume: Floats
    listed: Ints

    def of(self, ids: Ints) -> _Block:
        """Some of its instruments."""
        if np.array_equal(ids, self.ids):
            return self
        rows = np.searchsorted(self.ids, ids)
        columns = (self.close[rows], self.volume[rows], self.listed[rows])
        return _Block(ids, self.first, self.end, *columns)


@dataclass(frozen=True, eq=False)
class _Grid:
    """A row for each of `ids`, a column for each of `days`, both sorted; NaN where there is no bar.
    `column` has the column of each day from the first to the last, -1 where it is no session."""

    ids: Ints
    days: Ints
    column: Ints
    close: Floats
    volume: Floats

    @classmethod
    def empty(cls, ids: Ints, days: Ints) -> _Grid:
        column = np.full(int(days[-1] - days[0]) + 1 if len(days) else 0, -1)
        column[days - days[:1]] = np.arange(len(days))
        close, volume = (np.full((len(ids), len(days)), np.nan) for _ in range(2))
        return cls(ids, days, column, close, volume)

    @classmethod
    def of_files(cls, ids: Ints, days: Ints, found: Found) -> _Grid:
        """What files have of these sessions. Raises BadFile."""
        grid = cls.empty(ids, days)
        for file, of in found:
            for row, block in file.parts(of, ids):
                part = columns_of(block)
                grid.fill(row, part["at"], part["close"], part["volume"])
        return grid

    def put(self, rows: Rows) -> _Grid:
        """Bars of `ids`, those of other days left out."""
        self.fill(np.searchsorted(self.ids, rows.instrument), rows.at, rows.close, rows.volume)
        return self

    def fill(self, row: Ints, at: Ints, close: Floats, volume: Floats) -> None:
        """Put bars into their cells, those of other days left out."""
        if not len(self.days) or not len(at):
            return
        since = at - self.days[0]
        inside = (since >= 0) & (since < len(self.column))
        column = self.column[np.where(inside, since, 0)]
        held = inside & (column >= 0)
        cell = row * len(self.days) + column
        if not held.all():
            cell, close, volume = cell[held], close[held], volume[held]
        self.close.ravel()[cell] = close
        self.volume.ravel()[cell] = volume

    def without(self, regions: Regions) -> _Grid:
        """Without what is in the regions."""
        whose = regions.instruments
        base = whose << KEY_BITS
        first = np.searchsorted(self.days, regions.start - base)
        end = np.searchsorted(self.days, regions.end - base, side="right")
        cell = np.searchsorted(self.ids, whose) * len(self.days) + first
        rows = ranges(cell, np.maximum(end - first, 0))
        self.close.ravel()[rows] = np.nan
        self.volume.ravel()[rows] = np.nan
        return self


class Panels:
    """Reads panels from one connection. With `ahead`, for days that come in order: bars are read
    once a year of sessions, and none of them is looked at before its day. With `known_at`, bars are
    those that the database knew at that moment. With `files`, they come from there."""

    def __init__(
        self,
        connection: Connection,
        calendar: Calendar,
        ahead: int = 0,
        known_at: datetime | None = None,
        files: BarFiles | None = None,
    ) -> None:
        self._files = files
        self._connection = connection
        self._calendar = calendar
        self._ahead = ahead
        self._known_at = known_at
        self._block: _Block | None = None
        self._known: tuple[Ints, Rows] | None = None

    def before(self, day: date, sessions: int, ids: Sequence[int]) -> Panel:
        """The last `sessions` before `day`, a row for each of `ids`, ranked as they are given."""
        end = session_before(self._calendar, day)
        first = max(end - sessions, 0)
        wanted = np.array(ids, np.int64)
        block = self._covering(first, end, wanted)
        columns = slice(first - block.first, end - block.first)
        # In one piece, as it is gone over several times.
        close = np.ascontiguousarray(block.close[:, columns])
        volume = np.ascontiguousarray(block.volume[:, columns])
        if np.array_equal(wanted, block.ids):
            return Panel(close, volume, block.listed - first, np.arange(len(wanted)))
        rows = np.searchsorted(block.ids, wanted)
        return Panel(close[rows], volume[rows], block.listed[rows] - first, np.arange(len(wanted)))

    def newest(self, ids: Sequence[int]) -> date | None:
        """The newest day of which one of the instruments has a bar."""
        if self._known_at is not None:
            rows = self._known_rows(np.unique(np.array(ids, np.int64)))
            return day_of(int(rows.at.max())) if len(rows) else None
        row = self._connection.execute(QUERIES["newest"], {"ids": list(ids)}).fetchone()
        found: date | None = row[0] if row else None
        return found

    def _covering(self, first: int, end: int, wanted: Ints) -> _Block:
        block = self._block
        if block is None or not block.first <= first < block.end:
            block = self._read(first, self._up_to(end), np.unique(wanted))
        elif block.end < end:
            block = self._moved(block.of(np.intersect1d(wanted, block.ids)), first, end)
        if not np.array_equal(wanted, block.ids) and len(new := np.setdiff1d(wanted, block.ids)):
            block = _joined(block, self._read(block.first, block.end, new))
        self._block = block
        return block

    def _moved(self, block: _Block, first: int, end: int) -> _Block:
        """What comes after the block is read, what it has is kept."""
        new = self._read(block.end, self._up_to(end), block.ids)
        close, volume = (
            np.hstack([old[:, first - block.first :], more])
            for old, more in ((block.close, new.close), (block.volume, new.volume))
        )
        return _Block(block.ids, first, new.end, close, volume, new.listed)

    def _up_to(self, end: int) -> int:
        """The session up to which is read: the first of a year, if one is near enough. A year is a
        file, and read fastest as a whole."""
        last = min(end + self._ahead, len(self._calendar))
        if last < len(self._calendar):
            year = session_before(self._calendar, self._calendar.day(last).replace(month=1, day=1))
            last = year if year > end else last
        return last

    def _read(self, first: int, end: int, ids: Ints) -> _Block:
        days = self._calendar.days[first:end]
        grid = self._grid(ids, days)
        return _Block(ids, first, end, grid.close, grid.volume, self._listed(ids))

    def _grid(self, ids: Ints, days: Ints) -> _Grid:
        """The bars of some instruments in these sessions."""
        if self._known_at is not None:
            rows = self._known_rows(ids)
            return _Grid.empty(ids, days).put(rows)
        if self._files and len(ids) and len(days):
            edges = (np.full(len(ids), int(days[edge])) for edge in (0, -1))
            wanted = Wanted(ids, *edges)
            found = self._files.try_to_take(
                self._connection, wanted, partial(_Grid.of_files, ids, days)
            )
            if found is not None:
                return found.held.without(found.regions).put(found.newest)
        return self._stored(ids, days)

    def _stored(self, ids: Ints, days: Ints) -> _Grid:
        """The same from the database."""
        grid = _Grid.empty(ids, days)
        if len(days):
            params = {"ids": ids.tolist(), "start": day_of(int(days[0])),
                      "end": day_of(int(days[-1]) + 1)}  # fmt: skip
            for id_, at, closes, volumes in columns_cursor(self._connection).execute(
                QUERIES["closes"], params
            ):
                grid.fill(np.searchsorted(ids, [id_]), at, closes, volumes)
        return grid

    def _known_rows(self, ids: Ints) -> Rows:
        """All day bars of some instruments, as they were known; read once, though the newest of
        them, the first ones and those of a window are asked for one after the other."""
        if self._known is None or not np.array_equal(self._known[0], ids):
            first, last = (np.full(len(ids), day, np.int64) for day in EVER)
            of = self._connection, Timeframe.DAY, ids, first, last
            self._known = ids, read_known_at(*of, self._known_at, self._files)
        return self._known[1]

    def _listed(self, ids: Ints) -> Ints:
        """The number of the session in which each was listed."""
        query = "listed" if self._known_at is None else "told_listed"
        params = {"ids": ids.astype(np.int32), "unknown": UNKNOWN}
        found = columns_cursor(self._connection).execute(QUERIES[query], params).fetchone()
        known = np.full(len(ids), UNKNOWN)
        if found:
            known[np.searchsorted(ids, found[0])] = found[1]
        if self._known_at is not None:
            rows = self._known_rows(ids)
            firsts = np.full(len(ids), UNKNOWN)
            np.minimum.at(firsts, np.searchsorted(ids, rows.instrument), rows.at)
            known = np.where(known == UNKNOWN, firsts, known)
        place: Ints = np.searchsorted(self._calendar.days, known)
        return np.where(known == UNKNOWN, UNKNOWN, place)


def _joined(a: _Block, b: _Block) -> _Block:
    ids = np.concatenate((a.ids, b.ids))
    order = np.argsort(ids)
    return _Block(
        ids[order], a.first, a.end,
        np.concatenate((a.close, b.close))[order],
        np.concatenate((a.volume, b.volume))[order],
        np.concatenate((a.listed, b.listed))[order],
    )  # fmt: skip


def session_before(calendar: Calendar, day: date) -> int:
    """How many sessions come before a day."""
    return int(calendar.before(np.array([epoch_day(day)]))[0])
