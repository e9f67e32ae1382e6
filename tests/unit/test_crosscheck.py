"""Vendors' records of splits and dividends, judged by the raw prices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pytest

from tests.kit import bar, day, sessions, span, table
from tickstock.actions import Adjust, Dividend, Split
from tickstock.adjust import Closes, PriceFactor
from tickstock.crosscheck import ActionDoubt, ActionFinding, Judgement, judge, unexplained
from tickstock.model import BarTable, epoch_day
from tickstock.spans import Span
from tickstock.vendors.replay.recorded import shipped_bars

TODAY = day("2026-11-20")


def split(on: str, to: float, of: float = 1, *, name: str = "", kind: str = "") -> Split:
    return Split(name or f"{on}:{of}:{to}", "SHOP", day(on), of, to, kind)


def prices(first: str, last: str, jumps: dict[str, float]) -> BarTable:
    """Bars at 100 whose price is multiplied at the open of some days."""
    rows, price = [], 100.0
    for on in sessions(span(first, last)):
        price *= jumps.get(on.isoformat(), 1.0)
        rows.append(bar("SHOP", on, price, low=price * 0.99, high=price * 1.01))
    return table(rows)


def closes(bars: BarTable) -> Closes:
    return Closes.of(bars.owner, bars.at, bars.open, bars.close)


def of_splits(
    records: Sequence[Split], bars: BarTable | None = None, today: date = TODAY
) -> Judgement:
    known = closes(bars if bars is not None else BarTable.empty())
    return judge(["SHOP"], {0: records}, {}, known, today)


def steps(judgement: Judgement) -> list[tuple[str, float, float]]:
    found = judgement.steps(Adjust.TOTAL)
    days = [str(np.datetime64(s.day, "D")) for s in found]
    return [(d, s.price, s.volume) for d, s in zip(days, found, strict=True)]


def only(judgement: Judgement) -> ActionFinding:
    (finding,) = judgement.findings
    return finding


# --- splits ---------------------------------------------------------------------------------
def test_a_split_that_the_prices_confirm() -> None:
    found = of_splits(
        [split("2022-06-29", 10)], prices("2022-06-13", "2022-07-08", {"2022-06-29": 0.1})
    )
    assert steps(found) == [("2022-06-29", 0.1, 10.0)]
    assert found.findings == ()


def test_without_bars_a_split_is_believed() -> None:
    found = of_splits([split("2014-06-09", 7)])
    assert steps(found) == [("2014-06-09", 1 / 7, 7.0)]
    assert found.findings == ()


def test_what_lies_ahead_is_left_for_later() -> None:
    assert of_splits([split("2026-11-23", 2)]) == Judgement()
    assert steps(of_splits([split("2026-11-20", 2)])) == [("2026-11-20", 0.5, 2.0)]


def test_one_split_on_two_dates_counts_where_the_price_jumped() -> None:
    """As the vendor's own sample has it for SHOP: 2022-06-22 and 2022-06-29, true is the latter."""
    records = [split("2022-06-22", 10), split("2022-06-29", 10)]
    for true in ("2022-06-22", "2022-06-29"):
        found = of_splits(records, prices("2022-06-01", "2022-07-15", {true: 0.1}))
        assert steps(found) == [(true, 0.1, 10.0)]
        assert only(found).doubt is ActionDoubt.DOUBLED
        assert "confirm" in only(found).why


def test_without_bars_the_later_of_two_dates_counts() -> None:
    found = of_splits([split("2022-06-29", 10), split("2022-06-22", 10)])
    assert steps(found) == [("2022-06-29", 0.1, 10.0)]
    assert "do not tell" in only(found).why


def test_two_equal_splits_that_both_happened_both_count() -> None:
    bars = prices("2022-06-01", "2022-07-15", {"2022-06-22": 0.5, "2022-06-29": 0.5})
    found = of_splits([split("2022-06-22", 2), split("2022-06-29", 2)], bars)
    assert [s[0] for s in steps(found)] == ["2022-06-22", "2022-06-29"]
    assert found.findings == ()


def test_a_split_said_twice_on_one_day_counts_once() -> None:
    found = of_splits([split("2022-06-29", 10, name="a"), split("2022-06-29", 10, name="b")])
    assert steps(found) == [("2022-06-29", 0.1, 10.0)]
    assert only(found).doubt is ActionDoubt.DOUBLED


def test_of_two_ratios_on_one_day_the_confirmed_one_counts() -> None:
    bars = prices("2022-06-13", "2022-07-08", {"2022-06-29": 0.1})
    for order in ([10, 2], [2, 10]):
        found = of_splits([split("2022-06-29", to) for to in order], bars)
        assert steps(found) == [("2022-06-29", 0.1, 10.0)]
        assert only(found).doubt is ActionDoubt.CONFLICTING


def test_a_split_that_the_prices_deny_is_not_applied() -> None:
    found = of_splits([split("2022-06-29", 10)], prices("2022-06-13", "2022-07-15", {}))
    assert steps(found) == []
    assert only(found).doubt is ActionDoubt.UNCONFIRMED
    assert "asks for -90.0%" in only(found).why


def test_a_split_on_a_wrong_date_is_applied_where_the_price_jumped() -> None:
    found = of_splits(
        [split("2022-06-29", 10)], prices("2022-06-13", "2022-07-15", {"2022-07-06": 0.1})
    )
    assert steps(found) == [("2022-07-06", 0.1, 10.0)]
    assert only(found).doubt is ActionDoubt.WRONG_DATE


def test_a_date_that_is_no_session_stands_for_the_next_one() -> None:
    found = of_splits(
        [split("2022-06-11", 2)], prices("2022-06-01", "2022-06-24", {"2022-06-13": 0.5})
    )
    assert steps(found) == [("2022-06-11", 0.5, 2.0)]
    assert found.findings == ()


def test_a_small_stock_dividend_cannot_be_told_from_a_move() -> None:
    found = of_splits([split("2022-06-29", 21, 20)], prices("2022-06-13", "2022-07-15", {}))
    assert [s[1:] for s in steps(found)] == [(pytest.approx(20 / 21), pytest.approx(1.05))]
    assert found.findings == ()


@pytest.mark.parametrize(("of", "to"), [(0, 2), (1, 0), (-1, 2), (1, float("inf"))])
def test_an_impossible_ratio_is_not_applied(of: float, to: float) -> None:
    found = of_splits([split("2022-06-29", to, of)])
    assert (steps(found), only(found).doubt) == ([], ActionDoubt.IMPOSSIBLE)


@pytest.mark.parametrize(("of", "to"), [(1000, 1281), (1, 1.253), (1000, 1998)])
def test_a_spin_off_written_as_a_split_counts_in_total_return_alone(of: float, to: float) -> None:
    """GE 2023-01-04 and 2024-04-02, GOOGL 2014-04-03."""
    bars = prices("2022-06-13", "2022-07-08", {"2022-06-29": of / to})
    found = of_splits([split("2022-06-29", to, of, kind="forward_split")], bars)
    assert found.steps(Adjust.SPLITS) == ()
    assert [s[1:] for s in steps(found)] == [(of / to, 1.0)]
    assert only(found).doubt is ActionDoubt.SPIN_OFF


@pytest.mark.parametrize(
    ("of", "to"), [(1, 2), (2, 3), (3, 4), (100, 1), (1, 1.5), (40, 41), (1, 50), (10, 13)]
)
def test_ratios_of_small_numbers_are_splits(of: float, to: float) -> None:
    found = of_splits([split("2022-06-29", to, of)])
    assert [s.volume for s in found.splits] == [pytest.approx(to / of)]
    assert found.findings == ()


def test_an_odd_stock_dividend_is_what_it_says() -> None:
    found = of_splits([split("2022-06-29", 1.0473, kind="stock_dividend")])
    assert len(found.splits) == 1
    assert found.findings == ()


# --- dividends ------------------------------------------------------------------------------
def dividend(on: str, cash: float, currency: str = "USD", name: str = "") -> Dividend:
    return Dividend(name or f"{on}:{cash}", "SHOP", day(on), cash, currency, "recurring")


def of_dividends(
    records: Sequence[Dividend], bars: BarTable, splits: Sequence[Split] = ()
) -> Judgement:
    return judge(["SHOP"], {0: splits}, {0: records}, closes(bars), TODAY)


BARS = prices("2022-06-13", "2022-07-08", {})


def test_a_dividend_by_the_close_before_it() -> None:
    found = of_dividends([dividend("2022-06-29", 2.0)], BARS)
    assert steps(found) == [("2022-06-29", 0.98, 1.0)]
    assert found.steps(Adjust.SPLITS) == ()


def test_two_dividends_of_a_day_both_count() -> None:
    found = of_dividends([dividend("2022-06-29", 2.0), dividend("2022-06-29", 5.0)], BARS)
    assert [s[1] for s in steps(found)] == [0.98, 0.95]


def test_records_that_agree_in_all_but_the_id_are_one() -> None:
    found = of_dividends([dividend("2022-06-29", 2.0, name=n) for n in "ab"], BARS)
    assert len(steps(found)) == 1
    assert only(found).doubt is ActionDoubt.DOUBLED


def test_a_dividend_on_the_day_of_a_split_is_per_new_share() -> None:
    bars = prices("2022-06-13", "2022-07-08", {"2022-06-29": 0.5})
    found = of_dividends([dividend("2022-06-29", 1.0)], bars, [split("2022-06-29", 2)])
    assert steps(found) == [("2022-06-29", 0.5, 2.0), ("2022-06-29", 0.98, 1.0)]


@pytest.mark.parametrize(
    ("record", "doubt"),
    [
        (dividend("2022-06-29", 2.0, "CAD"), ActionDoubt.CURRENCY),
        (dividend("2022-06-29", -1.0), ActionDoubt.IMPOSSIBLE),
        (dividend("2022-06-29", 100.0), ActionDoubt.TOO_LARGE),
    ],
)
def test_dividends_that_cannot_be_applied(record: Dividend, doubt: ActionDoubt) -> None:
    found = of_dividends([record], BARS)
    assert (steps(found), only(found).doubt) == ([], doubt)


def test_a_dividend_after_a_long_gap_has_no_close_to_compare_with() -> None:
    early, late = prices("2022-05-02", "2022-05-06", {}), prices("2022-06-29", "2022-07-08", {})
    columns = [np.concatenate([getattr(b, c) for b in (early, late)]) for c in
               ("owner", "at", "open", "close")]  # fmt: skip
    found = judge(["SHOP"], {}, {0: [dividend("2022-06-29", 2.0)]}, Closes.of(*columns), TODAY)
    assert (steps(found), only(found).doubt) == ([], ActionDoubt.NO_CLOSE)


@pytest.mark.parametrize("on", ["2022-06-13", "2022-07-11", "2022-08-01"])
def test_a_dividend_without_bars_on_both_sides_changes_nothing(on: str) -> None:
    assert of_dividends([dividend(on, 2.0)], BARS) == Judgement()


def stated(on: str, cash: float, **said: str) -> Dividend:
    """A dividend with `declared`, `recorded`, `paid` dates, a `kind`, a `currency`."""
    dates = {k: day(said[k]) for k in ("declared", "recorded", "paid") if k in said}
    kind, money = said.get("kind", "recurring"), said.get("currency", "USD")
    return Dividend(f"{on}:{cash}:{said}", "SHOP", day(on), cash, money, kind, **dates)


ONE_PAYMENT = [
    [stated("2022-06-29", 1.0, recorded="2022-06-30"),
     stated("2022-06-29", 2.0, recorded="2022-06-30")],
    [stated("2022-06-28", 1.0, paid="2022-07-20"), stated("2022-06-29", 2.0, paid="2022-07-20")],
    [stated("2022-06-29", 1.0, paid="2022-07-20", kind=""),
     stated("2022-06-29", 2.0, paid="2022-07-20", kind="special")],
    [stated("2022-06-24", 2.0), stated("2022-06-27", 2.0)],
    [stated("2022-06-29", 2.7, currency="CAD"), stated("2022-06-29", 2.0)],
]  # fmt: skip


@pytest.mark.parametrize("records", ONE_PAYMENT)
def test_two_records_of_one_payment_are_one_dividend(records: list[Dividend]) -> None:
    found = of_dividends(records, BARS)
    assert steps(found) == [(str(records[1].day), 0.98, 1.0)]
    assert only(found).doubt in (ActionDoubt.CONFLICTING, ActionDoubt.DOUBLED)
    assert only(found).what.count("on 2022") == 2


@pytest.mark.parametrize(
    "records",
    [
        [stated("2022-06-24", 2.0), stated("2022-06-28", 2.0)],
        [stated("2022-06-28", 2.0, recorded="2022-06-29", paid="2022-07-20"),
         stated("2022-06-29", 1.0, recorded="2022-06-30", paid="2022-07-21")],
        [stated("2022-06-29", 2.0, paid="2022-07-20"),
         stated("2022-06-29", 1.0, paid="2022-07-20", kind="special")],
    ],
)  # fmt: skip
def test_two_dividends_are_two(records: list[Dividend]) -> None:
    found = of_dividends(records, BARS)
    assert len(steps(found)) == 2
    assert found.findings == ()


def test_what_was_declared_later_stands_in_whatever_order_it_is_said() -> None:
    first = stated("2022-06-29", 1.0, recorded="2022-06-30", declared="2022-05-02")
    then = stated("2022-06-29", 2.0, recorded="2022-06-30", declared="2022-06-01")
    for records in ([first, then], [then, first]):
        found = of_dividends(records, BARS)
        assert [s[1] for s in steps(found)] == [0.98]
        assert "declared later" in only(found).why


def test_a_dividend_that_was_withdrawn_is_declared_as_none() -> None:
    said = [stated("2022-06-29", c, recorded="2022-06-30", declared=d)
            for c, d in ((2.0, "2022-05-02"), (0.0, "2022-06-01"))]  # fmt: skip
    assert steps(of_dividends(said, BARS)) == []


def test_of_two_amounts_that_prices_can_tell_apart_the_nearest_stands() -> None:
    """A point in the wrong place, in the form that was declared later."""
    said = [stated("2022-06-29", c, recorded="2022-06-30", declared=d)
            for c, d in ((2.0, "2022-05-02"), (20.0, "2022-06-01"))]  # fmt: skip
    assert [s[1] for s in steps(of_dividends(said, BARS))] == [0.98]
    fell = prices("2022-06-13", "2022-07-08", {"2022-06-29": 0.8})
    assert [s[1] for s in steps(of_dividends(said, fell))] == [0.8]


def test_amounts_in_dollars_however_they_are_written() -> None:
    for money in ("usd", " USD", ""):
        found = of_dividends([dividend("2022-06-29", 2.0, money)], BARS)
        assert (len(steps(found)), found.findings) == (1, ())


def test_a_large_dividend_that_the_night_denies_is_not_applied() -> None:
    found = of_dividends([dividend("2022-06-29", 30.0)], BARS)
    assert (steps(found), only(found).doubt) == ([], ActionDoubt.UNCONFIRMED_DIVIDEND)


def test_a_large_dividend_is_applied_on_the_near_day_on_which_the_price_fell_by_it() -> None:
    """Where a dividend is so large, exchanges set another ex-date than companies announce."""
    fell = prices("2022-06-13", "2022-07-08", {"2022-07-05": 0.7})
    found = of_dividends([dividend("2022-06-29", 30.0)], fell)
    assert [s[:2] for s in steps(found)] == [("2022-07-05", pytest.approx(0.7))]
    assert only(found).doubt is ActionDoubt.WRONG_DATE


# --- sets of records ----------------------------------------------------------------------------
def test_two_ratios_on_neighbouring_days_are_one_split() -> None:
    bars = prices("2022-06-13", "2022-07-08", {"2022-06-29": 15.0})
    for on in ("2022-06-28", "2022-06-30"):
        found = of_splits([split("2022-06-29", 1, 15), split(on, 1, 10)], bars)
        assert steps(found) == [("2022-06-29", 15.0, 1 / 15)]
        assert only(found).doubt is ActionDoubt.CONFLICTING


@pytest.mark.parametrize("of", [6.3737, 1 / 12])
def test_one_jump_is_never_used_for_two_records(of: float) -> None:
    """A denied split or spin-off is not put onto a night that another record explains."""
    bars = prices("2022-06-13", "2022-07-08", {"2022-06-29": 0.1})
    found = of_splits([split("2022-06-29", 10), split("2022-07-01", of)], bars)
    assert steps(found) == [("2022-06-29", 0.1, 10.0)]
    assert only(found).doubt is ActionDoubt.UNCONFIRMED


def test_two_ratios_that_are_both_misdated_stand_as_the_nearest_where_the_price_jumped() -> None:
    bars = prices("2022-06-13", "2022-07-08", {"2022-07-05": 15.0})
    for order in ([15, 10], [10, 15]):
        found = of_splits([split("2022-06-29", 1, of) for of in order], bars)
        assert steps(found) == [("2022-07-05", 15.0, 1 / 15)]
        assert only(found).doubt is ActionDoubt.WRONG_DATE


# --- jumps ------------------------------------------------------------------------------------
def test_a_jump_without_a_split_is_told_with_what_it_looks_like() -> None:
    bars = prices("2022-06-13", "2022-07-08", {"2022-06-29": 0.5})
    (found,) = unexplained(bars, Judgement())
    assert (found.symbol, found.day, found.doubt) == (
        "SHOP",
        day("2022-06-29"),
        ActionDoubt.UNEXPLAINED,
    )
    assert "looks like 2-for-1" in found.why
    assert unexplained(bars, of_splits([split("2022-06-29", 2)], bars)) == ()
    up = prices("2022-06-13", "2022-07-08", {"2022-06-29": 10.0})
    assert "looks like 1-for-10" in unexplained(up, Judgement())[0].why


def test_a_split_applied_where_there_was_none_shows_as_a_jump() -> None:
    wrong = Judgement((PriceFactor(0, epoch_day(day("2022-06-29")), 0.5, 2.0),))
    (found,) = unexplained(prices("2022-06-13", "2022-07-08", {}), wrong)
    assert found.day == day("2022-06-29")


def test_a_bad_print_that_does_not_last_is_no_jump() -> None:
    bars = prices("2022-06-13", "2022-07-08", {})
    bars.open[5] *= 0.4
    assert unexplained(bars, Judgement()) == ()


def test_the_fall_of_apple_in_2000_is_told() -> None:
    """-52 % on a profit warning: it looks like a split, and the vendor lacks none."""
    bars = shipped_bars().of("AAPL", span("2000-08-01", "2000-12-29"))
    (found,) = unexplained(bars, Judgement())
    assert found.day == day("2000-09-29")


def gapped(first: float, then: float) -> BarTable:
    """Bars at `first` until May and at `then` from the end of June on, none in between."""
    rows = [
        bar("SHOP", on, price, low=price * 0.99, high=price * 1.01)
        for days, price in ((span("2022-05-02", "2022-05-13"), first),
                            (span("2022-06-27", "2022-07-08"), then))
        for on in sessions(days)
    ]  # fmt: skip
    return table(rows)


EMPTY = span("2022-05-16", "2022-06-24")


def test_a_jump_across_a_long_gap_may_be_another_firm() -> None:
    (found,) = unexplained(gapped(100.0, 20.0), Judgement(), {0: [EMPTY]})
    assert (found.day, found.doubt) == (day("2022-06-27"), ActionDoubt.ANOTHER_FIRM)
    assert "2022-05-13" in found.what
    short = span("2022-06-24")
    assert len(unexplained(gapped(100.0, 20.0), Judgement(), {0: [short]})) == 1


@pytest.mark.parametrize(
    ("bars", "gaps"),
    [
        (gapped(100.0, 90.0), {0: [EMPTY]}),
        (gapped(100.0, 20.0), {}),  # the days between were not asked for
        (gapped(100.0, 20.0), {0: [span("2022-05-02", "2022-05-06")], 1: [EMPTY]}),
    ],
)
def test_other_gaps_are_no_other_firm(bars: BarTable, gaps: dict[int, list[Span]]) -> None:
    assert unexplained(bars, Judgement(), gaps) == ()


def test_a_split_in_a_long_gap_explains_the_jump() -> None:
    step = Judgement((PriceFactor(0, epoch_day(day("2022-06-01")), 0.2, 5.0),))
    assert unexplained(gapped(100.0, 20.0), step, {0: [EMPTY]}) == ()
