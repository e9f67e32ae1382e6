"""A second look at the whole-market days of a job, when all its calls have been answered.

Whether a session of all tickers is whole shows by those around it, which may come after it. What
is not believed is asked again once; after that it has failed, whatever was said of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import structlog

from tickstock.failpoints import reach
from tickstock.loading.plausible import NEAR, lacking_names, names_beside, small_markets
from tickstock.loading.targets import AskedSpans, Target
from tickstock.loading.unheld import GapColumns, SharedGap
from tickstock.model import MARKET, Flags, Gap, GapCause, Ints, Timeframe
from tickstock.sessions import Calendar
from tickstock.spans import Span
from tickstock.store import actions, bars, coverage, jobs, ledger, whole_market
from tickstock.store.connection import Connection
from tickstock.store.ledger import MarketDay

log = structlog.get_logger("tickstock.worker")


@dataclass(frozen=True, slots=True)
class UnbelievedDay:
    """A whole-market day that is not believed: whose sessions are lacking, and why that is not
    taken for true."""

    day: MarketDay
    lacking: tuple[int, ...]
    why: str


def look_again(
    connection: Connection,
    load_id: uuid.UUID,
    wanted: Mapping[Timeframe, Sequence[Target]],
    calendar: Calendar,
    now: datetime,
) -> int:
    """Have the whole-market days of a job asked again that cannot be whole; how many those are.
    Where they were already, what they lack has failed."""
    if not jobs.lock_open(connection, load_id):
        return 0
    doubts = [
        doubt
        for timeframe, days in ledger.market_days(connection, load_id).items()
        for doubt in _doubts(connection, load_id, days, wanted.get(timeframe, ()), calendar)
    ]
    markets = {t.instrument_id for of in wanted.values() for t in of if t.symbol == MARKET}
    lacking = {i for doubt in doubts for i in doubt.lacking}
    bars.lock_instruments(connection, sorted(lacking | (markets if doubts else set())))
    for doubt in doubts:
        log.warning("market day not believed", call=str(doubt.day.call), why=doubt.why)
        _fail(connection, doubt, now)
        for market in markets:
            _fail_market(connection, market, doubt, now)
    again = [(doubt.day.call_id, doubt.day.call) for doubt in doubts if not doubt.day.depth]
    reach("second_look.done")
    if again:
        ledger.add_parts(connection, again, deeper=1)
        actions.reopen(connection, load_id)  # after these calls, which bring more bars
    return len(again)


def _doubts(
    connection: Connection,
    load_id: uuid.UUID,
    days: Sequence[MarketDay],
    wanted: Sequence[Target],
    calendar: Calendar,
) -> Iterator[UnbelievedDay]:
    place = {day.call_id: calendar.between(day.call.span)[0] for day in days}
    low = max(min(place.values()) - NEAR, 0)
    high = min(max(place.values()) + NEAR + 1, len(calendar))
    span = Span.inclusive(calendar.day(low), calendar.day(high - 1))
    sizes = ledger.market_sizes(connection, load_id, days[0].call, span)
    known = {calendar.between(Span.inclusive(d, d))[0]: n for d, n in sizes.items()}
    small = small_markets(known)
    ids, held = _held(connection, days[0].call.timeframe, wanted, calendar, low, high)
    # A day without any row has been judged when it came.
    judged = [d for d in days if d.tickers]
    columns = [place[d.call_id] - low for d in judged]
    doubted = [s - low for s in small if low <= s < high]
    lacking = lacking_names(held, columns, doubted)
    for day, column in zip(judged, columns, strict=True):
        usual = small.get(column + low)
        rows = names_beside(held, column) if usual else lacking.get(column)
        if rows is None or not (len(rows) or usual):
            continue
        names = ids[rows]
        file = f" (the file {day.key})" if day.key else ""
        size = f"It has {day.tickers} tickers, where {usual} are usual. " if usual else ""
        why = (
            f"The vendor's answer for {day.call}{file} is not believed: {size}It lacks {len(rows)} "
            f"of {held.shape[0]} names, which hold days beside it."
        )
        yield UnbelievedDay(day, tuple(names.tolist()), why)


def _held(
    connection: Connection,
    timeframe: Timeframe,
    wanted: Sequence[Target],
    calendar: Calendar,
    low: int,
    high: int,
) -> tuple[Ints, Flags]:
    """Which of the wanted instruments hold which sessions from `low` to the one before `high`."""
    ids = np.unique(np.array([t.instrument_id for t in wanted], np.int64))
    spans = coverage.held_spans(connection, timeframe, ids.tolist())
    steps = np.zeros((len(ids), high - low + 1), np.int8)
    row = np.searchsorted(ids, spans.instrument)
    for days, step in ((spans.start, 1), (spans.end, -1)):
        np.add.at(steps, (row, np.clip(calendar.before(days), low, high) - low), step)
    return ids, np.cumsum(steps, axis=1, dtype=np.int8)[:, :-1] > 0


def _fail_market(connection: Connection, market: int, doubt: UnbelievedDay, now: datetime) -> None:
    """Say of the session that it is not held of the market; what its answer brought stays."""
    span, timeframe = doubt.day.call.span, doubt.day.call.timeframe
    whole_market.take_back(connection, market, timeframe, span)
    gap = Gap(market, span, GapCause.FAILED, doubt.why[:500], now)
    asked, gaps = AskedSpans.of([(market, span)]), GapColumns.of([gap])
    coverage.replace_gaps(connection, timeframe, asked, gaps)


def _fail(connection: Connection, doubt: UnbelievedDay, now: datetime) -> None:
    """Say of the lacking cells that they failed, where the vendor was said to have none."""
    span, timeframe = doubt.day.call.span, doubt.day.call.timeframe
    told = coverage.standing_gaps(connection, timeframe, doubt.lacking, now)
    empty = {h.instrument_id for h in told if h.cause is GapCause.VENDOR_EMPTY and h.span & span}
    asked = AskedSpans.of((i, span) for i in sorted(empty))
    failed = Gap(0, span, GapCause.FAILED, doubt.why, now)
    gaps = GapColumns.shared([SharedGap(asked.instrument, failed)])
    coverage.replace_gaps(connection, timeframe, asked, gaps)
