"""Pictures in characters."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickstock.cli.draw import chart_lines, strip_lines
from tickstock.loading.strip import Cell, Strip
from tickstock.model import GapCause


def months(count, year=2020):
    return tuple(date(year + i // 12, i % 12 + 1, 1) for i in range(count))


def strip(*rows, symbols=None):
    return Strip(months(len(rows[0])), symbols or tuple(f"S{i}" for i in range(len(rows))), rows)


def test_marks_tell_all_part_none_and_not_expected():
    row = (Cell(20, 20), Cell(20, 19), Cell(20, 1), Cell(20, 0), Cell(0, 0, GapCause.NOT_LISTED))
    (_, line) = strip_lines(strip(row), 80)
    assert line.plain == "S0 █▇▁·   50.0 %"


def test_a_month_short_of_one_session_is_never_drawn_as_full():
    row = tuple(Cell(23, held) for held in range(24))
    drawn = strip_lines(strip(row), 80)[1].plain[3:27]
    assert drawn[-1] == "█"
    assert "█" not in drawn[:-1]
    assert drawn[0] == "·"
    assert "·" not in drawn[1:]


@pytest.mark.parametrize(
    ("cause", "colour"),
    [(GapCause.FAILED, "red"), (GapCause.VENDOR_EMPTY, "yellow"), (None, "green")],
)
def test_colours_tell_faults_from_gaps(cause, colour):
    cell = Cell(20, 10 if cause else 20, cause)
    assert strip_lines(strip((cell,)), 80)[1].spans[0].style == colour


def test_a_long_history_shows_its_newest_months_and_the_percentage_of_all():
    row = (*[Cell(20, 0)] * 60, *[Cell(20, 20)] * 60)
    ruler, line = (text.plain for text in strip_lines(strip(row, symbols=("LONG",)), 60))
    assert len(line) <= 60
    assert line.startswith("LONG ████")
    assert line.endswith(" 50.0 %")
    assert "2029" in ruler
    assert "2024" not in ruler


def test_nothing_expected_has_no_percentage():
    assert strip_lines(strip((Cell(0, 0),)), 80)[1].plain.endswith("- ")


def test_an_empty_strip_is_a_ruler():
    assert len(strip_lines(Strip((), (), ()), 80)) == 1


def test_a_chart_has_its_prices_and_days():
    days = [date(2024, 1, 1) + timedelta(i) for i in range(30)]
    lines = chart_lines(days, [float(i) for i in range(30)], 80)
    assert len(lines) == 11
    assert "2024-01-01" in lines[-1]
    assert "2024-01-30" in lines[-1]
    assert lines[0].rstrip().endswith("█")  # the highest close, at the right
    assert lines[9].count("█") > lines[0].count("█")


def test_no_bars_are_said():
    assert chart_lines([], [], 80) == ["(no bars)"]


@given(
    closes=st.lists(st.floats(0.0001, 1e9), min_size=1, max_size=50),
    width=st.integers(0, 120),
    height=st.integers(1, 12),
)
def test_any_prices_make_a_chart_of_that_height_and_width(closes, width, height):
    days = [date(2024, 1, 1)] * len(closes)
    lines = chart_lines(days, closes, width, height)
    assert len(lines) == height + 1
    axes = {line.index("┤") for line in lines[:-1]}
    assert len(axes) == 1
    assert all(len(line) <= max(width, 40) for line in lines[:-1])
