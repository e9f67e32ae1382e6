"""Checksums: what makes a difference, what makes none, and what is made of what was said."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tickstock.checksums import (
    BLOCK,
    Cells,
    Hashes,
    Statements,
    cells_of,
    compare,
    day_of,
    instrument_of,
    joined,
    key_of,
    latest,
    row_hashes,
)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
BARS = st.tuples(
    st.integers(1, 2**27 - 1),
    st.integers(-700_000, 2**35),
    *[NUMBERS] * 5,
    NUMBERS | st.just(float("nan")),
    st.integers(-1, 2**31 - 1),
)


def hashed(rows: list[tuple[Any, ...]], **block: int) -> Hashes:
    columns = list(zip(*rows, strict=True))
    ints = [np.array(columns[i], np.int64) for i in (0, 1, 8)]
    o, h, low, c, v, vwap = (np.array(columns[i], np.float64) for i in range(2, 8))
    return row_hashes(ints[0], ints[1], (o, h, low, c), v, vwap, ints[2], **block)


def same(one: Any, other: Any) -> bool:
    return bool(one == other or (one != one and other != other))


@given(BARS, BARS, st.integers(0, 8))
def test_a_change_of_any_one_column_makes_another_hash(
    bar: tuple[Any, ...], other: tuple[Any, ...], column: int
) -> None:
    changed = (*bar[:column], other[column], *bar[column + 1 :])
    found = hashed([bar, changed])
    assert (found[0] == found[1]) == same(bar[column], other[column])


@given(BARS, st.integers(2, 7), st.integers(0, 51))
def test_one_bit_makes_another_hash(bar: tuple[Any, ...], column: int, bit: int) -> None:
    (word,) = struct.unpack("<Q", struct.pack("<d", bar[column]))
    (value,) = struct.unpack("<d", struct.pack("<Q", word ^ (1 << bit)))
    changed = (*bar[:column], value, *bar[column + 1 :])
    found = hashed([bar, changed])
    assert (found[0] == found[1]) == (value != value and bar[column] != bar[column])


@given(BARS, st.permutations(range(2, 6)))
def test_prices_that_change_places_make_another_hash(
    bar: tuple[Any, ...], order: list[int]
) -> None:
    found = hashed([bar, (*bar[:2], *(bar[i] for i in order), *bar[6:])])
    assert (found[0] == found[1]) == all(
        bar[i] == bar[j] for i, j in zip(range(2, 6), order, strict=True)
    )


def test_every_nan_is_one_and_zero_has_no_sign() -> None:
    bar = (1, 2, 1.0, 1.0, 1.0, 1.0, 0.0, np.nan, -1)
    odd = struct.unpack("<d", struct.pack("<Q", 0xFFF8000000000123))[0]
    found = hashed([bar, (*bar[:6], -0.0, odd, -1)])
    assert found[0] == found[1]


def test_they_are_the_same_everywhere() -> None:
    """Never to be changed: they stand in people"s databases."""
    one = (7, 19_905, 9.5, 11.0, 9.25, 10.125, 1e6, 10.1, 77)
    other = (7, -3, 1.0, 2.0, 0.5, 1.0, 0.0, np.nan, -1)
    assert [hex(h) for h in hashed([one, other]).tolist()] == [
        "0x94727e30e176a650",
        "0x221ccee66f5b7386",
    ]


def many(count: int) -> list[tuple[Any, ...]]:
    dice = np.random.default_rng(3)
    prices = dice.normal(100, 9, (count, 6)).tolist()
    return [(1 + n % 7, n, *prices[n], n % 11 - 1) for n in range(count)]


@given(st.integers(1, 9), st.integers(1, 4))
def test_blocks_of_any_size_give_the_same(count: int, block: int) -> None:
    bars = many(count)
    assert hashed(bars, block=block).tolist() == hashed(bars).tolist()


def test_rows_beyond_a_block() -> None:
    bars = many(BLOCK + 3)
    assert hashed(bars)[-4:].tolist() == hashed(bars[-4:]).tolist()


@given(st.integers(0, 2**27), st.integers(-700_000, 2_900_000))
def test_a_key_says_whose_it_is_and_of_which_day(instrument: int, day: int) -> None:
    key = key_of(np.array([instrument]), np.array([day]))
    assert (instrument_of(key)[0], day_of(key)[0]) == (instrument, day)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2**64 - 1))), st.randoms())
def test_the_sum_of_a_cell_does_not_depend_on_the_order(rows: list[Any], dice: Any) -> None:
    def of(some: list[Any]) -> list[Any]:
        key = np.array([k for k, _ in some], np.int64)
        found = cells_of(key, np.array([h for _, h in some], np.uint64))
        return list(zip(found.key.tolist(), found.sums.tolist(), strict=True))

    other = list(rows)
    dice.shuffle(other)
    assert of(rows) == of(other)
    keys = sorted({k for k, _ in rows})
    wanted = [sum(h for k, h in rows if k == key) % 2**64 >> 32 for key in keys]
    assert of(rows) == list(zip(keys, wanted, strict=True))


# --- what was said -----------------------------------------------------------------------------
def cells(**sums: int) -> Cells:
    keys = sorted(sums)
    return Cells(
        np.array([int(k[1:]) for k in keys], np.int64), np.array([sums[k] for k in keys], np.uint32)
    )


def said(*parts: Cells | tuple[int, int]) -> Statements:
    """Cells, or spans of which nothing is known from there on."""
    known = [(n, p) for n, p in enumerate(parts) if isinstance(p, Cells)]
    spans = [(*p, n) for n, p in enumerate(parts) if not isinstance(p, Cells)]
    columns = np.array(spans, np.int64).reshape(-1, 3).T
    return Statements(*latest(known), *columns)


def told(actual: Cells, statements: Statements) -> dict[int, str]:
    found = compare(actual, statements)
    words = np.where(found.unknown, "unknown", np.where(found.wrong, "wrong", "right"))
    return dict(zip(found.actual.key.tolist(), words.tolist(), strict=True))


def test_the_last_statement_counts() -> None:
    statements = said(cells(c1=5, c2=6), cells(c2=7))
    assert told(cells(c1=5, c2=7), statements) == {1: "right", 2: "right"}
    assert told(cells(c1=5, c2=6), statements) == {1: "right", 2: "wrong"}


def test_what_is_gone_and_what_came_is_wrong() -> None:
    statements = said(cells(c1=5))
    assert told(cells(c3=8), statements) == {1: "wrong", 3: "wrong"}
    assert told(cells(c3=8), said()) == {3: "wrong"}
    assert told(joined([]), said()) == {}


def test_that_a_cell_is_to_be_empty_can_be_said() -> None:
    assert told(cells(), said(cells(c1=5), cells(c1=0))) == {1: "right"}


def test_nothing_is_known_until_it_is_said_again() -> None:
    statements = said(cells(c1=5, c2=5, c3=5), (1, 3), cells(c2=9))
    assert told(cells(c1=8, c2=8, c3=8), statements) == {1: "unknown", 2: "wrong", 3: "wrong"}
    assert told(cells(c1=8, c2=9, c3=5), statements) == {1: "unknown", 2: "right", 3: "right"}
