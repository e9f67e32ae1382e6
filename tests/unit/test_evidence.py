"""Which set of claims explains a night."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickstock.evidence import DECIDES, MANY, Claim, ClaimVerdict, Night, Sort, expected, weigh


def split(factor: float) -> Claim:
    return Claim(Sort.SPLIT, factor)


def spin_off(factor: float) -> Claim:
    return Claim(Sort.SPIN_OFF, factor)


def dividend(cash: float) -> Claim:
    return Claim(Sort.DIVIDEND, cash=cash)


def night(moved: float, close: float = 100.0) -> Night:
    return Night(0, close, close * moved)


def test_without_bars_the_last_of_each_sort_stands() -> None:
    claims = [split(0.5), spin_off(0.8), split(0.25), dividend(50.0)]
    assert weigh(claims, None).stands == (1, 2, 3)


@given(
    st.lists(st.sampled_from([2, 3, 5, 8, 13, 20, 34, 55]), min_size=1, max_size=8, unique=True),
    st.floats(-0.05, 0.05),
    st.data(),
)
def test_the_true_ratio_stands_wherever_it_was_said(
    ratios: list[int], noise: float, data: st.DataObject
) -> None:
    """Beyond the number up to which all sets are weighed, too."""
    true = data.draw(st.sampled_from(ratios))
    claims = [split(1 / r) for r in ratios]
    found = weigh(claims, night(math.exp(noise) / true))
    asked = math.prod(claims[i].factor for i in found.stands)
    assert abs(math.log(asked * true)) <= DECIDES + 2 * abs(noise)
    assert found.verdict is ClaimVerdict.CONFIRMED


def test_more_claims_than_can_be_weighed_in_all_sets() -> None:
    claims = [split(1 / (n + 2)) for n in range(3 * MANY)]
    assert weigh(claims, night(1 / 2)).stands == (0,)
    assert weigh([*claims, dividend(1.0)], night(1 / 2)).stands in {(0,), (0, 3 * MANY)}


def test_a_split_and_a_spin_off_both_stand_where_the_night_asks_for_both() -> None:
    claims = [split(3.0), spin_off(0.7)]
    assert weigh(claims, night(2.1)).stands == (0, 1)
    assert weigh(claims, night(3.0)).stands == (0,)
    assert weigh(claims, night(0.7)).stands == (1,)


def test_a_reverse_and_a_forward_split_of_one_day_leave_the_price() -> None:
    assert weigh([split(500.0), split(0.002)], night(1.01)).stands == (0, 1)


def test_a_dividend_on_the_day_of_a_split_is_per_new_share() -> None:
    claims = [split(0.5), dividend(20.0)]
    assert weigh(claims, night(0.3)).stands == (0, 1)
    assert weigh(claims, night(0.5)).stands == (0,)


def test_cash_is_taken_from_a_share_of_after_the_split() -> None:
    both = [split(0.5), dividend(20.0)]
    assert expected(both, (0, 1), 100.0) == pytest.approx(math.log(0.5 * (1 - 20 / 50)))
    assert expected(both, (1,), 100.0) == pytest.approx(math.log(1 - 20 / 100))
    assert expected([split(0.1), dividend(20.0)], (0, 1), 100.0) is None  # nothing would be left


def test_ratios_that_a_night_cannot_tell_apart_are_decided_by_the_records() -> None:
    found = weigh([split(1 / 10), split(1 / 10.2)], night(1 / 10))
    assert (found.stands, found.told) == ((1,), False)


def test_the_margin_is_how_much_farther_the_next_best_is() -> None:
    found = weigh([split(15.0), split(10.0)], night(14.7))
    assert found.off == pytest.approx(math.log(15 / 14.7))
    assert found.margin == pytest.approx(math.log(14.7 / 10) - math.log(15 / 14.7))


def test_claims_that_leave_nothing_of_the_price_are_no_set() -> None:
    found = weigh([split(0.5), dividend(80.0)], night(0.5))
    assert found.stands == (0,)
    assert weigh([dividend(100.0)], night(0.9)).verdict is ClaimVerdict.SILENT
