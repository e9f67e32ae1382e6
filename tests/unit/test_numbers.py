"""Numbers for the eye: told apart where they differ, never cut, never with an exponent."""

from __future__ import annotations

import io
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit import bar, day, table
from tickstock.cli.draw import chart_lines
from tickstock.cli.tables import write
from tickstock.model import Timeframe
from tickstock.words import number, scale


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.000125, "0.000125"),
        (0.000099, "0.000099"),
        (0.0001000001, "0.0001000001"),
        (745123.45, "745,123.45"),
        (750999.99, "750,999.99"),
        (1.23456789e12, "1,234,567,890,000"),
        (100.0, "100"),
        (14.686785714285715, "14.68678571"),
        (2147483647, "2,147,483,647"),
        (0.0, "0"),
        (1e-9, "0.000000001"),
        (None, "-"),
    ],
)
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text


@given(st.integers(1, 10**9), st.integers(0, 6))
def test_prices_as_exchanges_quote_them_are_exact(units: int, digits: int) -> None:
    price = units / 10**digits
    assert float(number(price).replace(",", "")) == price


@given(st.floats(0.0001, 1e6), st.floats(0.0001, 1e6))
def test_marks_of_an_axis_differ_where_prices_do(low: float, high: float) -> None:
    marks = scale([low + (high - low) * i / 4 for i in range(5)])
    assert len(set(marks)) == 5 or abs(high - low) < 1e-8
    assert len({m.partition(".")[2].__len__() for m in marks}) == 1


def test_the_axis_of_a_chart_below_a_cent() -> None:
    lines = chart_lines([day("2024-03-04")] * 3, [0.000099, 0.0001, 0.000125], 80)
    assert len({line.partition("┤")[0] for line in lines[:-1]}) == 10


def test_no_price_or_date_is_cut_in_any_width(monkeypatch: pytest.MonkeyPatch) -> None:
    brk = {"open": 745123.45, "high": 751000.0, "low": 744000.01, "vwap": 748000.1234}
    large = bar("BRK.A", day("2026-10-05"), 750999.99, volume=1234.567891, trades=900, **brk)
    sub = {"open": 0.0001, "high": 0.000125, "low": 0.000099, "vwap": 0.000101}
    small = bar("SUBP", day("2026-10-05"), 0.0001000001, volume=1.23456789e12, **sub)
    bars = table([large, small])
    found = set()
    for columns in ("20", "80", "400"):
        monkeypatch.setenv("COLUMNS", columns)
        assert shutil.get_terminal_size().columns == int(columns)
        out = io.StringIO()
        write(out, bars, Timeframe.DAY, "table")
        found.add(out.getvalue())
    (text,) = found
    head, first, second = text.splitlines()
    assert head.split()[:3] == ["symbol", "date", "open"]
    assert first.split()[1:6] == ["2026-10-05", "745,123.45", "751,000", "744,000.01", "750,999.99"]
    assert first.split()[6:] == ["1,234.567891", "748,000.1234", "900"]
    assert second.split()[:6] == [
        "SUBP",
        "2026-10-05",
        *["0.0001", "0.000125", "0.000099", "0.0001000001"],
    ]
    assert len(first) >= len(second)
