"""Checks of bars, and weeks and months out of days, against plain Python."""

import math
from datetime import date, timedelta
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit import bar, span, table
from tickstock.bars import ANOTHER_FIRM, JUMP, NEXT_DAYS, doubtful, doubts, impossible, resampled
from tickstock.model import BarTable, Timeframe, epoch_day
from tickstock.spans import day_of
from tickstock.vendors.replay.recorded import shipped_bars

DAY = date(2024, 7, 1)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"open": 0.0}, "open is not above zero"),
        ({"low": -0.01}, "low is not above zero"),
        ({"volume": -1.0}, "volume is below zero"),
        ({"high": 9.0, "low": 9.5}, "high is below low"),
        ({"high": math.inf}, "not a finite number"),
        ({"open": math.nan}, "not a finite number"),
        ({"volume": math.nan}, "not a finite number"),
        ({"low": -math.inf}, "not a finite number"),
    ],
)
def test_what_no_market_can_print(wrong, reason):
    flags, reasons = impossible(table([bar("A", DAY), bar("A", DAY, **wrong), bar("B", DAY)]))
    assert flags.tolist() == [False, True, False]
    assert reasons == (reason,)


@pytest.mark.parametrize(
    "odd", [{"high": 9.5}, {"low": 10.5}, {"volume": 0.0}, {"vwap": 900.0}, {"volume": 0.25}]
)
def test_what_a_market_may_print_is_kept(odd):
    assert not impossible(table([bar("A", DAY, **odd)]))[0].any()


def test_doubtful_is_a_high_or_low_that_the_open_or_close_denies():
    bars = [bar("A", DAY), bar("A", DAY, high=9.5, low=9.0), bar("A", DAY, low=10.5)]
    assert doubtful(table(bars)).tolist() == [False, True, True]


WICK, SPIKE, MEAN = "low far below open and close", "high far above open and close", "vwap"


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ({"high": 15.0}, SPIKE), ({"low": 0.01}, WICK), ({"vwap": 900.0}, MEAN),
        ({"vwap": 0.0}, MEAN), ({"vwap": 5.0}, MEAN), ({"high": 13.0}, ""), ({"low": 7.5}, ""),
        ({"vwap": 11.5}, ""), ({"vwap": 0.0, "volume": 0.0}, ""), ({}, ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("timeframe", [Timeframe.DAY, Timeframe.MINUTE])
def test_a_price_far_from_all_others_of_its_bar_is_a_doubt(odd, reason, timeframe):
    found = doubts(table([bar("A", DAY, **odd)]), timeframe)
    assert [d.reason.startswith(reason) for d in found] == [True] * bool(reason)


def test_a_jump_after_a_long_gap_is_perhaps_another_firm():
    def reasons(days):
        then = bar("A", DAY + timedelta(days=days), 2.0, high=2.1, low=1.9)
        bars = [bar("A", DAY), then]
        return [d.reason for d in doubts(table([*bars, bar("B", DAY, 90.0)]), Timeframe.DAY)]

    assert reasons(NEXT_DAYS) == [JUMP]
    assert reasons(NEXT_DAYS + 1) == [ANOTHER_FIRM]
    assert reasons(3000) == [ANOTHER_FIRM]


def test_false_alarms_on_real_bars():
    """Of 12,154 bars one is doubtful, besides the days of splits: the fall of AAPL by 47 % on a
    profit warning. docs/explanation/actions.md has the figures."""
    real = shipped_bars()
    found = []
    for symbol in ("AAPL", "FB", "GOOG", "IBM", "MSFT"):
        bars = real.of(symbol, span("2000-01-01", "2013-12-31"))
        found += [
            (symbol, str(day_of(int(bars.at[d.row]))), d.reason)
            for d in doubts(bars, Timeframe.DAY)
        ]
    splits = [("AAPL", "2000-06-21"), ("AAPL", "2005-02-28"), ("MSFT", "2003-02-18")]
    assert sorted(found) == sorted(
        [*((s, d, JUMP) for s, d in splits), ("AAPL", "2000-09-29", JUMP)]
    )


def test_no_bars_are_neither():
    flags, reasons = impossible(BarTable.empty())
    assert (len(flags), reasons, len(doubtful(BarTable.empty()))) == (0, (), 0)
    assert len(resampled(BarTable.empty(), Timeframe.WEEK)) == 0


def start(day: date, timeframe: Timeframe) -> date:
    if timeframe is Timeframe.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1)


def model(bars, timeframe):
    """Weeks or months, bar by bar."""
    found = []
    for (ticker, period), group in groupby(bars, lambda b: (b[0], start(day_of(b[1]), timeframe))):
        days = list(group)
        weighed = [b for b in days if not math.isnan(b[7])]
        weight = sum(b[6] for b in weighed)
        vwap = sum(b[7] * b[6] for b in weighed) / weight if weight > 0 else math.nan
        counted = [b[8] for b in days if b[8] >= 0]
        found.append((ticker, epoch_day(period), days[0][2], max(b[3] for b in days),
                      min(b[4] for b in days), days[-1][5], sum(b[6] for b in days), vwap,
                      sum(counted) if counted else -1))  # fmt: skip
    return found


def rows(bars):
    columns = (getattr(bars, c).tolist() for c in
               ("at", "open", "high", "low", "close", "volume", "vwap", "trades"))  # fmt: skip
    names = [bars.tickers[o] for o in bars.owner.tolist()]
    return list(zip(names, *columns, strict=True))


PRICE, COUNT = st.integers(1, 10_000).map(lambda n: n / 4), st.integers(0, 10**6).map(float)
DAYS = st.dates(date(1968, 1, 1), date(2030, 1, 1))
ANY = st.builds(
    lambda t, d, c, v, w, n: bar(t, d, c, volume=v, vwap=w, trades=n),
    st.sampled_from("AB"), DAYS, PRICE, COUNT, PRICE | st.just(math.nan), st.integers(-1, 99),
)  # fmt: skip


@pytest.mark.parametrize("timeframe", [Timeframe.WEEK, Timeframe.MONTH])
@given(bars=st.lists(ANY, min_size=1, max_size=40, unique_by=lambda b: b[:2]))
def test_resampling_is_what_plain_python_says(timeframe, bars):
    bars = sorted(bars)
    got, wanted = rows(resampled(table(bars), timeframe)), model(bars, timeframe)
    assert [r[:2] for r in got] == [r[:2] for r in wanted]
    np.testing.assert_allclose([r[2:] for r in got], [r[2:] for r in wanted], rtol=1e-12)


def test_a_week_is_named_by_its_monday_and_a_month_by_its_first():
    days = [date(2024, 12, 30), date(2024, 12, 31), date(2025, 1, 2), date(2025, 1, 3)]
    bars = table([bar("A", d) for d in days])
    assert [day_of(d) for d in resampled(bars, Timeframe.WEEK).at.tolist()] == [date(2024, 12, 30)]
    months = resampled(bars, Timeframe.MONTH)
    assert [day_of(d) for d in months.at.tolist()] == [date(2024, 12, 1), date(2025, 1, 1)]


def test_two_tickers_in_one_week_stay_apart():
    both = table([bar("A", DAY, 1.5), bar("B", DAY, 2.5)])
    assert resampled(both, Timeframe.WEEK).close.tolist() == [1.5, 2.5]
