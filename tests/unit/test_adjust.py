"""Prices across splits and dividends: the arithmetic, and the original data set's own figures."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit import bar, day, table
from tickstock.actions import Adjust
from tickstock.adjust import Closes, PriceFactor, adjusted, dividend_factor, factors
from tickstock.bars import resampled
from tickstock.crosscheck import judge
from tickstock.model import BarTable, Timeframe, epoch_day
from tickstock.spans import Span
from tickstock.vendors.replay.recorded import SHIPPED, shipped_bars
from tickstock.vendors.replay.recorded_actions import read_actions

DATA = Path(__file__).parents[1] / "data"
EVER = Span(day("1990-01-01"), day("2020-01-01"))


def number(text: str) -> int:
    return epoch_day(day(text))


def test_a_split_scales_prices_before_it_and_volume_the_other_way() -> None:
    bars = table([bar("AAPL", day("2005-02-25"), 88.99), bar("AAPL", day("2005-02-28"), 44.86)])
    made = adjusted(bars, bars.at, [PriceFactor(0, number("2005-02-28"), 0.5, 2.0)])
    assert made.close.tolist() == [44.495, 44.86]
    assert made.high.tolist() == [89.99 * 0.5, 45.86]
    assert made.volume.tolist() == [2000.0, 1000.0]
    assert made.trades.tolist() == bars.trades.tolist()


def test_a_distribution_leaves_volume_alone() -> None:
    bars = table([bar("KO", day("2024-03-13"), 60.0), bar("KO", day("2024-03-14"), 59.5)])
    factor = dividend_factor(0.5, 60.0)
    made = adjusted(bars, bars.at, [PriceFactor(0, number("2024-03-14"), factor)])
    assert made.close.tolist() == [pytest.approx(59.5), 59.5]
    assert made.volume.tolist() == [1000.0, 1000.0]


def test_steps_belong_to_their_owner_alone() -> None:
    rows = [("A", "2020-01-02"), ("A", "2020-01-03"), ("B", "2020-01-02"), ("B", "2020-01-03")]
    bars = table([bar(ticker, day(text), 8.0) for ticker, text in rows])
    split = PriceFactor(1, number("2020-01-03"), 0.25, 4.0)
    assert adjusted(bars, bars.at, [split]).close.tolist() == [8.0, 8.0, 2.0, 8.0]
    assert adjusted(bars, bars.at, []).close.tolist() == [8.0] * 4
    assert bars.close.tolist() == [8.0] * 4, "what was handed in stays"
    assert adjusted(bars, bars.at, [split], in_place=True) is bars
    assert bars.close.tolist() == [8.0, 8.0, 2.0, 8.0]


steps = st.lists(
    st.builds(
        PriceFactor,
        st.integers(0, 2),
        st.integers(0, 30),
        st.sampled_from([0.5, 0.25, 3.0]),
        st.sampled_from([2.0, 1.0]),
    ),
    max_size=8,
)


@given(steps, st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30)), max_size=20))
def test_a_factor_is_the_product_of_all_later_steps(
    given_steps: list[PriceFactor], rows: list[tuple[int, int]]
) -> None:
    owner, days = np.array(rows, np.int64).reshape(-1, 2).T
    which, *of_steps = factors(owner, days, given_steps)
    price, volume = np.ones(len(rows)), np.ones(len(rows))
    price[which], volume[which] = of_steps
    for i, (o, d) in enumerate(rows):
        later = [s for s in given_steps if s.owner == o and s.day > d]
        assert price[i] == np.prod([s.price for s in later])
        assert volume[i] == np.prod([s.volume for s in later])


def test_weeks_are_made_of_adjusted_days() -> None:
    days = ["2005-02-22", "2005-02-23", "2005-02-24", "2005-02-25"]  # 21 February was a holiday
    bars = table([bar("AAPL", day(d), 80.0 + i) for i, d in enumerate(days)])
    split = PriceFactor(0, number("2005-02-24"), 0.5, 2.0)
    week = resampled(adjusted(bars, bars.at, [split]), Timeframe.WEEK)
    assert (week.open[0], week.close[0], week.high[0]) == (40.0, 83.0, 84.0)
    assert week.volume[0] == 6000.0


# --- the original data set --------------------------------------------------------------------
def shipped(symbol: str) -> BarTable:
    bars = shipped_bars().of(symbol, EVER)
    return replace(bars, tickers=(symbol,), owner=np.zeros(len(bars), np.int64))


def split_adjusted(symbol: str) -> BarTable:
    bars = shipped(symbol)
    records = [r.action() for r in read_actions(SHIPPED).splits if r.ticker == symbol]
    closes = Closes.of(bars.owner, bars.at, bars.open, bars.close)
    judgement = judge([symbol], {0: records}, {}, closes, day("2013-03-01"))
    assert judgement.findings == ()
    return adjusted(bars, bars.at, judgement.steps(Adjust.SPLITS))


@pytest.mark.parametrize("symbol", ["AAPL", "IBM", "MSFT"])
def test_closes_move_as_in_the_original_data_set(symbol: str) -> None:
    """`adjusted` there counts dividends and later splits too: the days chosen lie between
    dividends, and closes are compared as ratios to the last of them."""
    with (DATA / "adjusted_closes.csv").open() as text:
        rows = [r for r in csv.DictReader(text) if r["symbol"] == symbol]
    raw, made = shipped(symbol), split_adjusted(symbol)
    place = {int(at): i for i, at in enumerate(raw.at)}
    last = rows[-1]
    for row in rows:
        i, end = place[number(row["date"])], place[number(last["date"])]
        assert raw.close[i] == float(row["close"])
        expected = float(row["adjusted"]) / float(last["adjusted"])
        assert made.close[i] / made.close[end] == pytest.approx(expected, rel=1e-9)
