"""Packed tables against the matrices that they stand for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tickstock.loading import bits
from tickstock.loading.bits import Bits
from tickstock.model import Flags

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=20)
SIZES = st.sampled_from((1, 2, 3, bits.BLOCK))
"""Rows in a block: small, so that small tables have many; and the real one."""
MATRICES = hnp.arrays(np.bool_, SHAPES)


@given(MATRICES)
def test_packing_keeps_every_cell_and_counts_them(flags: Flags) -> None:
    table = Bits.pack(flags)
    assert np.array_equal(table.unpack(), flags)
    assert table.count() == flags.sum()
    assert table.row_counts().tolist() == flags.sum(axis=1).tolist()
    assert table.column_counts().tolist() == flags.sum(axis=0).tolist()
    assert table.any_in_row().tolist() == flags.any(axis=1).tolist()
    assert table.any_in_column().tolist() == flags.any(axis=0).tolist()
    assert bool(table) == flags.any()


@given(st.data(), SHAPES)
def test_operations_are_those_of_matrices(data: st.DataObject, shape: tuple[int, int]) -> None:
    a, b = (data.draw(hnp.arrays(np.bool_, shape)) for _ in range(2))
    rows, columns = (data.draw(hnp.arrays(np.bool_, n)) for n in shape)
    one, other = Bits.pack(a), Bits.pack(b)
    assert np.array_equal((one & other).unpack(), a & b)
    assert np.array_equal((one | other).unpack(), a | b)
    assert np.array_equal((one - other).unpack(), a & ~b)
    left = a & ~rows[:, None] & ~columns[None]
    assert np.array_equal(one.without(rows, columns).unpack(), left)
    assert np.array_equal(one.unpack(), a)


@given(st.data(), SHAPES, SIZES)
def test_ranges_in_any_order_paint_their_cells(
    data: st.DataObject, shape: tuple[int, int], block: int
) -> None:
    rows, columns = shape
    row = st.integers(0, rows - 1) if rows else st.nothing()
    edge = st.integers(-3, columns + 3)
    ranges = data.draw(st.lists(st.tuples(row, edge, edge), max_size=12 if rows else 0))
    _paint(shape, ranges, block)


@given(st.data(), SHAPES, SIZES)
def test_full_rows_in_any_order_stay_in_theirs(
    data: st.DataObject, shape: tuple[int, int], block: int
) -> None:
    """What is held of everything: each row touches the next one, and the next block."""
    rows, columns = shape
    _paint(shape, [(r, 0, columns) for r in data.draw(st.permutations(range(rows)))], block)


@pytest.mark.parametrize("seed", range(3))
def test_full_rows_beyond_one_block_in_any_order(seed: int) -> None:
    rows, columns = 2 * bits.BLOCK + 3, 7
    order = np.random.default_rng(seed).permutation(rows).tolist()
    _paint((rows, columns), [(r, 0, columns) for r in order], bits.BLOCK)
    _paint((rows, columns), [(r, c, c + 1) for r in order for c in range(columns)], bits.BLOCK)


def _paint(shape: tuple[int, int], ranges: list[tuple[int, int, int]], block: int) -> None:
    expected = np.zeros(shape, np.bool_)
    for r, start, end in ranges:
        expected[r, max(0, start) : max(0, end)] = True
    flat = np.array(ranges, np.int64).reshape(-1, 3)
    table = Bits.from_ranges(*shape, *flat.T, block=block)
    assert np.array_equal(table.unpack(), expected)


@given(MATRICES, SIZES)
def test_runs_paint_the_same_table_again(flags: Flags, block: int) -> None:
    table = Bits.pack(flags)
    row, start, end = table.runs(block=block)
    assert (start < end).all()
    assert ((row[1:] > row[:-1]) | (start[1:] > end[:-1])).all()
    again = Bits.from_ranges(*flags.shape, row, start, end, block=block)
    assert np.array_equal(again.unpack(), flags)


@given(st.data(), MATRICES, SIZES)
def test_blocks_of_any_size_give_the_same(data: st.DataObject, flags: Flags, block: int) -> None:
    table = Bits.pack(flags)
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, flags.shape[1])] * 2)))
    part = table.part(start, end, block=block)
    assert np.array_equal(part.unpack(), flags[:, start:end])
    assert table.column_counts(block=block).tolist() == flags.sum(axis=0).tolist()


def test_tables_of_many_blocks_are_no_different() -> None:
    flags = np.random.default_rng(1).random((3 * bits.BLOCK + 5, 77)) < 0.4
    flags[bits.BLOCK - 2 : bits.BLOCK + 2] = True
    table = Bits.pack(flags)
    again = Bits.from_ranges(*flags.shape, *table.runs())
    assert np.array_equal(again.unpack(), flags)
    assert table.column_counts().tolist() == flags.sum(axis=0).tolist()
    full = Bits.pack(np.ones_like(flags))
    assert full.column_counts().tolist() == [len(flags)] * 77
    assert np.array_equal(full.part(3, 70).unpack(), np.ones((len(flags), 67), np.bool_))
