"""Which calls bring the missing sessions of one timeframe at the least price.

Two ways lead to a session: a ticker call over a window of its row, or its column for all tickers
at once (a whole-market answer, or the file of that day, whichever is cheaper). With the windows
that ticker calls alone would need, choosing is a cover (see `cover`), solved exactly.

Where one window spans a row's whole range, as for day bars, that is the cheapest there is.
Where a window's range is limited, others could be laid, and the exact problem is hard: then the
price found is the lower of the mixture and both pure strategies, and a lower bound is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tickstock.errors import BadInput
from tickstock.loading.bits import Bits
from tickstock.loading.cover import Cover, minimum_cover
from tickstock.loading.grid import Grid
from tickstock.loading.prices import (
    BYTES_PER_SECOND,
    FILE_BYTES,
    KILOBYTE,
    LATENCY,
    MARKET_DAY_BYTES,
    Prices,
    prices_for,
    session_bytes,
    width_of,
)
from tickstock.loading.windows import Windows, windows_over
from tickstock.model import MARKET, Flags, Ints, Limits, Timeframe, epoch_day

SLAB_WINDOWS = 16
"""Sessions are decided on for so many full windows at a time, which bounds the memory taken."""
NONE: Ints = np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class Choice:
    """The calls of one timeframe: sessions asked for all tickers, and ticker windows.

    `days` are columns of the grid, `files` flags those asked as files, `day_cells` counts the
    missing sessions of each. `least` is a lower bound of `price`; `exact` that it is reached.
    """

    days: Ints
    files: Flags
    day_cells: Ints
    windows: Windows
    prices: Prices
    price: int
    least: int
    exact: bool


@dataclass(frozen=True, eq=False)
class _Columns:
    """The price of each session for all tickers, whether that is a file, and where there is one."""

    price: Ints
    file: Flags
    can: Flags

    def part(self, start: int, end: int) -> _Columns:
        return _Columns(self.price[start:end], self.file[start:end], self.can[start:end])


@dataclass(frozen=True, eq=False)
class _Task:
    """What is missing, and the terms on which it can be had.

    `width` is how many sessions one ticker call may span, by the one that it begins with.
    """

    missing: Bits
    timeframe: Timeframe
    prices: Prices
    width: Ints
    gap: int
    columns: _Columns
    slab_windows: int

    def windows(self, missing: Bits) -> Windows:
        return windows_over(missing, self.width, self.gap)

    def window_prices(self, windows: Windows) -> Ints:
        return self.prices.of(windows.length * session_bytes(self.timeframe))

    @property
    def widest(self) -> int:
        return int(self.width.max(initial=1))

    def slabs(self) -> Iterator[_Task]:
        """The same task over some sessions after the other."""
        size, columns = self.slab_windows * self.widest, self.missing.columns
        if columns <= size:
            yield self
            return
        for start in range(0, columns, size):
            end = start + size
            yield replace(
                self,
                missing=self.missing.part(start, end),
                width=self.width[start:end],
                columns=self.columns.part(start, end),
            )


def choose(grid: Grid, limits: Limits, *, slab_windows: int = SLAB_WINDOWS) -> Choice:
    """The cheapest calls for all missing cells of `grid`.

    Raises:
        BadInput: the vendor has no way to bring some of them.
    """
    _refuse_other_days(grid, limits)
    task = _task(grid, limits, slab_windows)
    is_market = any(one.symbol == MARKET for one in grid.instruments)
    if is_market or not limits.ticker or grid.timeframe not in limits.timeframes:
        return _by_columns(task)
    if not task.columns.can.any():
        return _by_tickers(task)
    return _mixed(task)


def _task(grid: Grid, limits: Limits, slab_windows: int) -> _Task:
    cells = int(np.count_nonzero(grid.missing.any_in_row())) * len(grid.days)
    whole = MARKET_DAY_BYTES
    if limits.flat_days is not None and grid.timeframe in FILE_BYTES:
        whole += FILE_BYTES[grid.timeframe] + round(LATENCY * BYTES_PER_SECOND)
    prices = prices_for(limits, cells * session_bytes(grid.timeframe) + len(grid.days) * whole)
    return _Task(
        grid.missing,
        grid.timeframe,
        prices,
        _widths(grid, limits),
        prices.worthwhile_gap(grid.timeframe, len(grid.days)),
        _columns(grid, limits, prices),
        slab_windows,
    )


def _refuse_other_days(grid: Grid, limits: Limits) -> None:
    if limits.history is None:
        return
    first, end = epoch_day(limits.history.start), epoch_day(limits.history.end)
    wanted = grid.days[grid.missing.any_in_column()]
    if ((wanted < first) | (wanted >= end)).any():
        raise BadInput(
            f"This vendor has bars of {limits.history} alone.",
            "Ask for these days, or choose another vendor (TICKSTOCK_VENDOR).",
        )


def _widths(grid: Grid, limits: Limits) -> Ints:
    """How many sessions a ticker call may span, by the one that it begins with."""
    widths = np.full(len(grid.days), width_of(grid.timeframe, limits))
    if not limits.longest_days:
        return widths
    within = np.searchsorted(grid.days, grid.days + limits.longest_days) - np.arange(len(widths))
    fitting: Ints = np.minimum(widths, within)
    return fitting


def _columns(grid: Grid, limits: Limits, prices: Prices) -> _Columns:
    """The cheaper way to each session; a whole-market answer before a file of the same price."""
    count = len(grid.days)
    market = np.full(count, grid.timeframe is Timeframe.DAY and limits.market_day)
    file = np.zeros(count, np.bool_)
    if limits.flat_days is not None and grid.timeframe in FILE_BYTES:
        first, end = epoch_day(limits.flat_days.start), epoch_day(limits.flat_days.end)
        file = (grid.days >= first) & (grid.days < end)
    answer_price = int(prices.of(np.array([MARKET_DAY_BYTES]))[0])
    file_price = prices.of_file(grid.timeframe) if file.any() else answer_price
    use_file = file & (~market | (file_price < answer_price))
    return _Columns(np.where(use_file, file_price, answer_price), use_file, market | file)


# --- the strategies ------------------------------------------------------------------------
def _by_tickers(task: _Task) -> Choice:
    """Ticker calls alone. No fewer are possible; they are exact when none fetches held bars."""
    windows, prices = task.windows(task.missing), task.prices
    price = int(task.window_prices(windows).sum())
    bare = Windows(windows.row, windows.start, windows.start + windows.cells, windows.cells)
    least = int(task.window_prices(bare).sum())
    exact = prices.seconds(price) <= prices.seconds(least)
    return Choice(NONE, NONE.astype(np.bool_), NONE, windows, prices, price, least, exact)


def _by_columns(task: _Task) -> Choice:
    """All tickers of every session in which something is missing: there is no other way."""
    wanted = task.missing.any_in_column()
    if (wanted & ~task.columns.can).any():
        raise BadInput(
            f"This vendor has no {task.timeframe} bars for some of these days.",
            "Ask for other timeframes or days, or choose another vendor (TICKSTOCK_VENDOR).",
        )
    least = int(task.columns.price[wanted].sum())
    return _choice(task, wanted, least, exact=True)


def _mixed(task: _Task) -> Choice:
    """The cheapest cover; with windows of limited range, or a pure strategy where that is cheaper.

    A pure strategy can be cheaper for the windows being laid slab by slab.
    """
    slabs = list(task.slabs())
    covers = [_cover(slab) for slab in slabs]
    mixture = np.concatenate([cover.columns for cover in covers])
    if _one_window_a_row(task):
        return _choice(task, mixture, covers[0].bound, exact=covers[0].exact)
    nothing, all_ = np.zeros_like(mixture), task.missing.any_in_column() & task.columns.can
    columns = min([mixture, nothing, all_], key=lambda columns: _price(task, columns))
    least = sum(_least(slab, alone=len(slabs) == 1) for slab in slabs)
    exact = task.prices.seconds(_price(task, columns)) <= task.prices.seconds(least)
    return _choice(task, columns, least, exact=exact)


def _choice(task: _Task, columns: Flags, least: int, *, exact: bool) -> Choice:
    days = np.flatnonzero(columns)
    windows = task.windows(_left(task, columns))
    price = _price(task, columns)
    counts = task.missing.column_counts()[days]
    files = task.columns.file[days]
    return Choice(days, files, counts, windows, task.prices, price, min(least, price), exact)


def _price(task: _Task, columns: Flags) -> int:
    """What these columns cost, and windows over what they leave."""
    windows = task.windows(_left(task, columns))
    return int(task.window_prices(windows).sum() + task.columns.price[columns].sum())


def _left(task: _Task, columns: Flags) -> Bits:
    return task.missing.without(np.zeros(len(task.missing), np.bool_), columns)


def _one_window_a_row(task: _Task) -> bool:
    rows = task.windows(task.missing).row
    return task.missing.columns <= task.width[:1].sum() and not (np.diff(rows) == 0).any()


def _cover(task: _Task) -> Cover:
    """The cheapest choice among the windows that ticker calls alone would need, and the columns.

    Where a session cannot be had for all tickers, its windows are in every choice.
    """
    windows = task.windows(task.missing)
    pieces = _pieces(task.missing, windows.row, windows.start, windows.end)
    prices, can = task.window_prices(windows), task.columns.can
    forced = pieces.without(np.zeros(len(windows), np.bool_), can).any_in_row()
    cover = minimum_cover(pieces.without(forced, ~can), prices, task.columns.price)
    paid = int(prices[forced].sum())
    return Cover(cover.rows | forced, cover.columns, cover.cost + paid, cover.bound + paid)


def _pieces(missing: Bits, row: Ints, start: Ints, end: Ints) -> Bits:
    """One row for each range of columns of a row of `missing`: what is missing in it."""
    count = len(row)
    ranges = Bits.from_ranges(count, missing.columns, np.arange(count), start, end)
    return Bits(missing.packed[row], missing.columns) & ranges


# --- a lower bound -------------------------------------------------------------------------
def _least(task: _Task, *, alone: bool) -> int:
    """No calls, however laid, cost less.

    A window pays for a call and for the bytes of each missing cell in it; a column pays once. Let
    each cell first be paid for its bytes, as far as its column's price allows. What is left
    to pay is a call for a window or the rest of a column's price. Of a window, which may begin
    anywhere, at most two blocks of the greatest width are touched: half a call for each block is
    no more than it costs. Where the task is `alone`, a call for each row is no more either.
    """
    missing, per_call = task.missing, task.prices.per_call
    bytes_ = missing.column_counts() * (session_bytes(task.timeframe) // KILOBYTE)
    never = per_call * len(missing) * (missing.columns // task.widest + 1) + 1
    price = np.where(task.columns.can, task.columns.price, bytes_ + never)
    rest = np.maximum(price - bytes_, 0)
    bounds = [0]
    if alone:
        bounds.append(minimum_cover(missing, np.full(len(missing), per_call), rest).bound)
    starts = np.arange(0, missing.columns, task.widest)
    if len(starts) > 1 or not alone:
        row = np.repeat(np.arange(len(missing)), len(starts))
        start = np.tile(starts, len(missing))
        blocks = _pieces(missing, row, start, start + task.widest)
        bounds.append(minimum_cover(blocks, np.full(len(blocks), per_call // 2), rest).bound)
    return int(np.minimum(price, bytes_).sum()) + max(bounds)
