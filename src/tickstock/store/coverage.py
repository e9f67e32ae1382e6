"""What is held, and why the rest is not: per instrument, timeframe and session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
from psycopg.rows import kwargs_row

from tickstock.errors import MixedOrigin
from tickstock.failpoints import reach
from tickstock.loading.gains import Gains
from tickstock.loading.grid import DaySpans, HeldSpans
from tickstock.loading.targets import AskedSpans
from tickstock.loading.unheld import GapColumns
from tickstock.model import Gap, GapCause, Ints, Timeframe
from tickstock.spans import Span
from tickstock.store import rows
from tickstock.store.connection import Connection
from tickstock.store.pgbinary import columns_cursor
from tickstock.store.queries import load

QUERIES = load("coverage.sql")


@dataclass(frozen=True, slots=True)
class Summary:
    """What is kept about one instrument's bars, so that nobody scans for it."""

    instrument_id: int
    origin: str
    bars: int
    first_at: datetime | None
    last_at: datetime | None
    updated_at: datetime


def fingerprint(connection: Connection) -> tuple[object, ...]:
    """Another value whenever what is held, or why the rest is not, has changed."""
    return tuple(connection.execute(QUERIES["fingerprint"]).fetchone() or ())


def held_spans(
    connection: Connection, timeframe: Timeframe, instruments: Sequence[int]
) -> HeldSpans:
    params = {"timeframe": timeframe, "ids": np.array(instruments, np.int32)}
    found = columns_cursor(connection).execute(QUERIES["held"], params).fetchone()
    return HeldSpans(*found) if found else HeldSpans(*np.empty((3, 0), np.int64))


def standing_days(
    connection: Connection, timeframe: Timeframe, instruments: Sequence[int], now: datetime
) -> dict[GapCause, DaySpans]:
    """The days of `standing_gaps`, flat, by cause: of thousands of instruments in a tenth of the
    time."""
    ids = np.array(instruments, np.int32)
    params = {"timeframe": timeframe, "ids": ids, "now": now}
    found = columns_cursor(connection).execute(QUERIES["standing_days"], params)
    return {GapCause(cause): DaySpans(*days) for cause, *days in found}


def standing_gaps(
    connection: Connection,
    timeframe: Timeframe,
    instruments: Sequence[int],
    now: datetime,
) -> list[Gap]:
    """Why spans are not held, as far as that answer has not expired at `now`."""
    params = {"timeframe": timeframe, "ids": list(instruments), "now": now}
    return rows.every(connection, _gap, QUERIES["standing_gaps"], params)


def _gap(start: date, end: date, cause: str, **rest: Any) -> Gap:
    return Gap(span=Span(start, end), cause=GapCause(cause), **rest)


def summaries(
    connection: Connection, timeframe: Timeframe, instruments: Sequence[int]
) -> dict[int, Summary]:
    cursor = columns_cursor(connection)
    cursor.row_factory = kwargs_row(Summary)
    params = {"timeframe": timeframe, "ids": np.array(instruments, np.int32)}
    found = cursor.execute(QUERIES["summaries"], params)
    return {one.instrument_id: one for one in found}


def first_and_last(
    connection: Connection, instruments: Sequence[int]
) -> dict[tuple[int, Timeframe], Span]:
    """From the first to the last day of which a bar is held, by instrument and timeframe."""
    params = {"ids": list(instruments)}
    return dict(rows.every(connection, _days_held, QUERIES["first_and_last"], params))


def _days_held(
    instrument_id: int, timeframe: str, start: date, end: date
) -> tuple[tuple[int, Timeframe], Span]:
    return (instrument_id, Timeframe(timeframe)), Span(start, end)


def refuse_mixed_origins(
    connection: Connection, instruments: Ints, origin: Ints, names: Sequence[str]
) -> None:
    """Each instrument has bars of the origin that `names` has in that place.

    Raises:
        MixedOrigin: that makes real and synthetic bars of one instrument.
    """
    params = {"ids": instruments.astype(np.int32), "kinds": origin, "origins": [*names]}
    found = columns_cursor(connection).execute(QUERIES["foreign_origins"], params).fetchall()
    if found:
        (_, held), symbols = found[0], ", ".join(symbol for symbol, _ in found[:5])
        raise MixedOrigin(
            f"{len(found)} symbols ({symbols}) hold {held} bars, and this vendor's are of "
            "another kind; real and synthetic bars are never mixed.",
            "Load into another database (TICKSTOCK_HOME or DATABASE_URI).",
        )


def add_coverage(connection: Connection, timeframe: Timeframe, gains: Gains) -> None:
    """Add what answers brought; a gain that is held already touches nothing."""
    if not len(gains):
        return
    params = {
        "timeframe": timeframe,
        "ids": gains.instrument.astype(np.int32),
        "kinds": gains.kind,
        "bars": gains.bars,
        "first": gains.first,
        "last": gains.last,
        "origins": [origin for origin, _ in gains.kinds],
        "held": [rows.multirange(held) for _, held in gains.kinds],
    }
    columns_cursor(connection).execute(QUERIES["add"], params)


def replace_gaps(
    connection: Connection, timeframe: Timeframe, asked: AskedSpans, gaps: GapColumns
) -> None:
    """Forget what was said about the asked spans, then say what holds now."""
    params = {
        "timeframe": timeframe,
        "ids": asked.instrument.astype(np.int32),
        "starts": asked.start.astype(np.int32),
        "ends": asked.end.astype(np.int32),
    }
    cursor = columns_cursor(connection)
    cursor.row_factory = kwargs_row(_gap)
    kept = cursor.execute(QUERIES["clear_gaps"], params).fetchall()
    reach("gaps.cleared")
    _add_gaps(connection, timeframe, GapColumns.of(kept))
    _add_gaps(connection, timeframe, gaps)
    reach("gaps.written")


def _add_gaps(connection: Connection, timeframe: Timeframe, gaps: GapColumns) -> None:
    if not len(gaps):
        return
    params = {
        "timeframe": timeframe,
        "ids": gaps.instrument.astype(np.int32),
        "starts": gaps.start.astype(np.int32),
        "ends": gaps.end.astype(np.int32),
        "kinds": gaps.kind,
        "causes": [h.cause for h in gaps.kinds],
        "details": [h.detail for h in gaps.kinds],
        "seen": [h.seen_at for h in gaps.kinds],
        "expires": [h.expires_at for h in gaps.kinds],
    }
    columns_cursor(connection).execute(QUERIES["add_gaps"], params)
