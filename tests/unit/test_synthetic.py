"""Synthetic bars: the same for ever, independent of what was asked, and believable."""

import itertools
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickstock.model import COLUMNS, BarTable, Timeframe, epoch_day
from tickstock.sessions import shipped_calendar
from tickstock.spans import Span
from tickstock.vendors.synthetic.source import synthetic_bars

NOW = datetime(2025, 6, 2, 12, tzinfo=UTC).timestamp()
CALENDAR = shipped_calendar()
YEAR = Span.inclusive(date(2024, 1, 1), date(2024, 12, 31))
PINNED = [19907.0, 51.89, 52.36, 51.06, 51.74, 434220.0, 51.7625, 3619.0]


def bars(
    *symbols: str, timeframe: Timeframe = Timeframe.DAY, span: Span = YEAR, now: float = NOW
) -> BarTable:
    return synthetic_bars(symbols, timeframe, span, CALENDAR, now)


def same(a: BarTable, b: BarTable) -> bool:
    return all(np.array_equal(getattr(a, c), getattr(b, c)) for c in COLUMNS)


def test_bars_are_the_same_for_ever() -> None:
    """Stored bars are compared with these by people's databases: a change would rewrite them."""
    one = bars("SPY", span=Span.inclusive(date(2024, 7, 3), date(2024, 7, 3)))
    assert [float(getattr(one, c)[0]) for c in COLUMNS[1:]] == PINNED


def test_every_session_has_one_bar() -> None:
    start, end = CALENDAR.between(YEAR)
    assert end - start == 252
    assert bars("SPY").at.tolist() == CALENDAR.days[start:end].tolist()


@settings(max_examples=40)
@given(
    st.sampled_from([Timeframe.DAY, Timeframe.HOUR, Timeframe.MINUTE]),
    st.dates(date(2023, 12, 20), date(2025, 1, 10)),
    st.integers(0, 12),
)
def test_a_bar_does_not_depend_on_the_asked_span(frame: Timeframe, start: date, days: int) -> None:
    span = Span(start, start + timedelta(days))
    wide = Span(start - timedelta(5), start + timedelta(days + 5))
    some, more = (bars("SPY", timeframe=frame, span=s) for s in (span, wide))
    assert same(some, more.rows(np.isin(more.at, some.at)))


def test_a_bar_does_not_depend_on_its_neighbours() -> None:
    together = bars("AAA", "KIMpL", "SPY")
    for i, symbol in enumerate(together.tickers):
        alone = bars(symbol)
        assert np.array_equal(alone.close, together.close[together.owner == i])


def test_symbols_differ_also_by_case() -> None:
    closes = [bars(s).close for s in ("KIMpL", "KIMPL", "SPY", "QQQ")]
    assert all(abs(np.corrcoef(a, b)[0, 1]) < 1 for a, b in itertools.pairwise(closes))
    assert len({float(c[0]) for c in closes}) == 4


@pytest.mark.parametrize("frame", [Timeframe.DAY, Timeframe.HOUR, Timeframe.MINUTE])
def test_bars_are_sound(frame: Timeframe) -> None:
    table = bars("A", "BRK.B", "MSFT", "SPY", timeframe=frame)
    assert (table.low >= 0.01).all()
    assert (table.high >= np.maximum(table.open, table.close)).all()
    assert (table.low <= np.minimum(table.open, table.close)).all()
    assert ((table.low <= table.vwap) & (table.vwap <= table.high)).all()
    assert (table.volume >= 1).all()
    assert (table.trades >= 1).all()
    assert np.array_equal(table.close, np.round(table.close, 2))


def test_a_year_looks_like_a_year_of_a_stock() -> None:
    """Yearly volatility between 10 and 90 %, no day beyond 25 %, returns without a pattern."""
    table = bars(*(f"S{i:03}" for i in range(100)))
    returns = np.diff(np.log(table.close.reshape(100, -1)), axis=1)
    yearly = returns.std(axis=1) * 252**0.5
    assert (yearly > 0.1).all()
    assert (yearly < 0.9).all()
    assert np.abs(returns).max() < 0.25
    followed = np.corrcoef(returns[:, 1:].ravel(), returns[:, :-1].ravel())[0, 1]
    assert abs(followed) < 0.05


def test_half_days_are_shorter_and_quieter() -> None:
    half = Span.inclusive(date(2024, 7, 3), date(2024, 7, 3))
    full = Span.inclusive(date(2024, 7, 2), date(2024, 7, 2))
    for frame, counts in ((Timeframe.MINUTE, (210, 390)), (Timeframe.HOUR, (4, 7))):
        assert tuple(len(bars("SPY", timeframe=frame, span=s)) for s in (half, full)) == counts
    names = [f"S{i}" for i in range(200)]
    quiet, usual = (bars(*names, span=s).volume.sum() for s in (half, full))
    assert quiet < 0.75 * usual


def test_timeframes_agree_on_opens_and_closes() -> None:
    span = Span.inclusive(date(2024, 7, 2), date(2024, 7, 3))
    days = bars("SPY", span=span)
    for frame in (Timeframe.HOUR, Timeframe.MINUTE):
        parts = bars("SPY", timeframe=frame, span=span)
        session = CALENDAR.days[CALENDAR.sessions_of(parts.at)]
        for day, opened, closed in zip(days.at, days.open, days.close, strict=True):
            of_day = np.flatnonzero(session == day)
            assert (parts.open[of_day[0]], parts.close[of_day[-1]]) == (opened, closed)


def test_hours_begin_on_the_hour() -> None:
    hours = bars(
        "SPY", timeframe=Timeframe.HOUR, span=Span.inclusive(date(2024, 7, 2), date(2024, 7, 2))
    )
    assert (hours.at % 3600 == 0).all()
    assert datetime.fromtimestamp(int(hours.at[0]), UTC) == datetime(2024, 7, 2, 13, tzinfo=UTC)


def test_a_session_has_bars_once_it_is_closed() -> None:
    today = Span.inclusive(date(2025, 6, 2), date(2025, 6, 2))
    close = datetime(2025, 6, 2, 20, tzinfo=UTC).timestamp()
    assert len(bars("SPY", span=today, now=close - 1)) == 0
    assert len(bars("SPY", span=today, now=close)) == 1


def test_symbols_that_begin_with_zz_are_unknown() -> None:
    assert len(bars("ZZTOP")) == 0
    assert bars("AAA", "ZZTOP").tickers == ("AAA",)


def test_days_outside_the_calendar_have_no_bars() -> None:
    assert len(bars("SPY", span=Span(date(1950, 1, 1), date(1950, 2, 1)))) == 0
    assert (
        epoch_day(CALENDAR.day(0))
        == bars("SPY", span=Span(date(1950, 1, 1), date(1990, 2, 1))).at[0]
    )


def test_a_rename_makes_no_jump() -> None:
    """BK became BNY on 2026-05-21: one firm, and one walk."""
    days = Span.inclusive(date(2025, 5, 19), date(2025, 5, 30))
    calendar = shipped_calendar()
    old, new = (
        synthetic_bars([ticker], Timeframe.DAY, days, calendar, NOW) for ticker in ("BK", "BNY")
    )
    assert old.close.tolist() == new.close.tolist()
    other = synthetic_bars(["FB"], Timeframe.DAY, days, calendar, NOW)
    meta = synthetic_bars(["META"], Timeframe.DAY, days, calendar, NOW)
    assert other.close.tolist() != meta.close.tolist(), "another firm has the ticker now"
