"""Which splits and dividends are asked for, and what an answer changes."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit import day
from tickstock.actions import Action, ActionCall, ActionKind, Split
from tickstock.errors import VendorUnreadable
from tickstock.loading.actions import GROUP, compare, plan_actions

TODAY = day("2026-11-20")
YESTERDAY = day("2026-11-19")
SPLITS, DIVIDENDS = ActionKind.SPLITS, ActionKind.DIVIDENDS


def names(count: int) -> list[str]:
    return [f"S{n:04}" for n in range(count)]


def test_a_new_ticker_is_asked_for_all_of_its_history() -> None:
    assert plan_actions(SPLITS, {"MSFT": None, "AAPL": None}, TODAY) == (
        ActionCall(SPLITS, ("AAPL", "MSFT")),
    )


def test_what_was_asked_today_is_not_asked_again() -> None:
    assert plan_actions(SPLITS, {"AAPL": TODAY}, TODAY) == ()
    assert plan_actions(SPLITS, {}, TODAY) == ()


def test_a_reload_asks_for_the_last_weeks_and_the_future() -> None:
    (call,) = plan_actions(SPLITS, {"AAPL": YESTERDAY, "MSFT": TODAY}, TODAY)
    assert call == ActionCall(SPLITS, ("AAPL",), day("2026-10-20"))


def test_a_daily_reload_of_many_tickers_is_one_call_for_the_whole_market() -> None:
    for kind in ActionKind:
        (call,) = plan_actions(kind, dict.fromkeys(names(500), YESTERDAY), TODAY)
        assert call.tickers == ()


def test_a_first_load_of_many_tickers_is_in_groups() -> None:
    calls = plan_actions(DIVIDENDS, dict.fromkeys(names(600)), TODAY)
    assert [len(c.tickers) for c in calls] == [250, 250, 100]
    assert all(c.since is None for c in calls)


def test_the_splits_of_the_whole_market_are_cheaper_than_those_of_all_its_tickers() -> None:
    assert plan_actions(SPLITS, dict.fromkeys(names(10_000)), TODAY) == (ActionCall(SPLITS),)


def test_new_and_known_tickers_are_asked_each_in_their_way() -> None:
    known: dict[str, date | None] = dict.fromkeys(names(300), YESTERDAY)
    calls = plan_actions(SPLITS, known | {"NEW": None}, TODAY)
    assert calls == (ActionCall(SPLITS, ("NEW",)), ActionCall(SPLITS, (), day("2026-10-20")))


ages = st.lists(
    st.sampled_from([None, TODAY, YESTERDAY, day("2026-10-01"), day("2024-03-01")]), max_size=600
)


@given(ages, st.sampled_from(ActionKind), st.sampled_from((1, 2, 3, GROUP)))
def test_every_due_ticker_is_asked_from_where_it_is_known(
    found: list[date | None], kind: ActionKind, group: int
) -> None:
    known = dict(zip(names(600), found, strict=False))
    calls = plan_actions(kind, known, TODAY, group=group)
    assert all(len(c.tickers) <= group for c in calls)
    for ticker, through in known.items():
        mine = [c for c in calls if not c.tickers or ticker in c.tickers]
        if through == TODAY:
            assert not [c for c in mine if c.tickers]
        elif through is None:
            assert any(c.since is None for c in mine)
        else:
            assert any(c.since is None or c.since <= through for c in mine)


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
