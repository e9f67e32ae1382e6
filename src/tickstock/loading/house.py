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
from tickstock.loading.strip import Cell, cells_of, first_columns, months_of, sums_of
from tickstock.model import GapCause, Ints
from tickstock.spans import day_of


class Need(enum.StrEnum):
    """What a universe calls for, the most urgent first."""

    HAND = "hand"
    GAPS = "gaps"
    COMPLETE = "complete"
    UNTOUCHED = "untouched"


@dataclass(frozen=True, eq=False)
class Sums:
    """Of every row of a grid, and of one more that stands for symbols never heard of: sessions by
    month and by what is known of them, and the newest one held (a column; -1 for none)."""

    months: tuple[date, ...]
    tables: Mapping[str, Ints]
    newest: Ints
    days: Ints


@dataclass(frozen=True, eq=False)
class Stand:
    """How a universe stands over the span: sessions of its members, and gaps by cause.

    `newest` is the last session of which any member has bars. `rows` are its members in `sums`.
    """

    expected: int
    held: int
    newest: date | None
    gaps: Mapping[GapCause, int]
    rows: Ints
    sums: Sums

    @property
    def members(self) -> int:
        return len(self.rows)

    @property
    def months(self) -> tuple[Cell, ...]:
        """Month by month; summed up when asked for, because few universes are looked at."""
        if not len(self.rows):
            return ()
        return cells_of({n: of[self.rows].sum(axis=0) for n, of in self.sums.tables.items()})

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
    none = np.zeros_like(tables["expected"])
    tables.setdefault(GapCause.NEVER_ASKED.value, none)[rows] = final
    return Sums(months_of(grid), tables, newest, grid.days)


def stands(sums: Sums, members: Sequence[Ints]) -> list[Stand]:
    """How each list of rows stands; a row that is none (-1) is a symbol never heard of."""
    none = np.empty(0, np.int64)
    some = [rows for rows in members if len(rows)]
    whole: dict[str, Ints] = {}
    newest = none
    if some:
        flat, starts = np.concatenate(some), np.cumsum([0, *map(len, some[:-1])])
        whole = {
            name: np.add.reduceat(of.sum(axis=1)[flat], starts) for name, of in sums.tables.items()
        }
        newest = np.maximum.reduceat(sums.newest[flat], starts)
    lists = {name: of.tolist() for name, of in whole.items()}
    out: list[Stand] = []
    places = iter(range(len(some)))
    for rows in members:
        place = next(places) if len(rows) else None
        line = {} if place is None else {name: of[place] for name, of in lists.items()}
        last = -1 if place is None else int(newest[place])
        out.append(_stand(rows, sums, line, last))
    return out


def _stand(rows: Ints, sums: Sums, line: Mapping[str, int], newest: int) -> Stand:
    gaps = {c: n for c in CAUSES if c not in OUTSIDE and (n := line.get(c.value, 0))}
    return Stand(
        line.get("expected", 0),
        line.get("held", 0),
        day_of(int(sums.days[newest])) if newest >= 0 else None,
        gaps,
        rows,
        sums,
    )
