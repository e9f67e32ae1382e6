"""Lines of flat files read all at once give what they give row by row, whatever stands in them."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flat_kit import HEADER
from tests.kit import bar, table
from tickstock.errors import VendorUnreadable
from tickstock.model import COLUMNS, BarTable, Call, CallKind, Timeframe
from tickstock.spans import Span
from tickstock.vendors.flatfiles import flatcsv
from tickstock.vendors.tables import RESERVED, GrowingTable

CALL = Call(CallKind.FLAT_DAY, Timeframe.MINUTE, Span(date(2024, 3, 7), date(2024, 3, 8)))
NOON = 1_709_830_800_000_000_000
floats = st.floats(0.01, 1e9).map(repr) | st.integers(0, 10**12).map(str)
stamps = st.integers(0, 400).map(lambda n: str(NOON + 60_000_000_000 * n))
counts = st.integers(0, 90_000).map(str)
odd = st.sampled_from(
    ["", " 5", "5 ", "5.0", "1e3", "1E-3", "-0", "-1", "007", "+1", "NaN", "null", "true", '"5"',
     "5\r", "1],[1", "[1]", "1 2", str(2**31), "99999999999", str(NOON // 1000), f"{NOON}.0",
     f" {NOON}", f"{NOON}0", "1" * 18, "9" * 19, "1.7098308e18"]
)  # fmt: skip


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    out = []
    for _ in range(draw(st.integers(1, 8))):
        row = [*(draw(floats) for _ in range(5)), draw(stamps), draw(counts)]
        if draw(st.integers(0, 3)) == 0:
            row[draw(st.integers(0, 6))] = draw(odd)
        if draw(st.integers(0, 9)) == 0:
            row = row[: draw(st.integers(0, 6))]
        if draw(st.integers(0, 9)) == 0:
            row.append(draw(odd | floats))
        out.append(",".join([draw(st.sampled_from("ABB")), *row]))
    return ("\n".join(out) + "\n").encode()


def read(text: bytes, *, row_by_row: bool) -> Any:
    reader = flatcsv._LineReader(CALL, HEADER.split(","), frozenset())
    reader._is_plain = not row_by_row
    try:
        found = reader.read(text)
    except VendorUnreadable as error:
        return str(error)
    columns = [getattr(found, name) for name in COLUMNS]
    shown = [c.view(np.int64).tolist() if len(c) else [] for c in columns]
    return found.tickers if len(found) else (), shown, reader.aside, reader.lines


@given(lines())
def test_at_once_or_row_by_row_is_the_same(text: bytes) -> None:
    assert read(text, row_by_row=False) == read(text, row_by_row=True)


@pytest.mark.parametrize("capacity", [2, 3, RESERVED])
def test_bars_that_come_in_pieces_are_those_of_one(capacity: int) -> None:
    rows = [bar(f"T{n * 7 % 5}", n, 10 + n) for n in range(23)]
    growing = GrowingTable(capacity=capacity)
    for start in range(0, len(rows), 4):
        growing.add(table(rows[start : start + 4]))
        growing.add(BarTable.empty())
    found, whole = growing.table(), table(rows)
    assert found.tickers == tuple(sorted(whole.tickers))
    names = [[t.tickers[o] for o in t.owner] for t in (found, whole)]
    assert names[0] == names[1]
    for name in COLUMNS[1:]:
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    assert len(GrowingTable(capacity=capacity).table()) == 0


@pytest.mark.parametrize("ends", ["", "5\n"])
def test_usual_lines_are_read_at_once(ends: str) -> None:
    reader = flatcsv._LineReader(CALL, HEADER.split(","), frozenset())
    usual = f"1,2,3,4,1.5,{NOON},7{ends}".strip("\n").encode()
    found = [(b"A", b"A," + usual + b"\nA," + usual, 2), (b"B", b"B," + usual, 4)]
    columns = reader._all_at_once(found, 3)
    assert columns["window_start"].tolist() == [NOON // 10**9] * 3
    assert columns["transactions"].tolist() == [75 if ends else 7] * 3
    for spoilt in (b"1,2,3,4,1.5", usual + b".0", usual + b"\r", b"1," + usual):
        with pytest.raises(ValueError, match=r"\w"):
            reader._all_at_once([(b"A", b"A," + spoilt, 2)], 1)
    short, long = b"A," + usual.partition(b",")[2], b"A,1," + usual
    with pytest.raises(ValueError, match="in each line"):
        reader._all_at_once([(b"A", short + b"\n" + long, 2)], 2)
