"""Checksums of what is stored: bars by instrument and day, what is kept about them, ended jobs.

They are written by the transaction that writes what they are of. A trigger that computed them would
do so for every program, and take whatever is done to the tables for right.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import psycopg
from psycopg import sql

from tickstock.checksums import Cells, Statements, day_of, instrument_of, key_of, latest
from tickstock.model import Flags, Ints, Timeframe
from tickstock.store.pgbinary import columns_cursor
from tickstock.store.queries import load

QUERIES = load("checksums.sql")
DAY, SUM = np.dtype("<i4"), np.dtype("<u4")
Connection = psycopg.Connection[Any]


def add_cells(connection: Connection, timeframe: Timeframe, cells: Cells) -> None:
    """Say what the bars of these cells are from now on; the caller holds the write locks."""
    if not len(cells):
        return
    instrument, days = instrument_of(cells.key), day_of(cells.key)
    first = np.flatnonzero(np.diff(instrument, prepend=instrument[0] - 1))
    counts = np.diff(np.append(first, len(cells)))
    if (counts == counts[0]).all():
        each = days.reshape(len(first), -1)
        days = each[0] if (each == each[0]).all() else days
    params = {
        "timeframe": timeframe,
        "instruments": instrument[first].astype(np.int32),
        "counts": counts.astype(np.int32),
        "days": days.astype(DAY).tobytes(),
        "sums": cells.sums.astype(SUM).tobytes(),
    }
    columns_cursor(connection).execute(QUERIES["add"], params)


def read_statements(connection: Connection, timeframe: Timeframe, instruments: Ints) -> Statements:
    """What was said about the cells of these instruments."""
    cursor = columns_cursor(connection)
    cursor.execute(QUERIES["read"], {"timeframe": timeframe, "ids": instruments.tolist()})
    said: list[tuple[int, Cells]] = []
    spans: list[tuple[Ints, Ints, int]] = []
    for place, (whose, counts, days, sums, starts, ends) in enumerate(cursor):
        mine = np.isin(whose, instruments)
        if sums is None:
            owner = np.repeat(whose[mine], len(starts))
            every = [np.tile(edges, int(mine.sum())) for edges in (starts, ends)]
            spans.append((key_of(owner, every[0]), key_of(owner, every[1]), place))
        else:
            said.append((place, _unpacked(whose, counts, mine, days, sums)))
    cells, place_of = latest(said)
    none = np.empty(0, np.int64)
    return Statements(
        cells,
        place_of,
        np.concatenate([none, *(s for s, _, _ in spans)]),
        np.concatenate([none, *(e for _, e, _ in spans)]),
        np.repeat([p for _, _, p in spans], [len(s) for s, _, _ in spans]),
    )


def _unpacked(whose: Ints, counts: Ints, mine: Flags, days: bytes, sums: bytes) -> Cells:
    day = np.frombuffer(days, DAY).astype(np.int64)
    total = np.frombuffer(sums, SUM)
    if len(day) < len(total):
        day = np.tile(day, len(whose))
    if not mine.all():
        cells = np.repeat(mine, counts)
        day, total = day[cells], total[cells]
    return Cells(key_of(np.repeat(whose[mine], counts[mine]), day), total.astype(np.uint32))


def odd_bars(
    connection: Connection, timeframe: Timeframe, table: str, instruments: Sequence[int]
) -> list[tuple[int, date]]:
    """Days of instruments with bars in a form that no job writes."""
    name = "odd_day" if timeframe is Timeframe.DAY else "odd_intraday"
    return connection.execute(_over(name, table), {"ids": list(instruments)}).fetchall()


def bars_of_nobody(connection: Connection, table: str) -> list[int]:
    """Numbers that bars have as their instrument's, though no instrument has them; not each."""
    return [row[0] for row in connection.execute(_over("of_nobody", table)).fetchall()]


def _over(name: str, table: str) -> sql.Composed:
    return sql.SQL(QUERIES[name]).format(table=sql.Identifier("tickstock", table))


def take_time(connection: Connection) -> None:
    """Let the transaction last as long as it takes."""
    connection.execute(QUERIES["take_time"])


# --- what is kept about bars -------------------------------------------------------------------
def coverage_checks(
    connection: Connection, timeframe: Timeframe, instruments: Sequence[int]
) -> dict[int, bool | None]:
    """Whether what is kept about each instrument is as a job wrote it; None where nothing says."""
    params = {"timeframe": timeframe, "ids": list(instruments)}
    return dict(connection.execute(QUERIES["coverage"], params).fetchall())


def accept_coverage(
    connection: Connection,
    timeframe: Timeframe,
    counts: Sequence[tuple[int, int, int | None, int | None]],
) -> None:
    """Take what is kept about instruments for right, with these counts: instrument, number of bars,
    first and last one in seconds since 1970."""
    names = ("ids", "bars", "first", "last")
    columns = dict(zip(names, (list(c) for c in zip(*counts, strict=True)), strict=True))
    connection.execute(QUERIES["accept_coverage"], {"timeframe": timeframe} | columns)
