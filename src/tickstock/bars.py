"""Is this set of bars sound? Pure, over columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tickstock.model import PRICES, BarTable, Flags, Ints, Timeframe


def impossible(bars: BarTable) -> tuple[Flags, tuple[str, ...]]:
    """Which bars cannot be true, and why (one reason for each flagged bar, in order).

    A price must be above zero, a volume not below it, and a high not below its low: no market
    can print otherwise. A high below the open or the close does occur in vendors' data (bad
    prints) and is doubtful, not impossible: see `doubtful`.
    """
    with np.errstate(invalid="ignore"):
        found = {f"{name} is not above zero": getattr(bars, name) <= 0 for name in PRICES}
        found["volume is below zero"] = bars.volume < 0
        found["high is below low"] = bars.high < bars.low
    finite = np.isfinite(bars.volume)
    for name in PRICES:
        finite &= np.isfinite(getattr(bars, name))
    found["not a finite number"] = ~finite
    flags: Flags = np.logical_or.reduce([*found.values()])
    reasons = np.full(int(flags.sum()), "", dtype=object)
    for reason, which in found.items():  # of several the last one is told
        reasons[which[flags]] = reason
    return flags, tuple(str(r) for r in reasons)


HIGH, LOW, HIGH_WICK, LOW_WICK, VWAP, REPEATED, JUMP, ANOTHER_FIRM, DISAGREE = (
    "high below open or close",
    "low above open or close",
    "high far above open and close",
    "low far below open and close",
    "vwap far outside of low and high",
    "repeats the bar before",
    "opens far from the close before",
    "perhaps another firm: opens far from the close before a long gap",
    "two answers of the vendor disagree",
)
"""What may be wrong with a bar that is kept."""
FAR = 0.35
"""The logarithm of a move between two sessions that asks for an explanation: -30 %, +42 %. Also of
a wick: the longest of 12,154 real day bars is 0.21, on the day of the crash of May 2010."""
OUTSIDE = 0.1
"""The logarithm by which a vwap may lie outside of low and high. Trades outside of the session
count in it, and not in low and high: after bad news these may be many and far below."""
NEXT_DAYS = 10
"""Days after which a bar is no longer compared with the one before."""


SAME_PRICE, SAME_VOLUME = 1e-6, 0.01
"""By so much, relatively, two answers for one bar may differ: prices as they are rounded, a volume
as trades come in late."""


def disagreement(one: Sequence[float], other: Sequence[float]) -> str:
    """What differs between two bars of one cell, each open, high, low, close and volume, as
    `close 10 and 10.5`; empty where nothing does."""
    within = (*(SAME_PRICE for _ in PRICES), SAME_VOLUME)
    rows = zip((*PRICES, "volume"), one, other, within, strict=True)
    told = [
        f"{name} {a:.10g} and {b:.10g}" for name, a, b, most in rows
        if abs(a - b) > most * max(abs(a), abs(b))
    ]  # fmt: skip
    return ", ".join(told)


def doubtful(bars: BarTable) -> Flags:
    """Bars whose high is below open or close, or whose low is above one of them."""
    denied = _denied(bars)
    return denied[HIGH] | denied[LOW]


def _denied(bars: BarTable) -> dict[str, Flags]:
    top, bottom = np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close)
    return {HIGH: bars.high < top, LOW: bars.low > bottom}


def doubts(bars: BarTable, timeframe: Timeframe, explained: Flags | None = None) -> list[BarDoubt]:
    """The bars that somebody should look at; sorted by ticker and time they must be.

    `explained` flags day bars whose jump has a known cause, as a split has that was executed that
    day. A bar of one price, or of no volume, may repeat the one before honestly.
    """
    repeated = _follows(bars, timeframe) & (bars.high > bars.low) & (bars.volume > 0)
    for name in (*PRICES, "volume"):
        column = getattr(bars, name)
        repeated &= np.concatenate(([False], column[1:] == column[:-1]))
    found = _denied(bars) | _wicks(bars) | {REPEATED: repeated}
    moves = np.zeros(len(bars))
    if timeframe is Timeframe.DAY and len(bars):
        moves[1:] = np.log(bars.open[1:] / bars.close[:-1])
        jumps = np.abs(moves) > FAR
        near = _follows(bars, timeframe)
        found[JUMP] = jumps & near if explained is None else jumps & near & ~explained
        found[ANOTHER_FIRM] = jumps & ~near & np.append(False, np.diff(bars.owner) == 0)
    return [
        BarDoubt(
            row, reason, f"{np.expm1(moves[row]):+.0%}" if reason in (JUMP, ANOTHER_FIRM) else ""
        )
        for reason, flags in found.items()
        for row in np.flatnonzero(flags).tolist()
    ]


def _wicks(bars: BarTable) -> dict[str, Flags]:
    """Bars with one price, or a mean price, that is far from all others of theirs."""
    with np.errstate(divide="ignore", invalid="ignore"):
        above = np.log(bars.high / np.maximum(bars.open, bars.close))
        below = np.log(np.minimum(bars.open, bars.close) / bars.low)
        outside = (bars.vwap > bars.high * np.exp(OUTSIDE)) | (
            bars.vwap < bars.low * np.exp(-OUTSIDE)
        )
    return {HIGH_WICK: above > FAR, LOW_WICK: below > FAR, VWAP: outside & (bars.volume > 0)}


@dataclass(frozen=True, slots=True)
class BarDoubt:
    """What may be wrong with the bar in `row`."""

    row: int
    reason: str
    detail: str = ""


def _follows(bars: BarTable, timeframe: Timeframe) -> Flags:
    """Bars before which, not long ago, there is another one of the same ticker."""
    unit = 1 if timeframe is Timeframe.DAY else 86_400
    near = (np.diff(bars.owner) == 0) & (np.diff(bars.at) <= NEXT_DAYS * unit)
    flags: Flags = np.concatenate(([False] * min(len(bars), 1), near))
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
