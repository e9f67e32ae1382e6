"""Bars for any symbol without a vendor: synthetic, believable, and the same every time.

The logarithm of a price is a random walk in market time, built by the Lévy-Ciesielski
construction: a sum of tents of halving width whose heights are hashes of (symbol, width, place).
So the price at any moment is computed alone, and a bar depends on nothing but its symbol and its
session: not on the span that was asked, nor on where the calendar begins. Day, hour and minute
bars of a session open and close at the same prices.

Symbols that begin with `ZZ` have no bars, so that an unknown symbol can be shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np

from tickstock.clock import epoch_now
from tickstock.errors import VendorRefused
from tickstock.identity import identities, shipped_events
from tickstock.model import Answer, BarTable, Call, CallKind, Floats, Ints, Timeframe, epoch_day
from tickstock.sessions import Calendar
from tickstock.spans import Span
from tickstock.vendors import Gate, Limits
from tickstock.vendors.calls import checked
from tickstock.vendors.origin import SYNTHETIC
from tickstock.vendors.synthetic.noise import Words, noise, seed_of, walk

UNKNOWN_PREFIX = "ZZ"

_STEP = {Timeframe.HOUR: 3600, Timeframe.MINUTE: 60}
_FULL_SESSION = 390 * 60
_OPEN_SHARE = 0.7  # of a day's variance falls into the session, the rest into the night


class SyntheticSource:
    """A `BarSource` of synthetic bars. `symbols` is its listing, for whole-market calls.

    Only sessions that have closed by `now` (epoch seconds) hold bars.
    """

    def __init__(
        self,
        calendar: Calendar,
        symbols: Iterable[str] = (),
        *,
        limits: Limits | None = None,
        now: Callable[[], float] = epoch_now,
    ) -> None:
        self.name = SYNTHETIC
        self._calendar = calendar
        self._symbols = tuple(sorted(set(symbols)))
        self._now = now
        self.limits = limits or Limits(publication_lag=timedelta(0), market_day=bool(self._symbols))

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        """The bars of `call`.

        Raises:
            BadInput: see `wire.checked`.
            VendorRefused: the whole market, from a source without a listing.
        """
        checked(call)
        await gate.enter()
        whole = call.kind is CallKind.MARKET_DAY
        if whole and not self._symbols:
            raise VendorRefused("This synthetic source has no listing.", "Ask for single symbols.")
        symbols = self._symbols if whole else (call.symbol,)
        bars = synthetic_bars(symbols, call.timeframe, call.span, self._calendar, self._now())
        return Answer(call, bars, SYNTHETIC)

    async def close(self) -> None:
        return


def synthetic_bars(
    symbols: Iterable[str], timeframe: Timeframe, span: Span, calendar: Calendar, now: float
) -> BarTable:
    """Bars of `symbols` (sorted, distinct) for the sessions of `span` that closed by `now`."""
    known = tuple(s for s in symbols if s and not s.startswith(UNKNOWN_PREFIX))
    when = _intervals(timeframe, span, calendar, now)
    if not known or not len(when.at):
        return BarTable.empty()
    firms = _firms()
    seeds = np.array([seed_of(firms.get(s, s)) for s in known], np.uint64)[:, None]
    columns = _columns(seeds, when)
    owner = np.repeat(np.arange(len(known), dtype=np.int64), len(when.at))
    return BarTable(known, owner, np.tile(when.at, len(known)), *(c.ravel() for c in columns))


@dataclass(frozen=True, slots=True)
class _Intervals:
    """What each bar spans: `left` to `right` as shares of a full session of `day`."""

    at: Ints
    day: Ints
    left: Floats
    right: Floats


def _intervals(timeframe: Timeframe, span: Span, calendar: Calendar, now: float) -> _Intervals:
    edges = np.array([epoch_day(span.start), epoch_day(span.end)])
    begin, stop = (int(n) for n in np.searchsorted(calendar.days, edges))
    stop = max(begin, min(stop, int(np.searchsorted(calendar.closes, int(now), side="right"))))
    days, opens, closes = (
        column[begin:stop] for column in (calendar.days, calendar.opens, calendar.closes)
    )
    if timeframe is Timeframe.DAY:
        return _Intervals(days, days, np.zeros(len(days)), (closes - opens) / _FULL_SESSION)
    step = _STEP[timeframe]
    start = opens - opens % step  # the hour of the open is cut by it, as at the vendor's
    counts = -((start - closes) // step)
    which = np.repeat(np.arange(len(days)), counts)
    place = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    at = start[which] + place * step
    opened, closed = opens[which], closes[which]
    left = (np.maximum(at, opened) - opened) / _FULL_SESSION
    right = (np.minimum(at + step, closed) - opened) / _FULL_SESSION
    return _Intervals(at, days[which], left, right)


def _columns(seeds: Words, when: _Intervals) -> tuple[Any, ...]:
    """Open, high, low, close, volume, vwap and trades: one row a symbol, one column a bar."""
    swing = 0.014 * np.exp(0.3 * noise(seeds, "swing"))  # a day's standard deviation
    base = 45.0 * np.exp(0.8 * noise(seeds, "base"))
    edges = np.concatenate([when.day + _OPEN_SHARE * x for x in (when.left, when.right)])
    prices = np.maximum(base * np.exp(swing * walk(seeds, edges)), 1.0)
    opened, closed = np.split(np.round(prices, 2), 2, axis=1)
    reach = 0.5 * swing * np.sqrt(when.right - when.left)
    high = np.maximum(opened, closed) * (1 + reach * np.abs(noise(seeds, "high", when.at)))
    low = np.minimum(opened, closed) * (1 - reach * np.abs(noise(seeds, "low", when.at)))
    high, low = np.round(high, 2), np.round(low, 2)
    volume = _volume(seeds, when)
    vwap = np.round((opened + high + low + closed) / 4, 4)
    return opened, high, low, closed, volume, vwap, (volume // 120 + 1).astype(np.int64)


def _volume(seeds: Words, when: _Intervals) -> Floats:
    """Shares: a level per symbol, busier and quieter days, and the U shape within a day."""
    usual = np.exp(13.5 + 1.1 * noise(seeds, "volume"))
    busy = np.exp(0.35 * noise(seeds, "busy", when.day) + 0.1 * noise(seeds, "mood", when.at))
    whole: Floats = np.floor(usual * busy * (_done(when.right) - _done(when.left))) + 1
    return whole


def _done(share: Floats) -> Floats:
    """How much of a day's volume has been traded when `share` of the session has passed."""
    return (share + ((2 * share - 1) ** 3 + 1) / 4) / 1.5


@cache
def _firms() -> dict[str, str]:
    """Ticker → the last ticker of the firm that alone ever had it: a rename makes no jump."""
    owners: dict[str, set[str]] = defaultdict(set)
    for one in identities(shipped_events()):
        for ticker in one.tickers:
            owners[ticker.symbol].add(one.tickers[-1].symbol)
    return {ticker: last for ticker, lasts in owners.items() if len(lasts) == 1 for last in lasts}
