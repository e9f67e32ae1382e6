"""Ticker calls for the missing sessions of each row: few windows of limited length.

One row by itself is the problem of covering points on a line with intervals of a given length.
Going left to right and starting each window at the first point not yet covered needs the fewest:
any set of windows must cover that point, and none that does reaches farther right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tickstock.loading.bits import Bits
from tickstock.model import Flags, Ints


@dataclass(frozen=True, eq=False)
class Windows:
    """Spans of columns, by row and start: `start[i]` up to `end[i]` (without it) of `row[i]`.

    `cells` counts the missing sessions inside.
    """

    row: Ints
    start: Ints
    end: Ints
    cells: Ints

    def __len__(self) -> int:
        return len(self.row)

    @property
    def length(self) -> Ints:
        """Sessions each window spans, held ones between missing ones included."""
        return self.end - self.start


def windows_over(missing: Bits, width: int | Ints, gap: int) -> Windows:
    """The fewest windows of at most `width` columns that cover each row's missing cells.

    `width` may differ by the column that a window begins with, as that of calls which are limited
    in calendar days; one that begins later must not end earlier.

    No window spans more than `gap` columns in a row that are not missing: where those cost more
    than a call, two calls are cheaper than one, whatever else is chosen. Every window begins and
    ends with a missing cell.
    """
    row, start, end = missing.runs()
    stride = missing.columns + 1
    start, end = start + row * stride, end + row * stride
    chunk = _chunks(row, start, end, gap)
    reach = np.append(np.broadcast_to(width, missing.columns), 0)
    picked = _greedy(start, end, np.flatnonzero(chunk), reach)
    first_run, low, last_run, high = picked
    before = np.cumsum(end - start) - (end - start)
    cells = (before[last_run] + high - start[last_run]) - (
        before[first_run] + low - start[first_run]
    )
    base = row[first_run] * stride
    return Windows(row[first_run], low - base, high - base, cells)


def _chunks(row: Ints, start: Ints, end: Ints, gap: int) -> Flags:
    """Flags the runs before which no window may reach back."""
    if not len(row):
        return np.empty(0, np.bool_)
    apart = (row[1:] != row[:-1]) | (start[1:] - end[:-1] > gap)
    return np.concatenate(([True], apart))


def _greedy(start: Ints, end: Ints, chunk: Ints, reach: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Windows as first run, first cell, last run, end; one step takes one window of every chunk.

    `reach` is how far a window may go, by the column that it begins with.
    """
    stop = np.append(chunk[1:], len(start))
    run, at = chunk, start[chunk]
    found: list[tuple[Ints, Ints, Ints, Ints]] = []
    while len(run):
        far = at + reach[at % len(reach)]
        last = np.minimum(np.searchsorted(start, far), stop) - 1
        high = np.minimum(end[last], far)
        found.append((run, at, last, high))
        cut = end[last] > high
        run = np.where(cut, last, last + 1)
        more = run < stop
        run, stop, cut, high = run[more], stop[more], cut[more], high[more]
        at = np.where(cut, high, start[run])
    if not found:
        return chunk, chunk, chunk, chunk
    columns = [np.concatenate(part) for part in zip(*found, strict=True)]
    order = np.argsort(columns[1], kind="stable")
    a, b, c, d = (column[order] for column in columns)
    return a, b, c, d
