"""Bars in the database: read back, compare, COPY what is new, replace what changed.

Measured ways to write bars, and why this one, are in docs/decisions/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
import numpy as np
import psycopg
from psycopg import sql

from tickstock.checksums import Cells, cells_of, key_of, row_hashes
from tickstock.failpoints import reach
from tickstock.model import Flags, Ints, Timeframe, epoch_day
from tickstock.spans import Span, day_of
from tickstock.store import checksums, locks, sealed
from tickstock.store.bar_rows import KEY_BITS as KEY_BITS
from tickstock.store.bar_rows import Rows as Rows
from tickstock.store.pgbinary import (
    COPY_END,
    COPY_HEADER,
    EPOCH_DAYS,
    columns_cursor,
    copy_rows,
    differing,
)
from tickstock.store.queries import load
from tickstock.vendors.newyork import dates_of, instants_of

QUERIES = load("bars.sql")
TABLES = {
    Timeframe.DAY: "bars_day",
    Timeframe.HOUR: "bars_hour",
    Timeframe.MINUTE: "bars_minute",
}
SEAL_LOCKS = {Timeframe.MINUTE: locks.SEALS, Timeframe.HOUR: locks.SEALS_OF_HOURS}
"""Of the timeframes whose months can be sealed."""
MONTHS_A_LOCK = {Timeframe.MINUTE: 1, Timeframe.HOUR: 12}
"""Hours of twenty years may be written at once, and a server has only so many locks."""
DAY_SECONDS = 86_400
FAR_DAYS = 30
"""Further apart than that, bars of one batch are read back apart."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did: rows that were new (by flag over the input) and how many changed."""

    new: Flags
    changed: Flags


def lock_instruments(
    connection: psycopg.Connection[Any], instruments: Sequence[int] | Ints
) -> None:
    """Take, until the transaction ends, the write locks of these instruments."""
    params = {"space": locks.BARS, "ids": np.asarray(instruments, np.int64)}
    columns_cursor(connection).execute(QUERIES["lock_instruments"], params)


def read_rows(
    connection: psycopg.Connection[Any],
    timeframe: Timeframe,
    instruments: Ints,
    lo: Ints,
    hi: Ints,
) -> Rows:
    """Stored bars of `instruments[i]` with `lo[i] <= at <= hi[i]`, ordered by time.

    Hour and minute bars also from sealed files; one in the database is newer than that of the file.
    Raises BadFile where a sealed file that is needed is damaged or lacking.
    """
    params = {"ids": instruments.astype(np.int32), "lo": lo, "hi": hi, "timeframe": timeframe}
    found = columns_cursor(connection).execute(_query("read", timeframe), params)
    if timeframe in SEAL_LOCKS:
        return sealed.laid_over(connection, found)
    return Rows.join([Rows(np.full(len(row[1]), row[0], np.int64), *row[1:]) for row in found])


def write_rows(
    connection: psycopg.Connection[Any], timeframe: Timeframe, rows: Rows, calls: Ints
) -> Written:
    """Make the database hold `rows` (ordered, one per key); the caller holds the write locks.

    A bar that is already held with the same values is not touched; one that differs is replaced
    and its predecessor kept as a revision, with the id of the call, one of `calls` for each row,
    that brought the other one.
    """
    if not len(rows):
        none = np.zeros(0, bool)
        return Written(none, none)
    if timeframe in SEAL_LOCKS:
        lock_months(connection, timeframe, rows.at)
    stored = _stored_range(connection, timeframe, rows)
    new, changed, old = _compare(rows, stored)
    reach("bars.read_back")
    checksums.add_cells(connection, timeframe, _cells_after(rows, stored, new, changed, timeframe))
    if new.any():
        _add_months(connection, timeframe, rows.at[new])
        _copy(connection, timeframe, rows.pick(new))
        reach("bars.copied")
    if changed.any():
        if timeframe in SEAL_LOCKS:
            bring_back(connection, timeframe, stored.pick(old[changed]))
            reach("seal.brought_back")
        _replace(connection, timeframe, rows.pick(changed), calls[changed])
        reach("bars.replaced")
    return Written(new, changed)


def read_neighbours(connection: psycopg.Connection[Any], rows: Rows) -> Rows:
    """The day bars before the first and after the last one of each instrument in `rows` (ordered).
    Without trades."""
    first = np.flatnonzero(np.diff(rows.instrument, prepend=-1))
    last = np.append(first[1:], len(rows)) - 1
    params = {
        "ids": rows.instrument[first].astype(np.int32), "lo": rows.at[first], "hi": rows.at[last],
    }  # fmt: skip
    found = columns_cursor(connection).execute(QUERIES["neighbours"], params).fetchone()
    if found is None:
        return Rows.join(())
    ids, at, o, h, low, c, v, vwap = found
    return Rows(ids, at, o, h, low, c, v, vwap, np.full(len(ids), -1))


def count_by_day(
    connection: psycopg.Connection[Any], timeframe: Timeframe, instrument: int, span: Span
) -> dict[date, int]:
    """How many intraday bars of an instrument are stored of each day in `span`."""
    edges = instants_of(np.array([epoch_day(span.start), epoch_day(span.end)]))
    rows = read_rows(connection, timeframe, np.array([instrument]), edges[:1], edges[1:] - 1)
    days, counts = np.unique(dates_of(rows.at), return_counts=True)
    return {day_of(d): n for d, n in zip(days.tolist(), counts.tolist(), strict=True)}


def keep_quarantined(
    connection: psycopg.Connection[Any],
    timeframe: Timeframe,
    rows: Rows,
    reasons: Sequence[str],
    call_id: int,
) -> None:
    """Put impossible bars aside with what was received."""
    seconds = rows.at * DAY_SECONDS if timeframe is Timeframe.DAY else rows.at
    connection.execute(
        QUERIES["quarantine"],
        {
            "timeframe": timeframe,
            "id": rows.instrument.tolist(),
            "at": seconds.tolist(),
            "reason": list(reasons),
            "bar": [_as_json(rows, i) for i in range(len(rows))],
            "call": [call_id] * len(rows),
        },
    )


def _as_json(rows: Rows, i: int) -> str:
    """The bar as received: null where the vendor sent none, and a number that is none (NaN,
    infinite) by its name."""
    names = ("open", "high", "low", "close", "volume", "vwap", "trades")
    bar = {name: getattr(rows, name)[i].item() for name in names}
    said = {k: v if np.isfinite(v) else str(v) for k, v in bar.items()}
    said["vwap"] = None if np.isnan(bar["vwap"]) else said["vwap"]
    said["trades"] = None if bar["trades"] < 0 else said["trades"]
    return msgspec.json.encode(said).decode()


def table_query(queries: Mapping[str, str], name: str, timeframe: Timeframe) -> sql.Composed:
    """The query `name`, or its form for the timeframe or for intraday bars, over its table."""
    table = TABLES[timeframe]
    forms = [name + table.removeprefix("bars")]
    if timeframe is not Timeframe.DAY:
        forms.append(f"{name}_intraday")
    text = next((queries[form] for form in forms if form in queries), None) or queries[name]
    return sql.SQL(text).format(table=sql.Identifier("tickstock", table))


def _query(name: str, timeframe: Timeframe) -> sql.Composed:
    return table_query(QUERIES, name, timeframe)


def _stored_range(connection: psycopg.Connection[Any], timeframe: Timeframe, rows: Rows) -> Rows:
    """What is stored of the days from the first to the last one of each instrument in `rows`. Where
    they lie far apart, both ends alone: an old gap that is filled with today is no reason to read
    all between them."""
    far = FAR_DAYS * (1 if timeframe is Timeframe.DAY else DAY_SECONDS)
    is_first = np.diff(rows.instrument, prepend=-1) != 0
    first = np.flatnonzero(is_first | (np.diff(rows.at, prepend=rows.at[:1]) > far))
    last = np.append(first[1:], len(rows)) - 1
    lo, hi = rows.at[first], rows.at[last]
    if timeframe is not Timeframe.DAY:
        lo, hi = instants_of(dates_of(lo)), instants_of(dates_of(hi) + 1) - 1
    return read_rows(connection, timeframe, rows.instrument[first], lo, hi)


def _compare(rows: Rows, stored: Rows) -> tuple[Flags, Flags, Ints]:
    """Which rows are new, which differ from what is stored, and the place of that."""
    if not len(stored):
        return np.ones(len(rows), bool), np.zeros(len(rows), bool), np.zeros(len(rows), np.int64)
    mine, theirs = rows.key(), stored.key()
    order = np.argsort(theirs, kind="stable")
    place = np.minimum(np.searchsorted(theirs, mine, sorter=order), len(theirs) - 1)
    match = order[place]
    held = theirs[match] == mine
    differs = np.zeros(len(rows), bool)
    for name in ("open", "high", "low", "close", "volume"):
        differs = differing(differs, getattr(rows, name), getattr(stored, name)[match])
    # Not every way to a bar brings these, as flat files have no vwap: without one is no other one.
    differs |= (rows.vwap != stored.vwap[match]) & ~np.isnan(rows.vwap)
    differs |= (rows.trades != stored.trades[match]) & (rows.trades >= 0)
    return ~held, held & differs, match


def cells(rows: Rows, timeframe: Timeframe) -> Cells:
    """The checksums of bars by instrument and day."""
    prices = (rows.open, rows.high, rows.low, rows.close)
    hashes = row_hashes(rows.instrument, rows.at, prices, rows.volume, rows.vwap, rows.trades)
    return cells_of(_cell_of(rows, timeframe), hashes)


def _cell_of(rows: Rows, timeframe: Timeframe) -> Ints:
    return key_of(rows.instrument, rows.at if timeframe is Timeframe.DAY else dates_of(rows.at))


def _cells_after(
    rows: Rows, stored: Rows, new: Flags, changed: Flags, timeframe: Timeframe
) -> Cells:
    """The checksums of the days that a write touches, as they are after it: with the bars in them
    that are stored already and stay."""
    written = new | changed
    brought = rows if written.all() else rows.pick(written)
    if timeframe is Timeframe.DAY or not len(stored) or not len(brought):
        return cells(brought, timeframe)
    touched = np.isin(_cell_of(stored, timeframe), _cell_of(brought, timeframe))
    stays = touched & ~np.isin(stored.key(), brought.key())
    return cells(Rows.join([stored.pick(stays), brought]), timeframe)


def bring_back(connection: psycopg.Connection[Any], timeframe: Timeframe, rows: Rows) -> None:
    """Have bars in the database that were in a sealed file, those that are not there yet."""
    _add_months(connection, timeframe, rows.at)
    columns_cursor(connection).execute(_query("bring_back", timeframe), rows.columns)


def lock_months(connection: psycopg.Connection[Any], timeframe: Timeframe, at: Ints) -> None:
    """Keep, until the transaction ends, the months of bars at these times from being sealed: what
    was read back of them would not be there any more to be replaced."""
    months = at.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    numbers = np.unique(months // MONTHS_A_LOCK[timeframe])
    params = {"space": SEAL_LOCKS[timeframe], "numbers": numbers}
    columns_cursor(connection).execute(QUERIES["lock_months"], params)


def _add_months(connection: psycopg.Connection[Any], timeframe: Timeframe, at: Ints) -> None:
    """Make the partitions that bars at these times (epoch seconds) go into; minutes have some."""
    if timeframe is Timeframe.MINUTE:
        months = np.unique(at.astype("datetime64[s]").astype("datetime64[M]"))
        params = {"months": [f"{m}-01" for m in months]}
        connection.execute(QUERIES["add_minute_months"], params)


def _copy(connection: psycopg.Connection[Any], timeframe: Timeframe, rows: Rows) -> None:
    if timeframe is Timeframe.DAY:
        _note_added(connection, timeframe, rows)
        at, kind = rows.at - EPOCH_DAYS, ">i4"
    else:
        at, kind = (rows.at - EPOCH_DAYS * DAY_SECONDS) * 1_000_000, ">i8"
    prices = [rows.open, rows.high, rows.low, rows.close, rows.volume]
    body = copy_rows(rows.instrument, at, kind, prices, rows.vwap, rows.trades)
    with connection.cursor().copy(_query("copy", timeframe)) as copy:
        copy.write(COPY_HEADER)
        copy.write(body)
        reach("bars.copying")
        copy.write(COPY_END)


def _note_added(connection: psycopg.Connection[Any], timeframe: Timeframe, rows: Rows) -> None:
    """Say of which days of which instruments bars are added; what is replaced, triggers note."""
    begins = np.flatnonzero(np.diff(rows.instrument, prepend=rows.instrument[:1] - 1))
    params = {
        "timeframe": timeframe,
        "ids": rows.instrument[begins].astype(np.int32),
        "first": np.minimum.reduceat(rows.at, begins).astype(np.int32),
        "last": np.maximum.reduceat(rows.at, begins).astype(np.int32),
    }
    columns_cursor(connection).execute(QUERIES["note_added"], params)


def _replace(
    connection: psycopg.Connection[Any], timeframe: Timeframe, rows: Rows, calls: Ints
) -> None:
    params = rows.columns | {"id": rows.instrument, "call": calls, "timeframe": timeframe}
    columns_cursor(connection).execute(_query("replace", timeframe), params)
