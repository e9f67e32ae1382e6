"""How many doubts there are about what a job asked for: its splits and dividends, and its bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tickstock.actions import Adjust
from tickstock.bars import ANOTHER_FIRM, JUMP
from tickstock.clock import NEW_YORK, midnight, new_york_date
from tickstock.crosscheck import ActionFinding, unexplained
from tickstock.model import BarTable, Instrument, Timeframe
from tickstock.service.reading import Case, read
from tickstock.spans import Span
from tickstock.store import doubts
from tickstock.store.connection import Connection
from tickstock.store.job_items import ItemRow

AT_ONCE = 50
"""Instruments looked at at once, so that memory stays flat in the size of a job."""


@dataclass(frozen=True, slots=True)
class DoubtCounts:
    """`actions`: about splits and dividends, and jumps that none explains, as `verify` lists them;
    `bars`: other doubtful or quarantined bars, as `missing` does."""

    actions: int
    bars: int


def count_doubts(
    connection: Connection, items: Sequence[ItemRow], now: datetime, *, at_once: int = AT_ONCE
) -> DoubtCounts:
    """Doubts of the days and timeframes of a job's items."""
    about_actions = about_bars = 0
    looked_at: set[tuple[int, Span]] = set()
    for timeframe, span in dict.fromkeys((i.timeframe, i.span) for i in items):
        group = [i for i in items if (i.timeframe, i.span) == (timeframe, span)]
        chosen = [Instrument(i.instrument_id, i.symbol) for i in group]
        about_bars += _of_bars(connection, chosen, timeframe, span)
        fresh = [i for i in chosen if (i.id, span) not in looked_at]
        looked_at |= {(i.id, span) for i in fresh}
        for place in range(0, len(fresh), at_once):
            found = findings(connection, fresh[place : place + at_once], span, now)
            about_actions += sum(f.day in span for f in found)
    return DoubtCounts(about_actions, about_bars)


def findings(
    connection: Connection, some: Sequence[Instrument], span: Span | None, now: datetime
) -> Iterator[ActionFinding]:
    """Doubts about the splits and dividends of a span (None: of all days), by the day bars."""
    bars = read(
        connection, some, Timeframe.DAY, span, adjust=Adjust.RAW, known_at=None, now=now
    ).bars
    return findings_in(connection, some, bars, span, now)


def findings_in(
    connection: Connection,
    some: Sequence[Instrument],
    bars: BarTable,
    span: Span | None,
    now: datetime,
) -> Iterator[ActionFinding]:
    """As `findings`, by the raw day bars of the span."""
    case = Case(connection, some, None, new_york_date(now), span)
    judgement = case.judge(bars, Timeframe.DAY, span, total=True)
    yield from judgement.findings
    gaps = doubts.answered_gaps(connection, [i.id for i in some])
    yield from unexplained(bars, judgement, gaps)


def _of_bars(
    connection: Connection, chosen: Sequence[Instrument], timeframe: Timeframe, span: Span
) -> int:
    zone = UTC if timeframe is Timeframe.DAY else NEW_YORK
    start, end = (midnight(day, zone) for day in (span.start, span.end))
    args = (connection, timeframe, [i.id for i in chosen], start, end)
    # Jumps are counted where splits and dividends are: these may explain them.
    kept = [d for d in doubts.list_doubts(*args) if d.reason not in (JUMP, ANOTHER_FIRM)]
    return len(kept) + len(doubts.list_quarantined(*args))
