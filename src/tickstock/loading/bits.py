"""A big yes-no table, eight cells to a byte: instruments down, sessions across.

Ten thousand instruments over twenty years are 50 million cells. As bytes every operation costs
100 ms, most of it for fresh memory; as bits it costs a few milliseconds. What has to look at
single cells unpacks a few hundred rows at a time, which stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tickstock.model import Flags, Ints

Packed = npt.NDArray[np.uint8]
BLOCK = 255
"""Rows unpacked at once: as many as a sum of bits in one byte can hold. What needs blocks takes
their size as an argument, so that tests can cross their edges; more than this it may not be."""


@dataclass(frozen=True, eq=False)
class Bits:
    """A table of `len(packed)` rows and `columns` columns.

    Every packed row ends in at least one bit beyond `columns`, and all such bits are 0: runs of
    cells never touch those of the next row, and counts need no mask.
    """

    packed: Packed
    columns: int

    @classmethod
    def pack(cls, flags: Flags) -> Bits:
        """The table of a matrix."""
        rows, columns = flags.shape
        out = cls.empty(rows, columns)
        if columns:
            bits = np.packbits(flags, axis=1)
            out.packed[:, : bits.shape[1]] = bits
        return out

    @classmethod
    def empty(cls, rows: int, columns: int) -> Bits:
        """A table without a set cell."""
        return cls(np.zeros((rows, columns // 8 + 1), np.uint8), columns)

    @classmethod
    def from_ranges(
        cls, rows: int, columns: int, row: Ints, start: Ints, end: Ints, *, block: int = BLOCK
    ) -> Bits:
        """Set the cells `start[i]` up to `end[i]` (without it) of `row[i]`.

        Ranges may overlap, come in any order, and reach over the edges.
        """
        out = cls.empty(rows, columns)
        low = row * columns + np.clip(start, 0, columns)
        high = row * columns + np.clip(end, 0, columns)
        low, high = _disjoint(low, high)
        for first in range(0, rows, block):
            size = min(block, rows - first) * columns
            a, b = np.searchsorted(low, [first * columns, first * columns + size])
            flags = _painted(low[a:b] - first * columns, high[a:b] - first * columns, size)
            if columns:
                bits = np.packbits(flags.reshape(-1, columns), axis=1)
                out.packed[first : first + block, : bits.shape[1]] = bits
        return out

    def __len__(self) -> int:
        return len(self.packed)

    def __and__(self, other: Bits) -> Bits:
        return Bits(self.packed & other.packed, self.columns)

    def __or__(self, other: Bits) -> Bits:
        return Bits(self.packed | other.packed, self.columns)

    def __sub__(self, other: Bits) -> Bits:
        """The cells set here and not in `other`."""
        return Bits(self.packed & ~other.packed, self.columns)

    def __bool__(self) -> bool:
        return bool(self.packed.any())

    def without(self, rows: Flags, columns: Flags) -> Bits:
        """The same table, with all cells of the flagged rows and columns unset."""
        keep = Bits.pack(~columns[np.newaxis])
        kept = self.packed & keep.packed
        kept[rows] = 0
        return Bits(kept, self.columns)

    def part(self, start: int, end: int, *, block: int = BLOCK) -> Bits:
        """The columns from `start` up to `end` (without it) alone."""
        out = Bits.empty(len(self), max(0, min(end, self.columns) - start))
        for first, flags in self.blocks(block=block):
            bits = np.packbits(flags[:, start:end], axis=1)
            out.packed[first : first + len(flags), : bits.shape[1]] = bits
        return out

    def unpack(self) -> Flags:
        """The table as a matrix: eight times the memory."""
        return np.unpackbits(self.packed, axis=1, count=self.columns).view(np.bool_)

    def blocks(self, margin: int = 0, *, block: int = BLOCK) -> Iterator[tuple[int, Flags]]:
        """Matrices of up to `block` rows, each with the number of its first one.

        `margin` 1 adds a column of unset cells at the end.
        """
        for first in range(0, len(self), block):
            part = self.packed[first : first + block]
            flags = np.unpackbits(part, axis=1, count=self.columns + margin)
            yield first, flags.view(np.bool_)

    def count(self) -> int:
        return int(self.row_counts().sum())

    def row_counts(self) -> Ints:
        """Set cells of each row."""
        counts: Ints = np.bitwise_count(self.packed).sum(axis=1, dtype=np.int64)
        return counts

    def column_counts(self, *, block: int = BLOCK) -> Ints:
        """Set cells of each column."""
        out = np.zeros(self.columns, np.int64)
        for _, flags in self.blocks(block=block):
            out += np.add.reduce(flags.view(np.uint8), axis=0, dtype=np.uint8)
        return out

    def any_in_row(self) -> Flags:
        """Flags the rows that have set cells."""
        flags: Flags = np.any(self.packed, axis=1)
        return flags

    def any_in_column(self) -> Flags:
        """Flags the columns that have set cells."""
        joined = np.bitwise_or.reduce(self.packed, axis=0)
        return np.unpackbits(joined, count=self.columns).view(np.bool_)

    def runs(self, *, block: int = BLOCK) -> tuple[Ints, Ints, Ints]:
        """Row, first column and end (half-open) of every run of set cells, in order."""
        stride = self.columns + 1
        edges = [np.empty(0, np.int64)]
        for first, flags in self.blocks(margin=1, block=block):
            flat = np.concatenate(([False], flags.ravel()))
            edges.append(np.flatnonzero(flat[1:] != flat[:-1]) + first * stride)
        starts, ends = np.concatenate(edges).reshape(-1, 2).T
        row = starts // stride
        return row, starts - row * stride, ends - row * stride


def _disjoint(low: Ints, high: Ints) -> tuple[Ints, Ints]:
    """The same cells in ranges that are in order and share none; empty ones left out.

    Ranges that only touch stay two: joined, a full row would run into the next one, and with it
    into the next block.
    """
    some = low < high
    if not some.all():
        low, high = low[some], high[some]
    if (low[1:] >= high[:-1]).all():
        return low, high
    order = np.argsort(low, kind="stable")
    low, reach = low[order], np.maximum.accumulate(high[order])
    begins = np.flatnonzero(np.concatenate(([True], low[1:] >= reach[:-1])))
    return low[begins], reach[np.append(begins[1:], len(low)) - 1]


def _painted(low: Ints, high: Ints, size: int) -> Flags:
    """`size` flags, set within each of the ordered ranges."""
    edges = np.empty(2 * len(low) + 2, np.int64)
    edges[0], edges[1:-1:2], edges[2:-1:2], edges[-1] = 0, low, high, size
    return np.repeat(np.arange(len(edges) - 1) % 2 == 1, np.diff(edges))


def runs(flags: npt.ArrayLike) -> Iterator[tuple[int, int]]:
    """Half-open index ranges of the consecutive true values in `flags` (one dimension)."""
    padded = np.concatenate(([False], np.asarray(flags, dtype=bool), [False]))
    edges = np.flatnonzero(padded[1:] != padded[:-1]).tolist()
    return zip(edges[::2], edges[1::2], strict=True)
