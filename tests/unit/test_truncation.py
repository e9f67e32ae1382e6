"""Answers that look cut off."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from tests.kit import CALENDAR, answer, bar, ticker_call
from tickstock.loading.truncation import HeldRange, is_thin, suspicious_runs
from tickstock.model import Flags
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
