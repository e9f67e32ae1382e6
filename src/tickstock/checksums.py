"""Checksums of bars by cell, which is an instrument and a day: equal for equal bars, in whatever
order they lie, on every machine. Pure.

They find what happens to a database by accident or by another program's hand; who means to deceive
can write a checksum as well as a bar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tickstock.model import PRICES, Flags, Floats, Ints

Hashes = npt.NDArray[np.uint64]
Sums = npt.NDArray[np.uint32]
BLOCK = 8192
"""Rows hashed at once: their columns stay in the processor's cache."""
DAY_BITS = 32
_ODD = np.uint64(0x9E3779B97F4A7C15)
_OTHER = np.uint64(0xC2B2AE3D27D4EB4F)
_HALF = np.uint64(32)


@dataclass(frozen=True, slots=True)
class Cells:
    """Sums of cells, sorted by key; see `key_of`. The sum of a cell without bars is zero."""

    key: Ints
    sums: Sums

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True, slots=True)
class Statements:
    """What was said about cells: of each key its last sum and the place of that statement, and
    spans of keys, half-open, of which nothing was known from a place on (sorted by that)."""

    cells: Cells
    place: Ints
    unknown_from: Ints
    unknown_to: Ints
    unknown_place: Ints


@dataclass(frozen=True, slots=True)
class Comparison:
    """Cells that are there or were spoken of, with their sums as they are, and what is the matter:
    `unknown` where nothing says what they should be, `wrong` where it is something else."""

    actual: Cells
    unknown: Flags
    wrong: Flags
    was_written: Flags
    is_there: Flags


def key_of(instrument: Ints, day: Ints) -> Ints:
    """One sortable number for a cell; days since 1970-01-01 may lie before."""
    return (instrument << DAY_BITS) + (day + (1 << (DAY_BITS - 1)))


def instrument_of(key: Ints) -> Ints:
    return key >> DAY_BITS


def day_of(key: Ints) -> Ints:
    return (key & ((1 << DAY_BITS) - 1)) - (1 << (DAY_BITS - 1))


def row_hashes(
    instrument: Ints,
    at: Ints,
    prices: Sequence[Floats],
    volume: Floats,
    vwap: Floats,
    trades: Ints,
    *,
    block: int = BLOCK,
) -> Hashes:
    """64 bits for each bar, its key included. Every step can be undone, so that no change of one
    column goes unseen; zero is zero whatever its sign, and every NaN is one."""
    found = np.empty(len(at), np.uint64)
    for start in range(0, len(at), block):
        rows = slice(start, start + block)
        ints = instrument[rows] << 36, at[rows], trades[rows]
        h = found[rows]
        np.add(ints[0], ints[1], out=h.view(np.int64))
        h *= _OTHER
        h ^= ints[2].view(np.uint64)
        part = np.empty(len(h), np.uint64)
        _stir(h, part)
        mean = np.where(np.isnan(vwap[rows]), np.nan, vwap[rows])
        for column in (*(p[rows] for p in prices), volume[rows] + 0.0, mean):
            h ^= column.view(np.uint64)
            _stir(h, part)
        _stir(h, part)
    return found


def column_hashes(bars: Mapping[str, npt.NDArray[Any]]) -> Hashes:
    """The same of bars whose columns are by name, as files of them have."""
    prices: list[Floats] = [bars[name] for name in PRICES]
    return row_hashes(
        bars["instrument"], bars["at"], prices, bars["volume"], bars["vwap"], bars["trades"]
    )


def _stir(h: Hashes, part: Hashes) -> None:
    """Let every bit above and below count in the next step; `part` is scratch."""
    h *= _ODD
    np.right_shift(h, _HALF, out=part)
    h ^= part


def cells_of(key: Ints, hashes: Hashes) -> Cells:
    """The sums of rows by cell, given the cell of each row."""
    if not len(key):
        return Cells(key, np.empty(0, np.uint32))
    if (key[1:] > key[:-1]).all():
        return Cells(key, (hashes >> _HALF).astype(np.uint32))
    if (key[1:] < key[:-1]).any():
        order = np.argsort(key, kind="stable")
        key, hashes = key[order], hashes[order]
    first = np.flatnonzero(np.diff(key, prepend=key[0] - 1))
    total = np.add.reduceat(hashes, first)
    return Cells(key[first], (total >> _HALF).astype(np.uint32))


def joined(parts: Sequence[Cells]) -> Cells:
    """Cells of different instruments in one."""
    if not parts:
        return Cells(np.empty(0, np.int64), np.empty(0, np.uint32))
    key = np.concatenate([p.key for p in parts])
    sums = np.concatenate([p.sums for p in parts])
    order = np.argsort(key, kind="stable")
    return Cells(key[order], sums[order])


def latest(parts: Sequence[tuple[int, Cells]]) -> tuple[Cells, Ints]:
    """Of statements in order, each with its place, the last one about each cell, and its place."""
    if not parts:
        return joined(()), np.empty(0, np.int64)
    key = np.concatenate([cells.key for _, cells in parts])
    sums = np.concatenate([cells.sums for _, cells in parts])
    place = np.repeat([p for p, _ in parts], [len(cells) for _, cells in parts])
    order = np.argsort(key, kind="stable")
    key = key[order]
    last = np.append(np.diff(key) != 0, True) if len(key) else np.zeros(0, bool)
    return Cells(key[last], sums[order][last]), place[order][last]


def compare(actual: Cells, said: Statements) -> Comparison:
    """What is there against what was said about it."""
    key = np.union1d(actual.key, said.cells.key)
    is_there, sums = _aligned(key, actual)
    was_said, written = _aligned(key, said.cells)
    place = np.full(len(key), -1)
    place[was_said] = said.place
    unknown = np.full(len(key), -1)
    starts = np.searchsorted(key, said.unknown_from).tolist()
    ends = np.searchsorted(key, said.unknown_to).tolist()
    for start, end, at in zip(starts, ends, said.unknown_place.tolist(), strict=True):
        unknown[start:end] = at  # sorted by place: the last one stays
    is_unknown = unknown > place
    wrong = ~is_unknown & (sums != written)
    return Comparison(Cells(key, sums), is_unknown, wrong, was_said & (written != 0), is_there)


def _aligned(key: Ints, cells: Cells) -> tuple[Flags, Sums]:
    """Which of the keys `cells` has, and its sums for them; zero for others."""
    found = np.zeros(len(key), np.uint32)
    there = np.isin(key, cells.key, assume_unique=True)
    found[there] = cells.sums
    return there, found
