"""Coverage by month, against counting cell by cell."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit import CALENDAR, span
from tickstock.loading.grid import HeldSpans, build_grid
from tickstock.loading.strip import Cell, make_blocks, make_strip, totals
from tickstock.model import Gap, GapCause, Instrument, Timeframe, epoch_day
from tickstock.spans import ONE_DAY, Span, day_of

QUARTER = span("2024-01-01", "2024-03-31")
ALL = len(CALENDAR)


def grid(instruments, held=(), gaps=(), within=QUARTER, published=ALL):
    columns = [np.array(c, np.int64) for c in zip(*held, strict=True)] or [
        np.empty(0, np.int64)
    ] * 3
    return build_grid(
        Timeframe.DAY, instruments, within, CALENDAR, published, HeldSpans(*columns), gaps
    )


def held(instrument, first, last):
    found = span(first, last)
    return instrument, epoch_day(found.start), epoch_day(found.end)


def test_months_and_symbols():
    strip = make_strip(
        grid([Instrument(1, "A"), Instrument(2, "B")], [held(1, "2024-01-01", "2024-01-31")])
    )
    assert strip.months == (date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1))
    assert strip.symbols == ("A", "B")
    assert strip.rows[0] == (
        Cell(21, 21),
        Cell(20, 0, GapCause.NEVER_ASKED),
        Cell(20, 0, GapCause.NEVER_ASKED),
    )
    assert strip.rows[1][0] == Cell(21, 0, GapCause.NEVER_ASKED)


def test_a_month_that_begins_in_the_middle_is_named_by_its_first_day():
    assert make_strip(grid([Instrument(1, "A")], within=span("2024-01-17"))).months == (
        date(2024, 1, 1),
    )


def test_only_the_first_rows_are_made():
    strip = make_strip(grid([Instrument(i, f"S{i}") for i in range(9)]), most=2)
    assert (len(strip.rows), strip.symbols) == (2, ("S0", "S1"))


def test_no_session_is_no_month():
    strip = make_strip(grid([Instrument(1, "A")], within=span("2024-01-06", "2024-01-07")))
    assert (strip.months, strip.rows) == ((), ((),))


def test_what_was_not_expected_does_not_hide_a_failure():
    listed = Instrument(1, "A", listed=date(2024, 1, 26))
    failed = Gap(1, span("2024-01-26"), GapCause.FAILED)
    (row,) = make_strip(grid([listed], [held(1, "2024-01-29", "2024-03-31")], [failed])).rows
    assert row[0] == Cell(4, 3, GapCause.FAILED)
    before = Instrument(1, "A", listed=date(2024, 2, 1))
    assert make_strip(grid([before])).rows[0][0] == Cell(0, 0, GapCause.NOT_LISTED)


DAYS = st.integers(0, 90).map(lambda n: QUARTER.start + n * ONE_DAY)


@given(spans=st.lists(st.tuples(DAYS, DAYS).map(sorted), max_size=4), since=DAYS)
def test_against_a_plain_model(spans, since):
    instrument = Instrument(7, "A", listed=since)
    (row,) = make_strip(grid([instrument], [held(7, str(a), str(b)) for a, b in spans])).rows
    covered = [Span.inclusive(a, b) for a, b in spans]
    for cell, month in zip(row, (1, 2, 3), strict=True):
        days = [
            d for d in map(day_of, CALENDAR.days.tolist()) if (d.year, d.month) == (2024, month)
        ]
        expected = [d for d in days if d >= since]
        assert cell.expected == len(expected)
        assert cell.held == sum(any(d in s for s in covered) for d in expected)
        assert (cell.cause is None) == (cell.held == cell.expected > 0)


def test_short_spans_session_by_session() -> None:
    strip = make_strip(
        grid(
            [Instrument(1, "A")],
            [held(1, "2024-01-03", "2024-01-04")],
            within=span("2024-01-02", "2024-01-05"),
        ),
        by_session=True,
    )
    assert strip.months == tuple(date(2024, 1, day) for day in (2, 3, 4, 5))
    assert [cell.held for cell in strip.rows[0]] == [0, 1, 1, 0]
    none = make_strip(grid([Instrument(1, "A")]), most=0)
    assert none.rows == ()
    assert len(none.months) == 3


def test_a_cause_that_calls_for_somebody_is_not_hidden_by_many_that_do_not():
    failed = Gap(1, span("2024-01-30"), GapCause.FAILED)
    (row,) = make_strip(grid([Instrument(1, "A")], [], [failed])).rows
    assert row[0] == Cell(21, 0, GapCause.FAILED)
    assert row[1].cause is GapCause.NEVER_ASKED


def test_totals_are_the_sums_of_the_rows_that_are_chosen():
    three = [Instrument(i, f"S{i}") for i in range(3)]
    found = grid(three, [held(0, "2024-01-01", "2024-02-10"), held(2, "2024-01-01", "2024-03-31")])
    chosen = [2, 0]
    rows = make_strip(found, chosen=chosen).rows
    for cell, *parts in zip(totals(found, chosen), *rows, strict=True):
        assert (cell.expected, cell.held) == (
            sum(p.expected for p in parts),
            sum(p.held for p in parts),
        )
    assert totals(found, []) == (Cell(0, 0),) * 3
    assert totals(grid(three, within=span("2024-01-06")), chosen) == ()


@pytest.mark.parametrize(("most", "sizes"), [(9, [1] * 7), (3, [3, 3, 1]), (1, [7])])
def test_blocks_come_to_what_their_symbols_do(most: int, sizes: list[int]) -> None:
    seven = [Instrument(i, f"S{i}") for i in range(7)]
    failed = Gap(5, span("2024-02-05", "2024-02-06"), GapCause.FAILED)
    found = grid(seven, [held(i, "2024-01-10", "2024-03-31") for i in (0, 2, 4)], [failed])
    made = make_blocks(found, most, 3)
    assert [len(block.symbols) for block in made.rows] == sizes
    assert [s for block in made.rows for s in block.symbols] == [i.symbol for i in seven]
    assert made.total == totals(found, range(7))
    at = 0
    for block in made.rows:
        assert block.cells == totals(found, range(at, at + len(block.symbols)))
        at += len(block.symbols)


def test_blocks_have_sessions_months_or_years_across():
    one = [Instrument(1, "A")]
    days = len(grid(one).days)
    assert len(make_blocks(grid(one), 9, days).columns) == days
    assert make_blocks(grid(one), 9, days - 1).columns[1] == span("2024-02-01", "2024-02-29")
    years = make_blocks(grid(one, within=span("2019-06-03", "2024-03-28")), 9, 5)
    assert [c.start.year for c in years.columns] == [2020, 2021, 2022, 2023, 2024]
    assert make_blocks(grid([]), 9, 9).rows == ()
    assert make_blocks(grid(one, within=span("2024-01-06")), 9, 9).columns == ()
