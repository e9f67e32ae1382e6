"""Which splits and dividends are asked for, and what an answer changes."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit import day
from tickstock.actions import Action, ActionCall, ActionKind, Split
from tickstock.errors import VendorUnreadable
from tickstock.loading.actions import (
    GROUP,
    WHOLE_DAYS,
    WHOLE_PAGES,
    KnownActions,
    Subject,
    attributed,
    compare,
    plan_actions,
)
from tickstock.spans import Span

TODAY = day("2026-11-20")
YESTERDAY = day("2026-11-19")
SPLITS, DIVIDENDS = ActionKind.SPLITS, ActionKind.DIVIDENDS


def names(count: int) -> list[str]:
    return [f"S{n:05}" for n in range(count)]


def never(*tickers: str) -> list[Subject]:
    return [Subject((t,)) for t in tickers]


def known(
    *tickers: str, through: date = YESTERDAY, whole: date | None = YESTERDAY
) -> list[Subject]:
    return [Subject((t,), KnownActions(through, whole, frozenset([t]))) for t in tickers]


def test_a_new_ticker_is_asked_for_all_of_its_history() -> None:
    assert plan_actions(SPLITS, never("MSFT", "AAPL"), TODAY) == (
        ActionCall(SPLITS, ("AAPL", "MSFT")),
    )


def test_what_was_asked_today_is_not_asked_again() -> None:
    assert plan_actions(SPLITS, known("AAPL", through=TODAY), TODAY) == ()
    assert plan_actions(SPLITS, [], TODAY) == ()


@pytest.mark.parametrize("kind", ActionKind)
def test_a_reload_of_few_tickers_asks_for_all_their_records_again(kind: ActionKind) -> None:
    """In one call, as the last weeks alone would take: so what the vendor adds late is found."""
    asked = plan_actions(kind, known("AAPL") + known("MSFT", through=TODAY), TODAY)
    assert asked == (ActionCall(kind, ("AAPL",)),)


def test_a_daily_reload_of_many_tickers_is_one_call_for_the_whole_market() -> None:
    (call,) = plan_actions(DIVIDENDS, known(*names(500)), TODAY)
    assert call == ActionCall(DIVIDENDS, (), day("2026-11-05"))


@pytest.mark.parametrize(("kind", "count"), [(SPLITS, 4_000), (DIVIDENDS, 900)])
def test_of_many_tickers_some_are_asked_for_all_their_records_until_all_were(
    kind: ActionKind, count: int
) -> None:
    """Day after day: nobody waits for longer than it takes the pages for it to go round."""
    told = {t: YESTERDAY - timedelta(days=WHOLE_DAYS) for t in names(count)}
    days = 0
    while min(told.values()) < YESTERDAY:
        calls = plan_actions(kind, [s for t, on in told.items() for s in known(t, whole=on)], TODAY)
        whole, rest = [c for c in calls if c.since is None], [c for c in calls if c.since]
        assert len(rest) <= 1
        assert len(whole) <= WHOLE_PAGES
        told |= {t: TODAY for c in whole for t in c.tickers}
        days += 1
    assert days == math.ceil(count / {SPLITS: 1250, DIVIDENDS: 250}[kind])


def test_a_first_load_of_many_tickers_is_in_groups() -> None:
    calls = plan_actions(DIVIDENDS, never(*names(600)), TODAY)
    assert [len(c.tickers) for c in calls] == [250, 250, 100]
    assert all(c.since is None for c in calls)


def test_the_splits_of_the_whole_market_are_cheaper_than_those_of_all_its_tickers() -> None:
    assert plan_actions(SPLITS, never(*names(10_000)), TODAY) == (ActionCall(SPLITS),)


def test_new_and_known_tickers_are_asked_each_in_their_way() -> None:
    calls = plan_actions(DIVIDENDS, never("NEW") + known(*names(300)), TODAY)
    assert calls == (ActionCall(DIVIDENDS, ("NEW",)), ActionCall(DIVIDENDS, (), day("2026-11-05")))


def test_where_bars_jumped_all_records_are_asked_for_even_today() -> None:
    (one,) = known("AAPL", through=TODAY, whole=TODAY)
    assert plan_actions(SPLITS, [replace(one, jumped=True)], TODAY) == (
        ActionCall(SPLITS, ("AAPL",)),
    )


def test_an_instrument_is_asked_for_under_every_ticker_that_it_had_in_one_call() -> None:
    meta = Subject(("FB", "META"))
    assert plan_actions(SPLITS, [meta], TODAY) == (ActionCall(SPLITS, ("FB", "META")),)
    others = never("AAPL", "ELV", "FA", "IBM")
    for group in (2, 3):
        calls = plan_actions(SPLITS, [meta, *others], TODAY, group=group)
        assert sum({"FB", "META"} <= set(c.tickers) for c in calls) == 1
        assert sorted(t for c in calls for t in c.tickers) == sorted(
            ["AAPL", "ELV", "FA", "FB", "IBM", "META"]
        )


def test_a_renamed_instrument_is_asked_for_as_a_new_one() -> None:
    known_as = KnownActions(TODAY, TODAY, frozenset(["BK"]))
    assert plan_actions(SPLITS, [Subject(("BK", "BNY"), known_as)], TODAY) == (
        ActionCall(SPLITS, ("BK", "BNY")),
    )


ages = st.lists(
    st.sampled_from([None, TODAY, YESTERDAY, day("2026-10-01"), day("2024-03-01")]), max_size=600
)


@given(ages, st.sampled_from(ActionKind), st.sampled_from((1, 2, 3, GROUP)))
def test_every_due_ticker_is_asked_from_where_it_is_known(
    found: list[date | None], kind: ActionKind, group: int
) -> None:
    until = dict(zip(names(600), found, strict=False))
    subjects = [
        s for t, on in until.items() for s in (known(t, through=on, whole=on) if on else never(t))
    ]
    calls = plan_actions(kind, subjects, TODAY, group=group)
    assert all(len(c.tickers) <= group for c in calls)
    for ticker, through in until.items():
        mine = [c for c in calls if not c.tickers or ticker in c.tickers]
        if through == TODAY:
            assert not [c for c in mine if c.tickers]
        elif through is None:
            assert any(c.since is None for c in mine)
        else:
            assert any(c.since is None or c.since <= through for c in mine)


# --- whose a record is ------------------------------------------------------------------------
EVER = Span(date.min, date.max)
CUT = day("2022-06-28")
OWNERS = {
    "ANTM": [(1, Span(date.min, CUT))],
    "ELV": [(1, Span(CUT, date.max))],
    "GE": [(2, Span(date.min, day("2010-01-04"))), (3, Span(day("2012-01-03"), date.max))],
}


@pytest.mark.parametrize(
    ("ticker", "on", "owner"),
    [
        ("ANTM", "2022-06-13", 1), ("ELV", "2022-06-13", 1), ("ANTM", "2022-09-01", 1),
        ("ELV", "2022-09-01", 1), ("GE", "2009-01-05", 2), ("GE", "2013-01-04", 3),
        ("GE", "2011-01-04", 3),
    ],
)  # fmt: skip
def test_a_record_is_of_whose_ticker_it_was_that_day(ticker: str, on: str, owner: int) -> None:
    record = split(on, ticker=ticker)
    assert attributed([record], OWNERS, {1, 2, 3}) == {(owner, record.id): record}
    assert attributed([record], OWNERS, {1, 2, 3} - {owner}) == {}


def test_one_record_under_two_tickers_is_kept_under_the_one_of_its_day() -> None:
    own, late = (split("2022-06-13", ticker=t, name="e") for t in ("ANTM", "ELV"))
    for order in ([own, late], [late, own]):
        assert attributed(order, OWNERS, {1}) == {(1, "e"): own}


# --- what an answer changes -------------------------------------------------------------------
def split(on: str, to: float = 2, ticker: str = "AAPL", name: str = "") -> Split:
    return Split(name or on, ticker, day(on), 1, to)


def held(*splits: Split) -> dict[tuple[int, str], Action]:
    return {(1, s.id): s for s in splits}


def test_an_answer_adds_corrects_and_withdraws() -> None:
    before = held(split("2000-06-21"), split("2005-02-28"), split("2014-06-09"))
    after = held(split("2000-06-21"), split("2014-06-09", 7), split("2020-08-31", 4))
    found = compare(before, after, None, ["AAPL"])
    assert found.added == ((1, split("2020-08-31", 4)),)
    assert found.corrected == ((1, split("2014-06-09", 7)),)
    assert found.withdrawn == ((1, "2005-02-28"),)
    assert found.ended == ((1, "2014-06-09"), (1, "2005-02-28"))


def test_only_what_was_asked_for_can_be_missing() -> None:
    before = held(split("2000-06-21"), split("2014-06-09"), split("2014-06-10", ticker="OLD"))
    found = compare(before, {}, day("2014-01-01"), ["AAPL"])
    assert found.withdrawn == ((1, "2014-06-09"),)


def test_an_answer_that_lacks_most_of_what_is_known_is_not_believed() -> None:
    many = [split(f"20{n:02}-01-02") for n in range(8)]
    assert len(compare(held(*many), held(*many[:4]), None, ["AAPL"]).withdrawn) == 4
    with pytest.raises(VendorUnreadable, match="lacks 5 of 8"):
        compare(held(*many), held(*many[:3]), None, ["AAPL"])
    few = held(*many[:3])
    assert len(compare(few, {}, None, ["AAPL"]).withdrawn) == 3
