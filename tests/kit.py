"""What several test files make: bars, answers, calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from tickstock.loading.plan import Item, Plan, PlannedCall
from tickstock.loading.request import LoadRequest
from tickstock.model import Answer, BarTable, Call, CallKind, Timeframe, epoch_day
from tickstock.sessions import shipped_calendar
from tickstock.spans import ONE_DAY, Span, days_of

CALENDAR = shipped_calendar()
SESSIONS = frozenset(CALENDAR.days.tolist())

Bar = tuple[str, int, float, float, float, float, float, float, int]
"""Ticker, at, open, high, low, close, volume, vwap, trades."""


def day(text: str) -> date:
    return date.fromisoformat(text)


def span(first: str, last: str = "") -> Span:
    return Span.inclusive(day(first), day(last or first))


def sessions(within: Span) -> list[date]:
    return [d for d in days_of(within) if epoch_day(d) in SESSIONS]


def bar(ticker: str, at: int | date, close: float = 10.0, **other: float) -> Bar:
    """A sound bar, or with `other` columns as given."""
    moment = epoch_day(at) if isinstance(at, date) else at
    found = {"open": close, "high": close + 1, "low": close - 1, "volume": 1000.0}
    found |= {"vwap": np.nan, "trades": -1} | other
    return (
        ticker,
        moment,
        found["open"],
        found["high"],
        found["low"],
        close,
        found["volume"],
        found["vwap"],
        int(found["trades"]),
    )


def table(bars: Sequence[Bar]) -> BarTable:
    """The bars in the order given."""
    tickers = tuple(dict.fromkeys(b[0] for b in bars))
    owner = np.array([tickers.index(b[0]) for b in bars], np.int64)
    columns = [np.array([b[i] for b in bars], np.float64) for i in range(2, 8)]
    at = np.array([b[1] for b in bars], np.int64)
    trades = np.array([b[8] for b in bars], np.int64)
    return BarTable(tickers, owner, at, *columns, trades)


def ticker_call(symbol: str, within: Span, timeframe: Timeframe = Timeframe.DAY) -> Call:
    return Call(CallKind.TICKER, timeframe, within, symbol)


def market_call(on: date) -> Call:
    return Call(CallKind.MARKET_DAY, Timeframe.DAY, Span(on, on + ONE_DAY))


def answer(
    call: Call, bars: Sequence[Bar] = (), origin: str = "massive", **other: object
) -> Answer:
    return Answer(call, table(bars), origin, **other)  # type: ignore[arg-type]


def plan(
    calls: Sequence[Call], instruments: dict[str, int], within: Span, *, refresh: bool = False
) -> Plan:
    """A plan of these calls for all these instruments, each call for one missing session."""
    timeframes = tuple(dict.fromkeys(c.timeframe for c in calls)) or (Timeframe.DAY,)
    expected = len(sessions(within))
    return Plan(
        request=LoadRequest("test", tuple(instruments), timeframes, within, refresh),
        calls=tuple(PlannedCall(c, 1) for c in calls),
        items=tuple(
            Item(i, s, t, within, expected, 0) for s, i in instruments.items() for t in timeframes
        ),
        skips=(),
        expected_bars=0,
        bytes=0,
        seconds=0.0,
        least_seconds=0.0,
        exact=True,
        digest="",
    )
