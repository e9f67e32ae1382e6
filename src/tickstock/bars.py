"""Is this set of bars sound? Pure, over columns."""

from __future__ import annotations

import numpy as np

from tickstock.model import PRICES, BarTable, Flags, Ints, Timeframe


def impossible(bars: BarTable) -> tuple[Flags, tuple[str, ...]]:
    """Which bars cannot be true, and why (one reason for each flagged bar, in order).

    A price must be above zero, a volume not below it, and a high not below its low: no market
    can print otherwise. A high below the open or the close does occur in vendors' data (bad
    prints) and is doubtful, not impossible: see `doubtful`.
    """
    reasons = np.full(len(bars), "", dtype=object)
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(bars.volume)
        for name in PRICES:
            column = getattr(bars, name)
            finite &= np.isfinite(column)
            reasons[column <= 0] = f"{name} is not above zero"
        reasons[bars.volume < 0] = "volume is below zero"
        reasons[bars.high < bars.low] = "high is below low"
    reasons[~finite] = "not a finite number"
    flags: Flags = reasons != ""
    return flags, tuple(str(r) for r in reasons[flags])


def doubtful(bars: BarTable) -> Flags:
    """Bars whose high is below open or close, or whose low is above one of them."""
    top = np.maximum(bars.open, bars.close)
    bottom = np.minimum(bars.open, bars.close)
    flags: Flags = (bars.high < top) | (bars.low > bottom)
    return flags


def resampled(bars: BarTable, timeframe: Timeframe) -> BarTable:
    """Week or month bars out of day bars, which must be ordered by ticker and time.

    A week is named by its Monday, a month by its first day, as days since 1970-01-01. `vwap` is
    the volume-weighted mean of the days that have one; `trades` their sum. A part of the
    period that is not in `bars` is not in the result either.
    """
    if not len(bars):
        return bars
    period = _monday(bars.at) if timeframe is Timeframe.WEEK else _month_start(bars.at)
    edges = (np.diff(bars.owner) != 0) | (np.diff(period) != 0)
    first = np.concatenate(([0], np.flatnonzero(edges) + 1))
    last = np.append(first[1:], len(bars)) - 1
    weighted = np.where(np.isnan(bars.vwap), 0.0, bars.vwap * bars.volume)
    weight = np.add.reduceat(np.where(np.isnan(bars.vwap), 0.0, bars.volume), first)
    with np.errstate(invalid="ignore", divide="ignore"):
        vwap = np.add.reduceat(weighted, first) / np.where(weight > 0, weight, np.nan)
    counted = np.add.reduceat(np.maximum(bars.trades, 0), first)
    any_counted = np.maximum.reduceat(bars.trades, first) >= 0
    return BarTable(
        bars.tickers,
        bars.owner[first],
        period[first],
        bars.open[first],
        np.maximum.reduceat(bars.high, first),
        np.minimum.reduceat(bars.low, first),
        bars.close[last],
        np.add.reduceat(bars.volume, first),
        vwap,
        np.where(any_counted, counted, -1),
    )


def _monday(days: Ints) -> Ints:
    """1970-01-01 was a Thursday: three days after a Monday."""
    return days - (days + 3) % 7


def _month_start(days: Ints) -> Ints:
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    starts: Ints = months.astype("datetime64[D]").astype(np.int64)
    return starts
