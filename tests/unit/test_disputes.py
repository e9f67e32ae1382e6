"""Splits and dividends about which records of vendors were in dispute, and the answer given.

The events are public. Close and open of the night are as printed, rounded; the other bars are made:
they stay where the night left them. The same table stands in docs/explanation/actions.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import permutations

import pytest

from tests.kit import bar, day, sessions, table
from tickstock.actions import Dividend, Split
from tickstock.adjust import Closes
from tickstock.crosscheck import ActionDoubt, Judgement, judge, unexplained
from tickstock.model import BarTable
from tickstock.spans import Span, day_of


@dataclass(frozen=True)
class Dispute:
    """What was recorded, the night from `close` to `opened`, and what stands: true splits, then
    distributions, each as its day and its price factor."""

    symbol: str
    night: str
    close: float
    opened: float
    splits: Sequence[tuple[str, float, float, str]]
    dividends: Sequence[tuple[str, float, str, str, str]]
    true: Sequence[tuple[str, float]]
    given: Sequence[tuple[str, float]]
    doubts: frozenset[ActionDoubt]

    def __str__(self) -> str:
        return f"{self.symbol} {self.night}"

    def bars(self) -> BarTable:
        on = day(self.night)
        days = sessions(Span(on - timedelta(days=28), on + timedelta(days=29)))
        prices = [self.close if d < on else self.opened for d in days]
        return table(
            [
                bar(self.symbol, d, p, high=p * 1.01, low=p * 0.99)
                for d, p in zip(days, prices, strict=True)
            ]
        )

    def recorded(self) -> tuple[list[Split], list[Dividend]]:
        s, kind = self.symbol, "recurring"
        splits = [
            Split(f"s{n}", s, day(on), of, to, word)
            for n, (on, of, to, word) in enumerate(self.splits)
        ]
        paid = [
            Dividend(
                f"d{n}", s, day(on), cash, money, sort or kind, declared=day(said),
                recorded=day(on) + timedelta(days=1), paid=day(on) + timedelta(days=14),
            )
            for n, (on, cash, money, sort, said) in enumerate(self.dividends)
        ]  # fmt: skip
        return splits, paid


FORWARD, REVERSE, STOCK = "forward_split", "reverse_split", "stock_dividend"
DISPUTES = (
    # 1-for-15, recorded as 1-for-10 as well.
    Dispute("SOPA", "2024-05-01", 0.145, 2.13,
            [("2024-05-01", 15, 1, REVERSE), ("2024-05-01", 10, 1, REVERSE)], [],
            [("2024-05-01", 15.0)], [], frozenset({ActionDoubt.CONFLICTING})),
    # The spin-offs of GE HealthCare and GE Vernova, written as splits.
    Dispute("GE", "2023-01-04", 83.49, 66.2,
            [("2023-01-04", 1000, 1281, FORWARD)], [],
            [], [("2023-01-04", 1000 / 1281)], frozenset({ActionDoubt.SPIN_OFF})),
    Dispute("GE", "2024-04-02", 170.8, 136.5,
            [("2024-04-02", 1000, 1253, FORWARD)], [],
            [], [("2024-04-02", 1000 / 1253)], frozenset({ActionDoubt.SPIN_OFF})),
    # Class C shares given to owners of class A, written as a split.
    Dispute("GOOGL", "2014-04-03", 1135.1, 573.4,
            [("2014-04-03", 1000, 1998, FORWARD)], [],
            [], [("2014-04-03", 1000 / 1998)], frozenset({ActionDoubt.SPIN_OFF})),
    # 7-for-1, on the record date as well.
    Dispute("AAPL", "2014-06-09", 645.57, 92.7,
            [("2014-06-02", 1, 7, FORWARD), ("2014-06-09", 1, 7, FORWARD)], [],
            [("2014-06-09", 1 / 7)], [], frozenset({ActionDoubt.DOUBLED})),
    # 3-for-1 by a stock dividend; as a split on the record date as well.
    Dispute("TSLA", "2022-08-25", 891.29, 302.36,
            [("2022-08-17", 1, 3, FORWARD), ("2022-08-25", 1, 3, STOCK)], [],
            [("2022-08-25", 1 / 3)], [], frozenset({ActionDoubt.DOUBLED})),
    # 10-for-1, recorded on the day on whose evening the shares came.
    Dispute("NVDA", "2024-06-10", 1208.88, 120.37,
            [("2024-06-07", 1, 10, FORWARD)], [],
            [("2024-06-10", 0.1)], [], frozenset({ActionDoubt.WRONG_DATE})),
    # The spin-off of Warner Bros. Discovery, as a split and as a special dividend.
    Dispute("T", "2022-04-11", 24.0, 18.6,
            [("2022-04-11", 1000, 1324, FORWARD)],
            [("2022-04-11", 5.9, "USD", "special", "2022-03-25")],
            [], [("2022-04-11", 1000 / 1324)],
            frozenset({ActionDoubt.SPIN_OFF, ActionDoubt.UNCONFIRMED_DIVIDEND})),
    # 1-for-3 and two spin-offs on one day.
    Dispute("HLT", "2017-01-04", 27.2, 57.4,
            [("2017-01-04", 3, 1, REVERSE), ("2017-01-04", 10_000, 14_216, FORWARD)], [],
            [("2017-01-04", 3.0)], [("2017-01-04", 10_000 / 14_216)],
            frozenset({ActionDoubt.SPIN_OFF})),
    # Priceline's 1-for-6, the wrong way round as well.
    Dispute("BKNG", "2003-06-16", 4.0, 24.2,
            [("2003-06-16", 6, 1, REVERSE), ("2003-06-16", 1, 6, FORWARD)], [],
            [("2003-06-16", 6.0)], [], frozenset({ActionDoubt.CONFLICTING})),
    # Cut from 0.625 to 0.40; the amount that was expected before stayed on record.
    Dispute("KHC", "2019-03-07", 32.6, 32.2, [],
            [("2019-03-07", 0.625, "USD", "", "2018-11-01"),
             ("2019-03-07", 0.4, "USD", "", "2019-02-21")],
            [], [("2019-03-07", 1 - 0.4 / 32.6)], frozenset({ActionDoubt.CONFLICTING})),
    # Raised from 0.2725 to 0.2925; both forms on record.
    Dispute("NJR", "2018-09-20", 46.0, 45.8, [],
            [("2018-09-20", 0.2725, "USD", "", "2018-07-10"),
             ("2018-09-20", 0.2925, "USD", "", "2018-08-08")],
            [], [("2018-09-20", 1 - 0.2925 / 46.0)], frozenset({ActionDoubt.CONFLICTING})),
    # The special dividend of 3.00 and the quarterly one of 0.08, of one record and pay date.
    Dispute("MSFT", "2004-11-15", 29.97, 27.34, [],
            [("2004-11-15", 3.0, "USD", "special", "2004-07-20"),
             ("2004-11-15", 0.08, "USD", "recurring", "2004-09-15")],
            [], [("2004-11-15", 1 - 3 / 29.97), ("2004-11-15", 1 - 0.08 / 29.97)], frozenset()),
    # One dividend in the company's money and in that of the listing.
    Dispute("ENB", "2024-05-14", 36.8, 36.3, [],
            [("2024-05-14", 0.669, "usd", "", "2024-05-08"),
             ("2024-05-14", 0.915, "CAD", "", "2024-05-08")],
            [], [("2024-05-14", 1 - 0.669 / 36.8)], frozenset({ActionDoubt.CONFLICTING})),
)  # fmt: skip


def judged(
    one: Dispute, splits: Sequence[Split], dividends: Sequence[Dividend], bars: BarTable
) -> Judgement:
    closes = Closes.of(bars.owner, bars.at, bars.open, bars.close)
    return judge([one.symbol], {0: splits}, {0: dividends}, closes, date(2026, 11, 20))


@pytest.mark.parametrize("one", DISPUTES, ids=str)
def test_the_answer_in_whatever_order_the_records_are_said(one: Dispute) -> None:
    splits, dividends = one.recorded()
    bars = one.bars()
    for some in permutations(splits):
        for paid in permutations(dividends):
            found = judged(one, some, paid, bars)
            true = [(str(day_of(s.day)), s.price) for s in found.splits]
            given = sorted((str(day_of(s.day)), s.price) for s in found.distributions)
            assert true == [(d, pytest.approx(f)) for d, f in one.true]
            assert given == [(d, pytest.approx(f)) for d, f in sorted(one.given)]
            assert {f.doubt for f in found.findings} == one.doubts
            assert unexplained(bars, found) == ()


@pytest.mark.parametrize("one", [d for d in DISPUTES if len(d.splits) == 2], ids=str)
def test_what_stands_comes_with_its_margin(one: Dispute) -> None:
    found = judged(one, *one.recorded(), one.bars())
    (ruling,) = [r for r in found.rulings if r.day == day(one.night)]
    assert ruling.stands
    assert ruling.off < 0.05
    assert ruling.margin > 0.2
