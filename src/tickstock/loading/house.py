"""The whole house: what of every universe is held, summed up from one grid of all instruments.

Pure: a grid and lists of its rows in, a line a universe out.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from tickstock.loading.causes import CAUSES, OUTSIDE, Colour
from tickstock.loading.grid import Grid
from tickstock.loading.strip import Cell, first_columns, main_cell, months_of, sums_of
from tickstock.model import HoleCause, Ints
from tickstock.spans import day_of


class Need(enum.StrEnum):
    """What a universe calls for, the most urgent first."""

    HAND = "hand"
    GAPS = "gaps"
    COMPLETE = "complete"
    UNTOUCHED = "untouched"


@dataclass(frozen=True, eq=False)
class Stand:
    """How a universe stands over the span: sessions of its members, and gaps by cause.

    `newest` is the last session of which any member has bars. `by_month` is what is known of its
    sessions, a number a month.
    """

    members: int
    expected: int
    held: int
    newest: date | None
    gaps: Mapping[HoleCause, int]
    by_month: Mapping[str, Ints]

    @property
    def months(self) -> tuple[Cell, ...]:
        lists = {name: of.tolist() for name, of in self.by_month.items()}
        count = len(lists["expected"]) if lists else 0
        return tuple(main_cell({name: of[j] for name, of in lists.items()}) for j in range(count))

    @property
    def calling(self) -> int:
        """Sessions that somebody has to look after."""
        return sum(n for cause, n in self.gaps.items() if CAUSES[cause].colour is Colour.BAD)

    @property
    def need(self) -> Need:
        if self.calling:
            return Need.HAND
        if not self.held:
            return Need.UNTOUCHED
        return Need.COMPLETE if self.held >= self.expected else Need.GAPS


@dataclass(frozen=True, eq=False)
class Sums:
    """Of every row of a grid, and of one more that stands for symbols never heard of: sessions by
    month and by what is known of them, and the newest one held (a column; -1 for none)."""

    months: tuple[date, ...]
    tables: Mapping[str, Ints]
    newest: Ints
    days: Ints


def sum_up(grid: Grid, published: int) -> Sums:
    """`published` is how many sessions of the span have final bars: what nobody has ever asked for
    is expected to be held of a symbol never heard of."""
    rows, first = len(grid.instruments), first_columns(grid, by_session=False)
    tables = {
        name: np.concatenate((of, np.zeros((1, len(first)), np.int64)))
        for name, of in sums_of(grid, first).items()
    }
    newest = np.full(rows + 1, -1, np.int64)
    for at, flags in grid.held.blocks():
        last = flags.shape[1] - 1 - np.argmax(flags[:, ::-1], axis=1)
        newest[at : at + len(flags)] = np.where(flags.any(axis=1), last, -1)
    final = np.add.reduceat(np.arange(len(grid.days)) < published, first, dtype=np.int64)
    tables["expected"][rows] = final
    tables[HoleCause.NEVER_ASKED][rows] = final
    return Sums(months_of(grid), tables, newest, grid.days)


def stands(sums: Sums, members: Sequence[Ints]) -> list[Stand]:
    """How each list of rows stands; a row that is none (-1) is a symbol never heard of."""
    some = [rows for rows in members if len(rows)]
    if not some or not len(sums.days):
        return [_stand(len(rows), sums, {}, -1) for rows in members]
    flat = np.concatenate(some)
    starts = np.cumsum([0, *map(len, some[:-1])])
    found = {name: np.add.reduceat(of[flat], starts, axis=0) for name, of in sums.tables.items()}
    newest = np.maximum.reduceat(sums.newest[flat], starts)
    out, place = [], 0
    for rows in members:
        if not len(rows):
            out.append(_stand(0, sums, {}, -1))
            continue
        line = {name: of[place] for name, of in found.items()}
        out.append(_stand(len(rows), sums, line, int(newest[place])))
        place += 1
    return out


def _stand(members: int, sums: Sums, line: Mapping[str, Ints], newest: int) -> Stand:
    whole = {name: int(of.sum()) for name, of in line.items()}
    gaps = {
        cause: n for cause in CAUSES if cause not in OUTSIDE and (n := whole.get(cause.value, 0))
    }
    return Stand(
        members,
        whole.get("expected", 0),
        whole.get("held", 0),
        day_of(int(sums.days[newest])) if newest >= 0 else None,
        gaps,
        line,
    )
