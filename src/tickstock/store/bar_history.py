"""Bars as they were known at an earlier moment, and what was replaced since.

When a bar came is not kept with the bar: sessions arrive as a whole, so their arrival is, once for
all instruments of a write; a bar that changed, or came late into a held session, has a revision.
A write counts as known from the moment it was made, which is at most the length of its
transaction before others could see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from tickstock.model import Flags, Ints, Timeframe
from tickstock.store.bar_files import BarFiles
from tickstock.store.bars import (
    DAY_SECONDS,
    KEY_BITS,
    SEAL_LOCKS,
    Rows,
    read_rows,
    table_query,
)
from tickstock.store.connection import Connection
from tickstock.store.pgbinary import columns_cursor
from tickstock.store.queries import load
from tickstock.vendors.newyork import dates_of

QUERIES = load("bar_history.sql")
DAY_BITS = 24
"""Days since 1970 and instruments share one sortable integer."""
Five = tuple[float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Revision:
    """A bar that was replaced: open, high, low, close and volume before and after.

    `at` is midnight UTC of the session's date for day bars, else the start of the bar. `old` is
    None for a bar that came late into a held session, `new` for one that is gone.
    """

    instrument_id: int
    at: datetime
    replaced_at: datetime
    old: Five | None
    new: Five | None


def read_known_at(
    connection: Connection,
    timeframe: Timeframe,
    instruments: Ints,
    lo: Ints,
    hi: Ints,
    known_at: datetime | None,
    files: BarFiles | None = None,
) -> Rows:
    """As `bars.read_rows`, as the database knew them at the moment `known_at`; None for now. By way
    of `files`, if there are some."""
    read = files.read if files else read_rows
    rows = read(connection, timeframe, instruments, lo, hi)
    if known_at is None or not len(rows):
        return rows
    ids = np.unique(instruments)
    rows = rows.pick(~_arrived_since(connection, timeframe, ids, rows, known_at))
    return _with_old_forms(connection, timeframe, ids, rows, known_at)


def note_late(connection: Connection, timeframe: Timeframe, new: Rows, calls: Ints) -> None:
    """Note which of these new rows joined a session that counted as held before them, and the id of
    the call that each came with.

    For hour and minute bars, before the coverage of this write is added. A held session of day
    bars has its bar, so that no other can join it.
    """
    if timeframe is Timeframe.DAY or not len(new):
        return
    keys = _day_keys(new.instrument, dates_of(new.at))
    pairs, place = np.unique(keys, return_inverse=True)
    params = {"timeframe": timeframe, "ids": (pairs >> DAY_BITS).tolist()}
    params["days"] = (pairs & ((1 << DAY_BITS) - 1)).tolist()
    held = connection.execute(QUERIES["held_days"], params).fetchall()
    if not held:
        return
    known = np.array([(id_ << DAY_BITS) + day for id_, day in held], np.int64)
    is_late = np.isin(pairs, known)[place]
    late = {"ids": new.instrument[is_late], "at": new.at[is_late], "calls": calls[is_late]}
    columns = {name: column.tolist() for name, column in late.items()}
    connection.execute(QUERIES["note_late"], {"timeframe": timeframe} | columns)


def revisions(
    connection: Connection,
    timeframe: Timeframe,
    instruments: Sequence[int],
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Revision]:
    """What was replaced of these instruments' bars from `since` to `until`."""
    query = table_query(QUERIES, "revisions", timeframe)
    params = {"timeframe": timeframe, "ids": list(instruments), "since": since, "until": until}
    found = connection.execute(query, params).fetchall()
    revised = [Revision(i, at, when, _five(old), _five(new)) for i, at, when, old, new, _ in found]
    if timeframe in SEAL_LOCKS:
        places = [place for place, row in enumerate(found) if row[5]]
        _find_sealed(connection, timeframe, revised, places)
    return revised


def _find_sealed(
    connection: Connection, timeframe: Timeframe, revised: list[Revision], places: Sequence[int]
) -> None:
    """Say of some, which nothing in the database followed, what did in sealed files."""
    ids = np.array([revised[i].instrument_id for i in places], np.int64)
    at = np.array([int(revised[i].at.timestamp()) for i in places], np.int64)
    bars = read_rows(connection, timeframe, ids, at, at)
    columns = [getattr(bars, name).tolist() for name in ("open", "high", "low", "close", "volume")]
    there = dict(zip(bars.key().tolist(), zip(*columns, strict=True), strict=True))
    for place, key in zip(places, ((ids << KEY_BITS) + at).tolist(), strict=True):
        revised[place] = replace(revised[place], new=there.get(key))


def _five(values: Sequence[float]) -> Five | None:
    opened, high, low, close, volume = values
    return None if opened is None else (opened, high, low, close, volume)


def _day_keys(instrument: Ints, days: Ints) -> Ints:
    return (instrument << DAY_BITS) + days


def _arrived_since(
    connection: Connection, timeframe: Timeframe, ids: Ints, rows: Rows, known_at: datetime
) -> Flags:
    """Which rows are of sessions that became held after `known_at`."""
    params = {"timeframe": timeframe, "ids": ids.tolist(), "known_at": known_at}
    found = columns_cursor(connection).execute(QUERIES["arrivals_after"], params).fetchall()
    starts, ends = _arrival_keys(found, ids)
    if not len(starts):
        return np.zeros(len(rows), bool)
    days = rows.at if timeframe is Timeframe.DAY else dates_of(rows.at)
    keys = _day_keys(rows.instrument, days)
    place = np.searchsorted(starts, keys, side="right") - 1
    inside: Flags = (place >= 0) & (keys < ends[place])
    return inside


def _arrival_keys(found: Sequence[tuple[Ints, Ints, Ints]], ids: Ints) -> tuple[Ints, Ints]:
    """Keys of the first day and of the day after the last of each arrived span, sorted. A session
    becomes held once; again only where it was lost with a sealed file, so that spans overlap: then
    a day is in one of them where it is before the farthest end so far."""
    starts = [np.empty(0, np.int64)]
    ends = [np.empty(0, np.int64)]
    for instruments, first, after in found:
        mine = instruments[np.isin(instruments, ids)] << DAY_BITS
        starts.append(np.add.outer(mine, first).ravel())
        ends.append(np.add.outer(mine, after).ravel())
    every, until = np.concatenate(starts), np.concatenate(ends)
    order = np.argsort(every)
    return every[order], np.maximum.accumulate(until[order])


def _with_old_forms(
    connection: Connection, timeframe: Timeframe, ids: Ints, rows: Rows, known_at: datetime
) -> Rows:
    """`rows` with what was replaced after `known_at` as it was before."""
    params = {"timeframe": timeframe, "ids": ids.tolist(), "known_at": known_at}
    found = columns_cursor(connection).execute(QUERIES["revised_after"], params).fetchone()
    if found is None or not len(rows):
        return rows
    old = Rows(*found)
    unit = DAY_SECONDS if timeframe is Timeframe.DAY else 1
    old_keys = (old.instrument << 36) + old.at // unit  # sorted: the query orders them
    keys = rows.key()
    place = np.minimum(np.searchsorted(old_keys, keys), len(old) - 1)
    was = np.flatnonzero(old_keys[place] == keys)
    columns: list[Any] = [rows.instrument, rows.at]
    for name in ("open", "high", "low", "close", "volume", "vwap", "trades"):
        column = getattr(rows, name).copy()
        column[was] = getattr(old, name)[place[was]]
        columns.append(column)
    restored = Rows(*columns)
    return restored.pick(~np.isnan(restored.close))
