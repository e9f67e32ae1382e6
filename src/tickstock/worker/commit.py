"""Writes judged answers: bars, coverage, gaps and the ledger in one fenced transaction."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

import numpy as np
import structlog

from tickstock.clock import NEW_YORK
from tickstock.failpoints import reach
from tickstock.loading.gains import Brought, Gains, Origins, gains_of
from tickstock.loading.judge import NO_SESSIONS, AnswerVerdict, judge
from tickstock.loading.plausible import BESIDE, full_lengths, is_short
from tickstock.loading.targets import AskedSpans, once
from tickstock.loading.truncation import MOST_DEPTH
from tickstock.loading.unheld import GapColumns, SharedGap
from tickstock.model import Answer, Call, Flags, Floats, Ints, Timeframe
from tickstock.sessions import Calendar
from tickstock.spans import Span, day_of
from tickstock.store import asides, bar_history, bars, coverage, doubts, ledger
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.flat_files import note_file
from tickstock.store.ledger import Finished
from tickstock.worker.fetched import Fetched as Fetched
from tickstock.worker.market_rows import gains_of_markets, with_owners

log = structlog.get_logger("tickstock.worker")


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit did. `refused`: calls whose lease had been lost; nothing of them is kept."""

    rows_new: int
    rows_changed: int
    refused: tuple[int, ...]


Judged = tuple[Fetched, AnswerVerdict]


PART_ROWS = 50_000
"""Bars that are written at a time of one answer with far more than batches have."""


def commit(
    database: Database,
    batch: Sequence[Fetched],
    calendar: Calendar,
    now: datetime,
    *,
    part_rows: int = PART_ROWS,
) -> Committed:
    """Write a batch in one transaction; calls that are no longer ours are left out."""
    batch = with_owners(database, batch, calendar)
    reach("commit.judge")
    beside = _beside(database, batch, calendar)
    judged = [
        (f, judge(f.answer, f.targets, calendar, now, b))
        for f, b in zip(batch, beside, strict=True)
    ]
    reach("commit.judged")
    with database.brief() as connection:
        reach("commit.begun")
        mine = ledger.fence_check(connection, [f.lease for f in batch])
        reach("commit.fence_checked")
        ours = [(f, v) for f, v in judged if f.lease.id in mine]
        # Of all timeframes at once: locks taken in two rounds could deadlock with another worker's.
        asked = AskedSpans.union([v.asked for _, v in ours])
        bars.lock_instruments(connection, once(asked.instrument))
        reach("commit.locked")
        done: list[Finished] = []
        for timeframe in sorted({f.lease.call.timeframe for f, _ in ours}):
            part = [(f, v) for f, v in ours if f.lease.call.timeframe is timeframe]
            for alike in _by_way(part):
                done += _write_all(connection, timeframe, alike, calendar, batch, part_rows)
        reach("commit.written")
        if done:
            ledger.finish_calls(connection, done)
            ledger.add_parts(connection, _cut_off(ours), deeper=1)
        reach("commit.finished")
    reach("commit.committed")
    for fetched, verdict in ours:
        _warn_of_unwanted(fetched, verdict)
    refused = tuple(f.lease.id for f in batch if f.lease.id not in mine)
    return Committed(sum(d.rows_new for d in done), sum(d.rows_changed for d in done), refused)


def _beside(database: Database, batch: Sequence[Fetched], calendar: Calendar) -> list[Floats]:
    """Of each short intraday answer of a ticker, the bars in held sessions around it."""
    short = [is_short(f.answer, calendar) for f in batch]
    if not any(short):
        return [NO_SESSIONS for _ in batch]
    with database.brief() as connection:
        return [
            _sessions_beside(connection, f, calendar) if asks else NO_SESSIONS
            for f, asks in zip(batch, short, strict=True)
        ]


def _sessions_beside(connection: Connection, fetched: Fetched, calendar: Calendar) -> Floats:
    call = fetched.lease.call
    target = fetched.targets.get(call.symbol)
    if target is None:
        return NO_SESSIONS
    near = Span(call.span.start - BESIDE, call.span.end + BESIDE)
    counts = bars.count_by_day(connection, call.timeframe, target.instrument_id, near)
    others = {day: n for day, n in counts.items() if day not in call.span}
    return full_lengths(others, calendar)


def _market(answer: Answer) -> tuple[int | None, str | None]:
    """Of an answer for a whole market: how many tickers it spoke of, and which file it was."""
    return (None, None) if answer.call.symbol else (answer.spoke_of, answer.key or None)


def _cut_off(ours: Sequence[Judged]) -> list[tuple[int, Call]]:
    """Parts of answers that look cut off, to be asked again; not for ever."""
    found = [
        (fetched.lease.id, call)
        for fetched, verdict in ours
        for call in verdict.again
        if fetched.lease.depth < MOST_DEPTH
    ]
    for _, call in found:
        log.warning("answer looks cut off, asked again", call=str(call))
    return found


def _warn_of_unwanted(fetched: Fetched, verdict: AnswerVerdict) -> None:
    """Bars on days without a session are not kept: perhaps the calendar is wrong, not the bars."""
    if verdict.off_session:
        call = str(fetched.lease.call)
        log.warning("bars on days without a session", call=call, bars=verdict.off_session)


def _by_way(part: Sequence[Judged]) -> Iterator[Sequence[Judged]]:
    """Answers for whole markets, and then those for a ticker: where both hold a bar, the second one
    is compared with what the first one has written."""
    whole = [(f, v) for f, v in part if not f.lease.call.symbol]
    yield from (some for some in (whole, [p for p in part if p[0].lease.call.symbol]) if some)


def _write_all(
    connection: Connection,
    timeframe: Timeframe,
    alike: Sequence[Judged],
    calendar: Calendar,
    batch: Sequence[Fetched],
    part_rows: int,
) -> list[Finished]:
    new, changed = np.zeros((2, len(alike)), np.int64)
    for part in _in_parts(alike, part_rows):
        counts = _write(connection, timeframe, part, calendar, batch)
        new, changed = new + counts[0], changed + counts[1]
    coverage.add_coverage(connection, timeframe, Gains.of(gains_of_markets(alike, calendar)))
    for fetched, _ in alike:
        call = fetched.lease
        asides.note_of_call(connection, call.id, call.call, fetched.answer.aside)
    _note_files(connection, alike)
    return [
        Finished(
            f.lease.id, v.cells, int(new[i]), int(changed[i]), f.answer.pages, *_market(f.answer),
            f.asked,
        )
        for i, (f, v) in enumerate(alike)
    ]  # fmt: skip


def _in_parts(alike: Sequence[Judged], rows: int) -> Iterator[Sequence[Judged]]:
    """The same answers; by ranges of instruments, each with about so many rows, where they have
    more than an ordinary batch."""
    if sum(len(v.order) for _, v in alike) <= 4 * rows:
        yield alike
        return
    whose = [v.instrument[v.order] for _, v in alike]
    every = whose[0] if len(whose) == 1 else np.sort(np.concatenate(whose))
    lows = [0, *np.unique(every[rows:-1:rows]).tolist()]
    firsts = [np.searchsorted(w, [*lows, every[-1] + 1]).tolist() for w in whose]
    del whose, every
    for i, (low, high) in enumerate(pairwise([*lows, sys.maxsize])):
        yield [
            (f, v.part(low, high, *of[i : i + 2])) for (f, v), of in zip(alike, firsts, strict=True)
        ]


def _write(
    connection: Connection,
    timeframe: Timeframe,
    part: Sequence[Judged],
    calendar: Calendar,
    batch: Sequence[Fetched],
) -> tuple[Ints, Ints]:
    """Answers how many rows of each were new, and how many changed."""
    rows, owner = _rows(part)
    origins = Origins.of([_origins(fetched) for fetched, _ in part])
    _refuse_mixed_origins(connection, part, origins)
    reach("commit.origins_checked")
    calls = np.array([fetched.lease.id for fetched, _ in part])[owner]
    written = bars.write_rows(connection, timeframe, rows, calls)
    reach("commit.bars_written")
    doubts.note_doubts(connection, timeframe, rows, written)
    _compare(connection, timeframe, part, batch, rows, owner, written.changed)
    bar_history.note_late(connection, timeframe, rows.pick(written.new), calls[written.new])
    _set_aside(connection, timeframe, part)
    reach("commit.set_aside")
    brought = Brought(rows.instrument, rows.at, owner, written.new)
    gains = gains_of(brought, origins, timeframe, calendar)
    coverage.add_coverage(connection, timeframe, gains)
    reach("commit.covered")
    asked = AskedSpans.union([v.asked for _, v in part])
    coverage.replace_gaps(connection, timeframe, asked, _gaps(part))
    new, changed = (
        np.bincount(owner[rows], minlength=len(part)) for rows in (written.new, written.changed)
    )
    return new, changed


def _compare(
    connection: Connection,
    timeframe: Timeframe,
    part: Sequence[Judged],
    batch: Sequence[Fetched],
    rows: bars.Rows,
    owner: Ints,
    changed: Flags,
) -> None:
    """Where a bar came by another way before, in the same job, see whether both say the same."""
    which = np.flatnonzero(changed)
    if not len(which):
        return
    names = [{t.instrument_id: t.symbol for t in f.targets.values()} for f, _ in part]
    of, ids = owner[which].tolist(), rows.instrument[which].tolist()
    at = rows.at[which].tolist()
    found = doubts.Changed(
        rows.pick(which),
        np.array([part[i][0].lease.id for i in of], np.int64),
        [_day_of(n, timeframe) for n in at],
        [names[i][one] for i, one in zip(of, ids, strict=True)],
        [f.lease.id for f in batch],
    )
    if count := doubts.note_disagreements(connection, timeframe, found):
        log.warning("two answers disagree", timeframe=timeframe.value, bars=count)


def _day_of(at: int, timeframe: Timeframe) -> date:
    if timeframe is Timeframe.DAY:
        return day_of(at)
    return datetime.fromtimestamp(at, NEW_YORK).date()


def _rows(part: Sequence[Judged]) -> tuple[bars.Rows, Ints]:
    """All wanted bars of the batch by key, and which answer each came with.

    Two answers may hold the same bar (two ranges of a ticker); the later one counts.
    """
    pieces = [_wanted(f.answer, v.instrument, v.order) for f, v in part]
    rows = bars.Rows.join(pieces)
    owner = np.repeat(np.arange(len(part)), [len(p) for p in pieces])
    key = rows.key()
    order = np.argsort(key, kind="stable")
    last = np.append(np.diff(key[order]) != 0, True) if len(key) else np.zeros(0, bool)
    keep = order[last]
    return rows.pick(keep), owner[keep]


def _wanted(answer: Answer, instrument: Ints, rows: Ints) -> bars.Rows:
    b = answer.bars
    every = bars.Rows(instrument, b.at, b.open, b.high, b.low, b.close, b.volume, b.vwap, b.trades)
    return every.pick(rows)


def _set_aside(connection: Connection, timeframe: Timeframe, part: Sequence[Judged]) -> None:
    for fetched, verdict in part:
        if len(verdict.quarantined):
            rows = _wanted(fetched.answer, verdict.instrument, verdict.quarantined)
            bars.keep_quarantined(connection, timeframe, rows, verdict.reasons, fetched.lease.id)


def _note_files(connection: Connection, part: Sequence[Judged]) -> None:
    for fetched, _ in part:
        if fetched.answer.etag and note_file(connection, fetched.answer):
            log.warning("the vendor has replaced a file", call=str(fetched.lease.call))


def _origins(fetched: Fetched) -> tuple[str, dict[int, str]]:
    """Where the bars of an answer come from, and the exceptions by instrument."""
    answer, targets = fetched.answer, fetched.targets
    others = {targets[t].instrument_id: origin for t, origin in answer.origins if t in targets}
    return answer.origin, others


def _refuse_mixed_origins(connection: Connection, part: Sequence[Judged], origins: Origins) -> None:
    """Also of bars that another answer of the batch has in its place."""
    ids = [once(v.instrument[v.order]) for _, v in part]
    answer = np.repeat(np.arange(len(part)), [len(i) for i in ids])
    instruments, codes = origins.pairs(answer, np.concatenate(ids))
    coverage.refuse_mixed_origins(connection, instruments, codes, origins.names)


def _gaps(part: Sequence[Judged]) -> GapColumns:
    found: list[SharedGap] = []
    for _, verdict in part:
        found += (SharedGap(np.array([h.instrument_id]), h) for h in verdict.own_gaps)
        found += verdict.shared_gaps
    return GapColumns.shared(found)
