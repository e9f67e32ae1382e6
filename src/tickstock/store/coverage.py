"""What is held, and why the rest is not: per instrument, timeframe and session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np

from tickstock.errors import MixedOrigin
from tickstock.failpoints import reach
from tickstock.loading.grid import HeldSpans
from tickstock.model import Gain, Hole, HoleCause, Timeframe
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
    cursor = columns_cursor(connection)
    params = {"timeframe": timeframe, "ids": list(instruments)}
    found = cursor.execute(QUERIES["held"], params).fetchall()
    if not found:
        none = np.empty(0, np.int64)
        return HeldSpans(none, none, none)
    ids, starts, ends = zip(*found, strict=True)
    each = np.repeat(np.array(ids, np.int64), [len(of) for of in starts])
    return HeldSpans(each, np.concatenate(starts), np.concatenate(ends))


def standing_holes(
    connection: Connection,
    timeframe: Timeframe,
    instruments: Sequence[int],
    now: datetime,
) -> list[Hole]:
    """Why spans are not held, as far as that answer has not expired at `now`."""
    params = {"timeframe": timeframe, "ids": list(instruments), "now": now}
    return rows.every(connection, _hole, QUERIES["standing_holes"], params)


def _hole(start: date, end: date, cause: str, **rest: Any) -> Hole:
    return Hole(span=Span(start, end), cause=HoleCause(cause), **rest)


def summaries(
    connection: Connection, timeframe: Timeframe, instruments: Sequence[int]
) -> dict[int, Summary]:
    params = {"timeframe": timeframe, "ids": list(instruments)}
    found = rows.every(connection, Summary, QUERIES["summaries"], params)
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


def refuse_mixed_origins(connection: Connection, origins: Iterable[tuple[int, str]]) -> None:
    """Raise MixedOrigin when real bars would join synthetic ones, or the other way round."""
    pairs = list(origins)
    params = {"ids": [i for i, _ in pairs], "origins": [o for _, o in pairs]}
    found = connection.execute(QUERIES["foreign_origins"], params).fetchall()
    if found:
        (_, origin), names = found[0], ", ".join(symbol for symbol, _ in found[:5])
        raise MixedOrigin(
            f"{len(found)} symbols ({names}) hold {origin} bars, and this vendor's are of "
            "another kind; real and synthetic bars are never mixed.",
            "Load into another database (TICKSTOCK_HOME or DATABASE_URI).",
        )


def add_coverage(connection: Connection, timeframe: Timeframe, gains: Sequence[Gain]) -> None:
    """Add what answers brought; a gain that is held already touches nothing."""
    if not gains:
        return
    connection.execute(
        QUERIES["add"],
        {
            "timeframe": timeframe,
            "ids": [g.instrument_id for g in gains],
            "origins": [g.origin for g in gains],
            "held": [multirange(g.held) for g in gains],
            "bars": [g.bars for g in gains],
            "first": [g.first for g in gains],
            "last": [g.last for g in gains],
        },
    )


def replace_holes(
    connection: Connection,
    timeframe: Timeframe,
    asked: Sequence[tuple[int, Span]],
    holes: Sequence[Hole],
) -> None:
    """Forget what was said about the asked spans, then say what holds now."""
    params = {
        "timeframe": timeframe,
        "ids": [i for i, _ in asked],
        "starts": [s.start for _, s in asked],
        "ends": [s.end for _, s in asked],
    }
    kept = rows.every(connection, _hole, QUERIES["clear_holes"], params)
    reach("holes.cleared")
    _add_holes(connection, timeframe, [*kept, *holes])
    reach("holes.written")


def _add_holes(connection: Connection, timeframe: Timeframe, holes: Sequence[Hole]) -> None:
    if not holes:
        return
    connection.execute(
        QUERIES["add_holes"],
        {
            "timeframe": timeframe,
            "ids": [h.instrument_id for h in holes],
            "starts": [h.span.start for h in holes],
            "ends": [h.span.end for h in holes],
            "causes": [h.cause for h in holes],
            "details": [h.detail for h in holes],
            "seen": [h.seen_at for h in holes],
            "expires": [h.expires_at for h in holes],
        },
    )


def multirange(spans: Iterable[Span]) -> str:
    return "{" + ",".join(f"[{s.start},{s.end})" for s in spans) + "}"
