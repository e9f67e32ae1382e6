"""From what is missing to the calls that bring it, at the least cost.

Which calls these are is decided in `choice`; here they are put in order and summed up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tickstock.loading.causes import OUTSIDE, SETTLED
from tickstock.loading.choice import Choice, choose
from tickstock.loading.grid import Grid
from tickstock.loading.plan import Item, Plan, PlannedCall, Skip, digest_of
from tickstock.loading.prices import (
    BARS_PER_SESSION,
    FILE_BYTES,
    MARKET_BARS,
    MARKET_DAY_BYTES,
    session_bytes,
)
from tickstock.loading.request import LoadRequest
from tickstock.model import (
    Call,
    CallKind,
    Ints,
    Limits,
    Ticker,
    Timeframe,
    epoch_day,
)
from tickstock.spans import ONE_DAY, Span, day_of

ORDER = (Timeframe.DAY, Timeframe.HOUR, Timeframe.MINUTE)
"""Day bars first: few calls, and most of what people look at."""


def make_plan(request: LoadRequest, grids: Sequence[Grid], limits: Limits) -> Plan:
    """The cheapest calls that bring every missing cell of `grids` (one for each timeframe).

    Pure and deterministic: the same input gives the same plan and digest on every machine.
    """
    ordered = sorted(grids, key=lambda grid: ORDER.index(grid.timeframe))
    choices = [choose(grid, limits) for grid in ordered]
    pairs = list(zip(ordered, choices, strict=True))
    calls = tuple(call for grid, choice in pairs for call in _calls(grid, choice))
    items = tuple(item for grid in ordered for item in _items(request.span, grid))
    counted = sum(p.call.kind is not CallKind.FLAT_DAY for p in calls)
    paced = 60 * counted / limits.calls_per_minute if limits.calls_per_minute else 0.0
    return Plan(
        request=request,
        calls=calls,
        items=items,
        skips=tuple(skip for grid in ordered for skip in _skips(grid, request.refresh)),
        expected_bars=sum(p.cells * BARS_PER_SESSION[p.call.timeframe] for p in calls)
        * (MARKET_BARS if request.is_market else 1),
        bytes=sum(_bytes(grid.timeframe, choice) for grid, choice in pairs),
        seconds=max(paced, sum(c.prices.seconds(c.price) for c in choices)),
        least_seconds=sum(c.prices.seconds(c.least) for c in choices),
        exact=all(c.exact for c in choices),
        digest=digest_of(request, calls, items, ordered),
        price=counted * limits.price_per_call,
    )


def _bytes(timeframe: Timeframe, choice: Choice) -> int:
    sessions, files = int(choice.windows.length.sum()), int(choice.files.sum())
    whole = (len(choice.days) - files) * MARKET_DAY_BYTES
    if files:
        whole += files * FILE_BYTES[timeframe]
    return sessions * session_bytes(timeframe) + whole


def _calls(grid: Grid, choice: Choice) -> Iterator[PlannedCall]:
    """Sessions for all tickers by date, then ticker calls by symbol and time."""
    dates = [day_of(int(day)) for day in grid.days]
    days = (choice.days, choice.files, choice.day_cells)
    for column, file, cells in zip(*(c.tolist() for c in days), strict=True):
        span = Span(dates[column], dates[column] + ONE_DAY)
        kind = CallKind.FLAT_DAY if file else CallKind.MARKET_DAY
        yield PlannedCall(Call(kind, grid.timeframe, span), cells)
    found = choice.windows
    columns = (found.row, found.start, found.end, found.cells)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    symbols = [instrument.symbol for instrument in grid.instruments]
    for row, start, end, cells in sorted(rows, key=lambda r: (symbols[r[0]], r[1], r[0])):
        span = Span(dates[start], dates[end - 1] + ONE_DAY)
        tickers = grid.instruments[row].called(span)
        if len(tickers) == 1:
            call = Call(CallKind.TICKER, grid.timeframe, span, tickers[0].symbol)
            yield PlannedCall(call, cells)
        else:
            yield from _by_ticker(grid, row, tickers, choice.days)


def _by_ticker(
    grid: Grid, row: int, tickers: Iterable[Ticker], days: Ints
) -> Iterator[PlannedCall]:
    """One call for each ticker that an instrument had, for what is missing under it; `days` are
    columns that other calls bring."""
    missing = np.unpackbits(grid.missing.packed[row], count=grid.missing.columns)
    missing[days] = 0
    for ticker in tickers:
        edges = (epoch_day(ticker.span.start), epoch_day(ticker.span.end))
        low, high = np.searchsorted(grid.days, edges).tolist()
        columns = np.flatnonzero(missing[low:high]) + low
        if len(columns):
            span = grid.span(int(columns[0]), int(columns[-1]) + 1)
            call = Call(CallKind.TICKER, grid.timeframe, span, ticker.symbol)
            yield PlannedCall(call, len(columns))


def _items(span: Span, grid: Grid) -> Iterator[Item]:
    expected, held = grid.expected.row_counts().tolist(), grid.held.row_counts().tolist()
    intervals = grid.intervals or ((),) * len(expected)
    rows = zip(grid.instruments, expected, held, intervals, strict=True)
    for one, wanted, have, of in rows:
        yield Item(one.id, one.symbol, grid.timeframe, span, wanted, have, of)


def _skips(grid: Grid, refresh: bool) -> Iterable[Skip]:
    causes = OUTSIDE if refresh else (*OUTSIDE, *SETTLED)
    for cause, cells in grid.gaps.items():
        # What was found not to be published yet is asked for all the same.
        if cause in causes and (count := (cells - grid.missing).count()):
            yield Skip(grid.timeframe, cause, count, grid.examples(cause))
