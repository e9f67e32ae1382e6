"""Answers that look cut off, and refused ranges that are halved."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit import CALENDAR, answer, bar, ticker_call
from tickstock.loading.entitlement import Met, is_refused, met_of, parts_of_refused
from tickstock.loading.truncation import HeldRange, is_thin, suspicious_runs
from tickstock.model import Call, CallKind, Flags, Timeframe
from tickstock.spans import Span

NOW = datetime(2024, 7, 5, 12, tzinfo=UTC)
BASE = CALENDAR.index(date(2010, 1, 4))


def flags(text: str) -> Flags:
    return np.array([c == "#" for c in text])


def runs(
    held: str, *, known: bool = False, first: date | None = date(2023, 2, 20), bars: int = 7
) -> list[tuple[int, int]]:
    """`#` is a session held, `.` one expected and not held, `-` one not expected."""
    have = flags(held)
    expected = np.array([c != "-" for c in held])
    call = ticker_call("A", Span(date(2023, 1, 1), date(2024, 1, 1)))
    found = answer(call, [bar("A", 19_000 + i) for i in range(bars)])
    return suspicious_runs(found, HeldRange(expected, have, known, first), NOW)


@pytest.mark.parametrize(
    ("held", "found"),
    [
        ("##########", []),
        ("#####..###", []),  # two quiet days
        ("#####...######", [(5, 8)]),  # a page is lost
        ("......####", []),  # a name that was listed then
        ("####......", []),  # one that was delisted
        ("..........", []),  # never heard of
        ("#.#.#...#.#.#", []),  # trades seldom
        ("#####---######", []),
    ],
)
def test_of_an_unknown_life_only_what_lies_between_bars_is_suspicious(
    held: str, found: list[tuple[int, int]]
) -> None:
    assert runs(held) == found


@pytest.mark.parametrize(
    ("held", "found"),
    [
        ("......####", [(0, 6)]),
        ("####......", [(4, 10)]),
        ("---...####", [(3, 6)]),
        ("..........", [(0, 5), (5, 10)]),
        ("....", [(0, 4)]),
        ("#..#######", []),
    ],
)
def test_of_a_known_life_every_long_run_is(held: str, found: list[tuple[int, int]]) -> None:
    assert runs(held, known=True) == found


def test_a_first_bar_whole_years_ago_is_how_plans_cut() -> None:
    assert runs("......####", first=date(2022, 7, 6)) == [(0, 6)]
    assert runs("......####", first=date(2022, 6, 20)) == []
    leap = datetime(2024, 2, 29, 12, tzinfo=UTC)
    call = ticker_call("A", Span(date(2023, 1, 1), date(2024, 1, 1)))
    held = HeldRange(flags("##########") | True, flags("......####"), False, date(2023, 2, 28))
    assert suspicious_runs(answer(call), held, leap) == [(0, 6)]


def test_a_full_page_is_suspicious_on_both_sides() -> None:
    assert runs("......####......", bars=500) == [(0, 6), (10, 16)]
    assert runs("......####......", bars=501) == []


def test_a_thin_session_is_judged_by_mass() -> None:
    assert [is_thin(*pair) for pair in ((500, 249), (500, 250), (19, 0), (20, 9), (0, 0))] == [
        True,
        False,
        False,
        True,
        False,
    ]


# --- refused in part -----------------------------------------------------------------------------
def day(n: int) -> date:
    return CALENDAR.day(BASE + n)


def call_of(start: int, end: int, symbol: str = "A") -> Call:
    return ticker_call(symbol, Span.inclusive(day(start), day(end - 1)))


def ask_all(
    length: int, first: int, end: int, symbols: int = 1, order: random.Random | None = None
) -> tuple[set[tuple[str, int]], int]:
    """Ask a range of which the sessions from `first` to `end` are included, for each symbol: what
    came, in how many calls. Calls end one by one, in the order of the ledger; or in any order, and
    answers are known later than refusals, as they have to be written first."""
    waiting = [call_of(0, length, f"S{n}") for n in range(symbols)]
    got, count = set[tuple[str, int]](), 0
    refused: list[Call] = []
    answered: list[Span] = []
    unwritten: list[Span] = []
    while waiting:
        call = waiting.pop(order.randrange(len(waiting)) if order else 0)
        count += 1
        a, b = (n - BASE for n in CALENDAR.between(call.span))
        if first <= a and b <= end:
            got |= {(call.symbol, n) for n in range(a, b)}
            unwritten.append(call.span)
        else:
            refused.append(call)
            parts = parts_of_refused(call, known(refused, answered), CALENDAR)
            assert all(part.span.days < call.span.days for part in parts)
            waiting += parts
        if order is None or order.random() < 0.2:
            answered, unwritten = answered + unwritten, []
    return got, count


def known(refused: list[Call], answered: list[Span]) -> Met:
    hull = Span(min(s.start for s in answered), max(s.end for s in answered)) if answered else None
    return met_of({c.span for c in refused}, hull, len({c.symbol for c in refused}), CALENDAR)


def of_all(symbols: int, first: int, end: int) -> set[tuple[str, int]]:
    return {(f"S{n}", i) for n in range(symbols) for i in range(first, end)}


@given(st.integers(1, 2600), st.floats(0, 1))
def test_history_from_some_day_on_is_found(length: int, share: float) -> None:
    first = round(share * length)
    got, count = ask_all(length, first, length)
    assert got == of_all(1, first, length)
    assert count <= 2 + 4 * length.bit_length()


@given(st.integers(20, 2600), st.floats(0, 1), st.integers(1, 2))
def test_history_without_the_newest_sessions_is_found(
    length: int, share: float, newest: int
) -> None:
    first = round(share * (length - 10))
    got, _ = ask_all(length, first, length - newest)
    assert got == of_all(1, first, length - newest)


@given(st.integers(1, 2600))
def test_nothing_at_all_is_found_out_in_few_calls(length: int) -> None:
    got, count = ask_all(length, length, length)
    assert got == set()
    assert count <= 2 + 5 * length.bit_length()


@given(st.integers(20, 800), st.floats(0, 1), st.integers(0, 4), st.integers(1, 6), st.randoms())
def test_in_whatever_order_answers_come_nothing_is_lost(
    length: int, share: float, newest: int, symbols: int, order: random.Random
) -> None:
    first = round(share * (length - 10))
    got, count = ask_all(length, first, length - newest, symbols, order)
    assert got == of_all(symbols, first, length - newest)
    assert count <= symbols * (10 + 6 * length.bit_length())


@given(st.integers(1, 800), st.integers(1, 6), st.randoms())
def test_in_whatever_order_refusals_come_they_are_few(
    length: int, symbols: int, order: random.Random
) -> None:
    got, count = ask_all(length, length, length, symbols, order)
    assert got == set()
    assert count <= symbols * (8 + 6 * length.bit_length())


def test_what_was_answered_for_others_is_refused_for_this_ticker() -> None:
    seen = met_of([call_of(10, 400).span], call_of(0, 500).span, 1, CALENDAR)
    assert parts_of_refused(call_of(10, 400), seen, CALENDAR) == ()


def test_only_ranges_of_a_ticker_have_parts() -> None:
    market = Call(CallKind.MARKET_DAY, Timeframe.DAY, Span(day(3), day(3) + timedelta(1)))
    assert parts_of_refused(market, Met(), CALENDAR) == ()
    seen = met_of([call_of(3, 4).span], None, 1, CALENDAR)
    assert parts_of_refused(call_of(3, 4), seen, CALENDAR) == ()


def test_what_others_were_refused_need_not_be_asked() -> None:
    def met(refused: Call, answered: Call | None, tickers: int = 2) -> Met:
        return met_of([refused.span], answered.span if answered else None, tickers, CALENDAR)

    def is_so(call: Call, seen: Met) -> bool:
        return is_refused(call, seen, CALENDAR)

    whole, begun = call_of(0, 500, "B"), call_of(101, 500, "B")
    seen = met(call_of(100, 500), begun)
    assert is_so(whole, seen)
    assert is_so(call_of(100, 101, "B"), seen)
    assert not is_so(begun, seen)
    assert not is_so(whole, met(call_of(100, 500), begun, tickers=1))
    assert not is_so(whole, met(call_of(100, 500), call_of(90, 500)))
    assert not is_so(whole, met(call_of(100, 500), None))
    newest = met(whole, call_of(0, 499), tickers=3)
    assert is_so(whole, newest)
    assert not is_so(call_of(0, 499, "B"), newest)
