"""The house at a glance, against the strips of the same symbols."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from tests.kit import CALENDAR, span
from tests.unit.test_strip import QUARTER, grid, held
from tickstock.loading.house import Need, stands, sum_up
from tickstock.loading.strip import Cell, totals
from tickstock.model import Gap, GapCause, Instrument
from tickstock.spans import Span

FOUR = [Instrument(i, f"S{i}") for i in range(4)]
HELD = [held(0, "2024-01-01", "2024-03-31"), held(1, "2024-01-01", "2024-02-15")]
FAILED = Gap(2, span("2024-03-04", "2024-03-05"), GapCause.FAILED)
SESSIONS = 61


@pytest.mark.parametrize("rows", [[0], [1], [3], [0, 1, 2, 3], [2, 0], [1, 1]])
def test_a_universe_stands_as_its_symbols_do(rows: list[int]) -> None:
    found = grid(FOUR, HELD, [FAILED])
    (stand,) = stands(sum_up(found, SESSIONS), [np.array(rows)])
    assert stand.months == totals(found, rows)
    assert stand.members == len(rows)
    assert stand.expected == SESSIONS * len(rows)
    assert stand.held == sum(int(found.held.row_counts()[row]) for row in rows)
    assert sum(stand.gaps.values()) == stand.expected - stand.held


def test_what_a_universe_needs() -> None:
    lists = [np.array(rows, np.int64) for rows in ([0], [0, 1], [1, 2], [3], [])]
    found = stands(sum_up(grid(FOUR, HELD, [FAILED]), SESSIONS), lists)
    needs = [stand.need for stand in found]
    assert needs == [Need.COMPLETE, Need.GAPS, Need.HAND, Need.UNTOUCHED, Need.UNTOUCHED]
    newest = [stand.newest for stand in found]
    assert newest == [date(2024, 3, 28), date(2024, 3, 28), date(2024, 2, 15), None, None]
    assert found[2].gaps == {GapCause.FAILED: 2, GapCause.NEVER_ASKED: 2 * SESSIONS - 32 - 2}
    assert found[4].months == ()


def test_a_symbol_that_nobody_has_heard_of_lacks_what_is_published() -> None:
    published = 40
    found = grid(FOUR[:1], HELD[:1], published=CALENDAR.between(QUARTER)[0] + published)
    known, mixed = stands(sum_up(found, published), [np.array([0]), np.array([0, -1, -1])])
    assert (known.expected, known.held, known.need) == (published, published, Need.COMPLETE)
    assert (mixed.expected, mixed.held) == (3 * published, published)
    assert mixed.gaps == {GapCause.NEVER_ASKED: 2 * published}
    assert mixed.months[0] == Cell(3 * 21, 21, GapCause.NEVER_ASKED)


@pytest.mark.parametrize("within", [span("2024-01-06"), QUARTER])
def test_nobody_and_no_days_are_no_error(within: Span) -> None:
    none, empty = np.array([], np.int64), grid([], within=within)
    assert [s.expected for s in stands(sum_up(empty, 0), [none, np.array([-1])])] == [0, 0]
    assert stands(sum_up(empty, 0), []) == []
