"""Day bars of many instruments side by side, as rules look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from tickstock.model import Floats, Ints, Timeframe, epoch_day
from tickstock.sessions import Calendar
from tickstock.spans import day_of
from tickstock.store.bar_files import BarFiles
from tickstock.store.bar_history import read_known_at
from tickstock.store.bars import Rows
from tickstock.store.connection import Connection
from tickstock.store.pgbinary import columns_cursor
from tickstock.store.queries import load
from tickstock.universes.picking import Panel

QUERIES = load("panels.sql")
AHEAD = 252
"""Sessions read beyond what is asked for, where days are asked about one after the other."""
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
        block = self._covering(first, end, np.unique(wanted))
        rows = np.searchsorted(block.ids, wanted)
        columns = slice(first - block.first, end - block.first)
        return Panel(
            block.close[rows, columns],
            block.volume[rows, columns],
            block.listed[rows] - first,
            np.arange(len(wanted)),
        )

    def newest(self, ids: Sequence[int]) -> date | None:
        """The newest day of which one of the instruments has a bar."""
        if self._known_at is not None:
            rows = self._known_rows(np.unique(np.array(ids, np.int64)))
            return day_of(int(rows.at.max())) if len(rows) else None
        row = self._connection.execute(QUERIES["newest"], {"ids": list(ids)}).fetchone()
        found: date | None = row[0] if row else None
        return found

    def _covering(self, first: int, end: int, ids: Ints) -> _Block:
        block = self._block
        if block is None or not (block.first <= first and end <= block.end):
            last = min(end + self._ahead, len(self._calendar))
            self._block = block = self._read(first, last, ids)
        elif len(new := np.setdiff1d(ids, block.ids)):
            self._block = block = _joined(block, self._read(block.first, block.end, new))
        return block

    def _read(self, first: int, end: int, ids: Ints) -> _Block:
        days = self._calendar.days[first:end]
        close = np.full((len(ids), len(days)), np.nan)
        volume = np.full((len(ids), len(days)), np.nan)
        if self._known_at is not None:
            rows = self._known_rows(ids)
            _fill(close, volume, days, np.searchsorted(ids, rows.instrument), rows)
        elif len(days) and self._files:
            edges = (np.full(len(ids), int(days[edge])) for edge in (0, -1))
            rows = self._files.read(self._connection, Timeframe.DAY, ids, *edges)
            _fill(close, volume, days, np.searchsorted(ids, rows.instrument), rows)
        elif len(days):
            params = {"ids": ids.tolist(), "start": day_of(int(days[0])),
                      "end": day_of(int(days[-1]) + 1)}  # fmt: skip
            for id_, at, closes, volumes in columns_cursor(self._connection).execute(
                QUERIES["closes"], params
            ):
                column = np.minimum(np.searchsorted(days, at), len(days) - 1)
                held = days[column] == at  # and no bar of a day that is no session
                row = int(np.searchsorted(ids, id_))
                close[row, column[held]] = closes[held]
                volume[row, column[held]] = volumes[held]
        return _Block(ids, first, end, close, volume, self._listed(ids))

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
        found = dict(self._connection.execute(QUERIES[query], {"ids": ids.tolist()}).fetchall())
        if self._known_at is not None:
            rows = self._known_rows(ids)
            firsts, at = np.full(len(ids), UNKNOWN), np.searchsorted(ids, rows.instrument)
            np.minimum.at(firsts, at, rows.at)
            bars = dict(zip(ids.tolist(), firsts.tolist(), strict=True))
            found = {i: bars[i] if day is None else day for i, day in found.items()}
        days = [found.get(id_) for id_ in ids.tolist()]
        known = np.array([UNKNOWN if day is None else day for day in days], np.int64)
        place: Ints = np.searchsorted(self._calendar.days, known)
        return np.where(known == UNKNOWN, UNKNOWN, place)


def _fill(close: Floats, volume: Floats, days: Ints, row: Ints, rows: Rows) -> None:
    """Put the bars of the sessions in `days` into their cells."""
    if not len(days) or not len(rows):
        return
    column = np.minimum(np.searchsorted(days, rows.at), len(days) - 1)
    held = days[column] == rows.at
    close[row[held], column[held]] = rows.close[held]
    volume[row[held], column[held]] = rows.volume[held]


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
