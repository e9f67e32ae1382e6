"""What is held: coverage with its causes, and the bars themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from tickstock.bars import resampled
from tickstock.errors import UnknownUniverse
from tickstock.loading.grid import Grid
from tickstock.model import BarTable, Instrument, Timeframe, epoch_day
from tickstock.service.loads import Loads
from tickstock.sessions import NEW_YORK
from tickstock.spans import Span
from tickstock.store import bars, coverage, instruments
from tickstock.store.coverage import Summary
from tickstock.store.database import Database


@dataclass(frozen=True, slots=True)
class CoverageView:
    """The grid of a universe over a span, what is kept about each symbol, and symbols never
    heard of (they hold nothing, and nobody has asked for them yet)."""

    grid: Grid
    summaries: dict[str, Summary]
    unknown: tuple[str, ...]


class Holdings:
    """Reads coverage and bars."""

    def __init__(self, database: Database, loads: Loads) -> None:
        self._database = database
        self._loads = loads

    def coverage(
        self, symbols: Sequence[str], timeframe: Timeframe, span: Span | None = None
    ) -> CoverageView:
        """Expected, held and missing sessions. Without a span: all that is held of any of them."""
        with self._database.transaction() as connection:
            found = instruments.find_instruments(connection, symbols)
            chosen = [found[s] for s in symbols if s in found]
            kept = coverage.summaries(connection, timeframe.stored, [i.id for i in chosen])
            span = span or _span_of(kept.values()) or self._loads.span("1mo")
            grid = self._loads.grid(connection, chosen, timeframe.stored, span)
        named = {i.symbol: kept[i.id] for i in chosen if i.id in kept}
        return CoverageView(grid, named, tuple(s for s in symbols if s not in found))

    def bars(
        self, symbols: Sequence[str], timeframe: Timeframe, span: Span | None = None
    ) -> BarTable:
        """Raw bars, by symbol in the order asked for, then by time.

        Times as in `BarTable`; weeks and months are derived from day bars. A symbol that the
        database has never heard of is an error, one without bars is not.
        """
        with self._database.transaction() as connection:
            found = instruments.find_instruments(connection, symbols)
            unknown = [s for s in symbols if s not in found]
            if unknown:
                raise UnknownUniverse(
                    f"Nothing was ever loaded for {', '.join(unknown[:5])}.",
                    "Load it first: tickstock load {" + unknown[0] + "} --for 1y",
                )
            chosen = [found[s] for s in symbols]
            ids = np.array([i.id for i in chosen], np.int64)
            low, high = _bounds(span, timeframe)
            rows = bars.read_rows(
                connection,
                timeframe.stored,
                ids,
                np.full(len(ids), low, np.int64),
                np.full(len(ids), high, np.int64),
            )
        return _table(chosen, rows, timeframe)


def _span_of(kept: Iterable[Summary]) -> Span | None:
    """From the first bar held to the last one."""
    edges = [at.astimezone(UTC).date() for s in kept for at in (s.first_at, s.last_at) if at]
    return Span.inclusive(min(edges), max(edges)) if edges else None


def _bounds(span: Span | None, timeframe: Timeframe) -> tuple[int, int]:
    """The first and last `at` of a span, both included, in the unit of the stored bars."""
    if timeframe.stored is Timeframe.DAY:
        return (
            (-700_000, 2_900_000) if span is None else (epoch_day(span.start), epoch_day(span.last))
        )
    if span is None:
        return -(2**35), 2**35
    start = datetime.combine(span.start, datetime.min.time(), NEW_YORK)
    end = datetime.combine(span.end, datetime.min.time(), NEW_YORK)
    return int(start.timestamp()), int(end.timestamp()) - 1


def _table(chosen: Sequence[Instrument], rows: bars.Rows, timeframe: Timeframe) -> BarTable:
    ids = np.array([i.id for i in chosen], np.int64)
    by_id = np.argsort(ids, kind="stable")
    owner = by_id[np.searchsorted(ids[by_id], rows.instrument)] if len(rows) else rows.instrument
    names = tuple(i.symbol for i in chosen)
    prices = (rows.open, rows.high, rows.low, rows.close)
    table = BarTable(names, owner, rows.at, *prices, rows.volume, rows.vwap, rows.trades)
    table = table.rows(np.lexsort((rows.at, owner)))
    return table if timeframe is timeframe.stored else resampled(table, timeframe)
