"""Bars that somebody should look at: doubtful ones, which are kept, and impossible ones, which are
put aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np

from tickstock.bars import ANOTHER_FIRM, DISAGREE, JUMP, NEXT_DAYS, disagreement
from tickstock.bars import doubts as doubts_of
from tickstock.loading.causes import ANSWERED
from tickstock.model import PRICES, BarTable, CallKind, Flags, Ints, Timeframe
from tickstock.spans import Span
from tickstock.store import rows
from tickstock.store.bars import DAY_SECONDS, Rows, Written, read_neighbours
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("doubts.sql")
SAID_BY = {
    CallKind.TICKER: "ticker", CallKind.MARKET_DAY: "whole market", CallKind.FLAT_DAY: "file"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Doubted:
    """One bar that somebody should look at.

    `at` is midnight UTC of the session's date for day bars, else the start of the bar. `detail` is,
    of a quarantined bar, what was received, as JSON.
    """

    symbol: str
    at: datetime
    reason: str
    detail: str
    seen_at: datetime


def note_doubts(connection: Connection, timeframe: Timeframe, rows: Rows, written: Written) -> None:
    """Judge what was written of `rows` (ordered), together with the bars around it."""
    touched = written.new | written.changed
    if not touched.any():
        return
    after = np.concatenate(([False], touched[:-1]))  # compared with what has changed
    judged = _Judged(rows, touched | after, ~written.new, touched)
    if timeframe is Timeframe.DAY:
        judged = judged.joined(read_neighbours(connection, rows.pick(touched)))
    found = [d for d in doubts_of(judged.table(), timeframe) if judged.anew[d.row]]
    known = judged.anew & judged.known
    if known.any():
        params = {"written": judged.written[known].tolist(), "disagree": DISAGREE}
        before = _keys(timeframe, judged.rows.pick(known))
        connection.execute(QUERIES["forget"], before | params)
    if found:
        picked = judged.rows.pick(np.array([d.row for d in found], np.int64))
        texts = {"reasons": [d.reason for d in found], "details": [d.detail for d in found]}
        connection.execute(QUERIES["add"], _keys(timeframe, picked) | texts)


@dataclass(frozen=True, slots=True)
class Changed:
    """Stored bars that answers have changed: which call changed each, on which day, under which
    ticker. `batch` are calls that are not done yet, but will be with these."""

    rows: Rows
    calls: Ints
    days: Sequence[date]
    symbols: Sequence[str]
    batch: Sequence[int]


def note_disagreements(connection: Connection, timeframe: Timeframe, changed: Changed) -> int:
    """Note bars of which an answer for a whole market and one for the ticker alone, in one job,
    say something else; how many those are."""
    rows = changed.rows
    if not len(rows):
        return 0
    params = _keys(timeframe, rows) | {"calls": changed.calls.tolist(), "days": changed.days}
    params |= {"symbols": changed.symbols, "batch": list(changed.batch)}
    found: dict[int, str] = {}
    for place, *before, was, now in connection.execute(QUERIES["other_answers"], params):
        after = [getattr(rows, name)[place].item() for name in (*PRICES, "volume")]
        if told := disagreement(before, after):
            found[place] = f"{told}, by {SAID_BY[was]} and by {SAID_BY[now]}"
    if found:
        picked = _keys(timeframe, rows.pick(np.array([*found], np.int64)))
        texts = {"reasons": [DISAGREE] * len(found), "details": [*found.values()]}
        connection.execute(QUERIES["add"], picked | texts)
    return len(found)


@dataclass(frozen=True, slots=True)
class _Judged:
    """Bars in order; which of them are judged anew, may have been judged before, were written."""

    rows: Rows
    anew: Flags
    known: Flags
    written: Flags

    def joined(self, around: Rows) -> _Judged:
        """With the bars before and after those of each instrument; the ones after are judged."""
        firsts = np.flatnonzero(np.diff(self.rows.instrument, prepend=-1))
        place = np.searchsorted(self.rows.instrument[firsts], around.instrument)
        is_after = around.at > self.rows.at[firsts[place]]
        rows = Rows.join([self.rows, around])
        # A neighbour of what was written may be among the rows itself: then it comes twice.
        key = rows.key()
        _, once = np.unique(key, return_index=True)
        anew = np.concatenate([self.anew, is_after])
        known = np.concatenate([self.known, np.ones(len(around), np.bool_)])
        written = np.concatenate([self.written, np.zeros(len(around), np.bool_)])
        return _Judged(rows.pick(once), anew[once], known[once], written[once])

    def table(self) -> BarTable:
        r = self.rows
        prices = (r.open, r.high, r.low, r.close)
        return BarTable((), r.instrument, r.at, *prices, r.volume, r.vwap, r.trades)


def _keys(timeframe: Timeframe, rows: Rows) -> dict[str, Any]:
    seconds = rows.at * DAY_SECONDS if timeframe is Timeframe.DAY else rows.at
    return {"timeframe": timeframe, "ids": rows.instrument.tolist(), "at": seconds.tolist()}


def answered_gaps(connection: Connection, instruments: Sequence[int]) -> dict[int, list[Span]]:
    """By place in `instruments`, the days of which the vendor said that it has no day bars."""
    params = {"ids": list(instruments), "answered": list(ANSWERED)}
    found: dict[int, list[Span]] = {}
    for place, start, end in connection.execute(QUERIES["gaps"], params):
        found.setdefault(place, []).append(Span(start, end))
    return found


def list_doubts(
    connection: Connection,
    timeframe: Timeframe,
    instruments: Sequence[int],
    start: datetime,
    end: datetime,
) -> list[Doubted]:
    """Doubtful bars of these instruments from `start` up to `end`, by symbol and time."""
    return _listed(connection, "list", timeframe, instruments, start, end)


def list_quarantined(
    connection: Connection,
    timeframe: Timeframe,
    instruments: Sequence[int],
    start: datetime,
    end: datetime,
) -> list[Doubted]:
    """Bars put aside, of these instruments from `start` up to `end`, by symbol and time."""
    return _listed(connection, "quarantined", timeframe, instruments, start, end)


def _listed(
    connection: Connection,
    query: str,
    timeframe: Timeframe,
    instruments: Sequence[int],
    start: datetime,
    end: datetime,
) -> list[Doubted]:
    params: dict[str, Any] = {
        "ids": list(instruments), "timeframe": timeframe, "start": start, "end": end,
    }  # fmt: skip
    params |= {"jump": JUMP, "another_firm": ANOTHER_FIRM, "next_days": NEXT_DAYS}
    return rows.every(connection, Doubted, QUERIES[query], params | {"answered": list(ANSWERED)})
