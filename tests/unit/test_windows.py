"""Ticker calls of limited range against the best of all possible ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tickstock.loading.bits import Bits
from tickstock.loading.windows import windows_over
from tickstock.model import Flags

TABLES = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=12))
WIDTHS = st.integers(1, 13)
FAR = 99


def fewest(points: list[int], width: int) -> int:
    """How few windows cover `points`: every last window is tried."""
    best = [0] * (len(points) + 1)
    for n in range(1, len(points) + 1):
        fits = (k for k in range(n) if points[n - 1] - points[k] < width)
        best[n] = min(best[k] + 1 for k in fits)
    return best[-1]


def least_price(points: list[int], width: int, call: int) -> int:
    """The least of (`call` for each window + columns spanned) over all ways to cover `points`."""
    best = [0] * (len(points) + 1)
    for n in range(1, len(points) + 1):
        fits = (k for k in range(n) if points[n - 1] - points[k] < width)
        best[n] = min(best[k] + call + points[n - 1] - points[k] + 1 for k in fits)
    return best[-1]


@given(TABLES, WIDTHS)
def test_no_fewer_windows_cover_a_row(flags: Flags, width: int) -> None:
    found = windows_over(Bits.pack(flags), width, FAR)
    for row, line in enumerate(flags):
        assert np.count_nonzero(found.row == row) == fewest(np.flatnonzero(line).tolist(), width)


@given(TABLES, WIDTHS, st.integers(0, 13))
def test_windows_cover_each_missing_cell_once_and_are_no_longer_than_allowed(
    flags: Flags, width: int, gap: int
) -> None:
    found = windows_over(Bits.pack(flags), width, gap)
    covered = np.zeros(flags.shape, np.int64)
    parts = (found.row, found.start, found.end, found.cells)
    for row, start, end, cells in zip(*(p.tolist() for p in parts), strict=True):
        part = flags[row, start:end]
        assert part[0]
        assert part[-1]
        assert end - start <= width
        assert part.sum() == cells
        assert all(len(run) <= gap for run in "".join("01"[int(f)] for f in part).split("1"))
        covered[row, start:end] += 1
    assert covered.max(initial=0) <= 1
    assert (covered[flags] == 1).all()
    order = found.row * (flags.shape[1] + 1) + found.start
    assert (np.diff(order) > 0).all()


@given(TABLES, st.integers(0, 12))
def test_without_a_limit_on_length_gaps_dearer_than_a_call_make_the_cheapest_windows(
    flags: Flags, call: int
) -> None:
    found = windows_over(Bits.pack(flags), FAR, call)
    for row, line in enumerate(flags):
        mine = found.row == row
        price = int(np.count_nonzero(mine) * call + found.length[mine].sum())
        assert price == least_price(np.flatnonzero(line).tolist(), FAR, call)


@pytest.mark.parametrize(
    ("line", "width", "gap", "windows"),
    [
        ("11111", 2, FAR, [(0, 2), (2, 4), (4, 5)]),
        ("10001", 5, FAR, [(0, 5)]),
        ("10001", 4, FAR, [(0, 1), (4, 5)]),
        ("10001", 5, 2, [(0, 1), (4, 5)]),
        ("0110011", 4, FAR, [(1, 3), (5, 7)]),
        ("00000", 3, FAR, []),
    ],
)
def test_examples(line: str, width: int, gap: int, windows: list[tuple[int, int]]) -> None:
    flags = np.array([[c == "1" for c in line]])
    found = windows_over(Bits.pack(flags), width, gap)
    assert list(zip(found.start.tolist(), found.end.tolist(), strict=True)) == windows
