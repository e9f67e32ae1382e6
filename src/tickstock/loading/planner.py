"""From what is missing to the calls that bring it, at the least cost.

Day bars: one call can bring a ticker's whole range, or the whole market's session, and the
cheapest mixture is found exactly (see `cover`). Hour and minute bars: ticker calls alone, as few
as their limited range allows (see `windows`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tickstock.loading.cover import minimum_cover
from tickstock.loading.grid import SETTLED, Grid
from tickstock.loading.plan import Item, Plan, PlannedCall, Skip, digest_of
from tickstock.loading.prices import (
    BARS_PER_SESSION,
    MARKET_DAY_BYTES,
    Prices,
    prices_for,
    session_bytes,
    width_of,
)
from tickstock.loading.request import LoadRequest
from tickstock.loading.windows import Windows, windows_over
from tickstock.model import Call, CallKind, HoleCause, Ints, Limits, Timeframe
from tickstock.spans import ONE_DAY, Span, day_of

ORDER = (Timeframe.DAY, Timeframe.HOUR, Timeframe.MINUTE)
"""Day bars first: few calls, and most of what people look at."""
NEVER_HELD = (HoleCause.NOT_LISTED, HoleCause.NOT_PUBLISHED)
"""Causes for which no vendor has bars to give."""


@dataclass(frozen=True, eq=False)
class Choice:
    """The calls of one timeframe: whole-market days by column, and ticker windows.

    `day_cells` are the missing sessions of each whole-market day. `least` is a lower bound of
    `price`; `exact` that it is reached.
    """

    days: Ints
    day_cells: Ints
    windows: Windows
    prices: Prices
    price: int
    least: int
    exact: bool


def make_plan(request: LoadRequest, grids: Sequence[Grid], limits: Limits) -> Plan:
    """The cheapest calls that bring every missing cell of `grids` (one for each timeframe).

    Pure and deterministic: the same input gives the same plan and digest on every machine.
    """
    ordered = sorted(grids, key=lambda grid: ORDER.index(grid.timeframe))
    choices = [_choose(grid, limits) for grid in ordered]
    pairs = list(zip(ordered, choices, strict=True))
    calls = tuple(call for grid, choice in pairs for call in _calls(grid, choice))
    items = tuple(item for grid in ordered for item in _items(request.span, grid))
    paced = 60 * len(calls) / limits.calls_per_minute if limits.calls_per_minute else 0.0
    return Plan(
        request=request,
        calls=calls,
        items=items,
        skips=tuple(skip for grid in ordered for skip in _skips(grid, request.refresh)),
        expected_bars=sum(p.cells * BARS_PER_SESSION[p.call.timeframe] for p in calls),
        bytes=sum(_bytes(grid.timeframe, choice) for grid, choice in pairs),
        seconds=max(paced, sum(c.prices.seconds(c.price) for c in choices)),
        least_seconds=sum(c.prices.seconds(c.least) for c in choices),
        exact=all(c.exact for c in choices),
        digest=digest_of(request, calls, items, ordered),
    )


def _choose(grid: Grid, limits: Limits) -> Choice:
    if grid.timeframe is Timeframe.DAY and limits.market_day:
        return _choose_mixed(grid, limits)
    return _choose_tickers(grid, limits)


def _choose_tickers(grid: Grid, limits: Limits) -> Choice:
    """Ticker calls alone. No fewer are possible; they are exact when none fetches held bars."""
    prices = _fit_prices(grid, limits)
    windows = windows_over(grid.missing, *_reach(grid, limits, prices))
    price = int(_prices(windows, grid.timeframe, prices).sum())
    bare = Windows(windows.row, windows.start, windows.start + windows.cells, windows.cells)
    least = int(_prices(bare, grid.timeframe, prices).sum())
    exact = prices.seconds(price) <= prices.seconds(least)
    none = np.empty(0, np.int64)
    return Choice(none, none, windows, prices, price, least, exact)


def _choose_mixed(grid: Grid, limits: Limits) -> Choice:
    """Ticker calls and whole-market days, the cheapest mixture."""
    missing = grid.missing
    prices = _fit_prices(grid, limits)
    reach = _reach(grid, limits, prices)
    row_prices, calls = _row_prices(windows_over(missing, *reach), grid, prices)
    day_prices = prices.of(np.full(missing.columns, MARKET_DAY_BYTES))
    cover = minimum_cover(missing, row_prices, day_prices)
    least = cover.bound
    if (calls > 1).any():
        # Beside whole-market days such a row may need fewer calls than by itself: no fewer than 1.
        one_call = row_prices - (calls - 1).clip(0) * prices.per_call
        least = minimum_cover(missing, one_call, day_prices).bound
    days = np.flatnonzero(cover.columns)
    left = missing.without(np.zeros(len(missing), np.bool_), cover.columns)
    windows = windows_over(left, *reach)
    price = int(_prices(windows, grid.timeframe, prices).sum() + day_prices[days].sum())
    exact = cover.exact and prices.seconds(cover.cost) <= prices.seconds(least)
    counts = missing.column_counts()[days]
    return Choice(days, counts, windows, prices, price, min(least, price), exact)


def _fit_prices(grid: Grid, limits: Limits) -> Prices:
    """Prices by which all plans for this grid can be compared."""
    cells = int(np.count_nonzero(grid.missing.any_in_row())) * len(grid.days)
    most = cells * session_bytes(grid.timeframe) + len(grid.days) * MARKET_DAY_BYTES
    return prices_for(limits, most)


def _reach(grid: Grid, limits: Limits, prices: Prices) -> tuple[int, int]:
    """How many sessions a ticker call may span, and how many held ones in a row among them."""
    gap = prices.worthwhile_gap(grid.timeframe, len(grid.days))
    return width_of(grid.timeframe, limits), gap


def _prices(windows: Windows, timeframe: Timeframe, prices: Prices) -> Ints:
    return prices.of(windows.length * session_bytes(timeframe))


def _row_prices(windows: Windows, grid: Grid, prices: Prices) -> tuple[Ints, Ints]:
    """What each row costs when all of its windows are asked for, and how many they are."""
    total = np.zeros(len(grid.missing), np.int64)
    np.add.at(total, windows.row, _prices(windows, grid.timeframe, prices))
    return total, np.bincount(windows.row, minlength=len(grid.missing))


def _bytes(timeframe: Timeframe, choice: Choice) -> int:
    sessions = int(choice.windows.length.sum())
    return sessions * session_bytes(timeframe) + len(choice.days) * MARKET_DAY_BYTES


def _calls(grid: Grid, choice: Choice) -> Iterator[PlannedCall]:
    """Whole-market days by date, then ticker calls by symbol and time."""
    dates = [day_of(int(day)) for day in grid.days]
    for column, cells in zip(choice.days.tolist(), choice.day_cells.tolist(), strict=True):
        span = Span(dates[column], dates[column] + ONE_DAY)
        yield PlannedCall(Call(CallKind.MARKET_DAY, grid.timeframe, span), cells)
    found = choice.windows
    columns = (found.row, found.start, found.end, found.cells)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    symbols = [instrument.symbol for instrument in grid.instruments]
    for row, start, end, cells in sorted(rows, key=lambda r: (symbols[r[0]], r[1], r[0])):
        span = Span(dates[start], dates[end - 1] + ONE_DAY)
        yield PlannedCall(Call(CallKind.TICKER, grid.timeframe, span, symbols[row]), cells)


def _items(span: Span, grid: Grid) -> Iterator[Item]:
    expected, held = grid.expected.row_counts().tolist(), grid.held.row_counts().tolist()
    for instrument, wanted, have in zip(grid.instruments, expected, held, strict=True):
        yield Item(instrument.id, instrument.symbol, grid.timeframe, span, wanted, have)


def _skips(grid: Grid, refresh: bool) -> Iterable[Skip]:
    causes = NEVER_HELD if refresh else (*NEVER_HELD, *SETTLED)
    for cause, cells in grid.counts().items():
        if cause in causes:
            yield Skip(grid.timeframe, cause, cells, grid.examples(cause))
