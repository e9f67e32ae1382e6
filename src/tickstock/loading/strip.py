"""Coverage as a picture: symbols down, months (or sessions) across. Pure; a terminal and a page
draw it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from tickstock.loading.bits import Bits
from tickstock.loading.causes import CAUSES, OUTSIDE, Colour
from tickstock.loading.grid import Grid
from tickstock.model import GapCause, Ints
from tickstock.spans import Span, day_of


@dataclass(frozen=True, slots=True)
class Cell:
    """One symbol in one month: sessions expected and held, and the main cause of the rest."""

    expected: int
    held: int
    cause: GapCause | None = None


@dataclass(frozen=True, slots=True)
class Strip:
    """`rows[i][j]` is `symbols[i]` in `months[j]`, named by its first day, or in that session."""

    months: tuple[date, ...]
    symbols: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def make_strip(
    grid: Grid,
    most: int | None = None,
    *,
    by_session: bool = False,
    chosen: Sequence[int] | None = None,
) -> Strip:
    """Sum a grid up by month, or show every session: all its instruments, the first `most`, or
    those of the `chosen` rows."""
    picked = list(range(len(grid.instruments))[:most]) if chosen is None else list(chosen)
    symbols = tuple(grid.instruments[row].symbol for row in picked)
    if not len(grid.days):
        return Strip((), symbols, tuple(() for _ in symbols))
    first = first_columns(grid, by_session=by_session)
    sums = {
        name: np.add.reduceat(_rows(bits, picked).unpack(), first, axis=1, dtype=np.int64).tolist()
        for name, bits in tables_of(grid).items()
    }
    rows = tuple(
        tuple(
            main_cell({name: table[i][j] for name, table in sums.items()})
            for j in range(len(first))
        )
        for i in range(len(symbols))
    )
    return Strip(months_of(grid, by_session=by_session), symbols, rows)


def months_of(grid: Grid, *, by_session: bool = False) -> tuple[date, ...]:
    """The first days of the months of a grid; every session, session by session."""
    days = [day_of(int(d)) for d in grid.days[first_columns(grid, by_session=by_session)]]
    return tuple(days if by_session else (day.replace(day=1) for day in days))


def totals(grid: Grid, chosen: Sequence[int], *, by_session: bool = False) -> tuple[Cell, ...]:
    """What the `chosen` rows of a grid come to, month by month or session by session."""
    if not len(grid.days):
        return ()
    first = first_columns(grid, by_session=by_session)
    sums = {
        name: np.add.reduceat(_rows(bits, chosen).column_counts(), first)
        for name, bits in tables_of(grid).items()
    }
    return cells_of(sums)


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring symbols of a grid, and what they come to in each column of a picture."""

    symbols: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Blocks:
    """A whole grid in few cells: `columns` are spans of days, `total` sums all symbols up."""

    columns: tuple[Span, ...]
    rows: tuple[Block, ...]
    total: tuple[Cell, ...]


def make_blocks(grid: Grid, most_rows: int, most_columns: int) -> Blocks:
    """Sum a grid up until it has so few rows and columns: sessions, else months, else years, the
    last ones where there are more."""
    count = len(grid.instruments)
    if not (len(grid.days) and count):
        return Blocks((), (), ())
    widths = [begins(grid, unit) for unit in UNITS]
    first = next((columns for columns in widths if len(columns) <= most_columns), widths[-1])
    size = -(-count // most_rows)
    sums = {
        name: np.add.reduceat(of, np.arange(0, count, size), axis=0)[:, -most_columns:]
        for name, of in sums_of(grid, first).items()
    }
    ends = [*first[1:], len(grid.days)]
    columns = [grid.span(int(a), int(b)) for a, b in zip(first, ends, strict=True)]
    names = [i.symbol for i in grid.instruments]
    rows = [
        Block(tuple(names[at : at + size]), cells_of({n: of[row] for n, of in sums.items()}))
        for row, at in enumerate(range(0, count, size))
    ]
    total = cells_of({name: of.sum(axis=0) for name, of in sums.items()})
    return Blocks(tuple(columns[-most_columns:]), tuple(rows), total)


def cells_of(sums: Mapping[str, Ints]) -> tuple[Cell, ...]:
    """A cell a column of what `tables_of` names, counted."""
    lists = {name: of.tolist() for name, of in sums.items()}
    return tuple(
        main_cell({name: of[j] for name, of in lists.items()})
        for j in range(len(lists["expected"]))
    )


def sums_of(grid: Grid, first: Ints) -> dict[str, Ints]:
    """Every table of a grid, summed up from each of the `first` columns to the next: a number a
    row and column."""
    found: dict[str, Ints] = {}
    for name, bits in tables_of(grid).items():
        found[name] = np.zeros((len(bits), len(first)), np.int64)
        for at, flags in bits.blocks():
            part = np.add.reduceat(flags, first, axis=1, dtype=np.int64)
            found[name][at : at + len(flags)] = part
    return found


UNITS = ("D", "M", "Y")
"""Days, months, years, as numpy calls them."""


def begins(grid: Grid, unit: str) -> Ints:
    """The columns in which a new unit of time begins."""
    if not len(grid.days):
        return np.empty(0, np.int64)
    times = grid.days.astype("datetime64[D]").astype(f"datetime64[{unit}]").astype(np.int64)
    return np.concatenate(([0], np.flatnonzero(np.diff(times)) + 1))


def first_columns(grid: Grid, *, by_session: bool) -> Ints:
    """The column in which each month begins; all of them, session by session."""
    return begins(grid, "D" if by_session else "M")


def tables_of(grid: Grid) -> dict[str, Bits]:
    """The tables of a grid: `expected`, `held`, and one for each cause that there is."""
    tables = {"expected": grid.expected, "held": grid.held}
    return tables | {cause.value: cells for cause, cells in grid.gaps.items() if cells}


def _rows(bits: Bits, picked: Sequence[int]) -> Bits:
    return Bits(bits.packed[np.array(picked, np.int64)], bits.columns)


def main_cell(counts: dict[str, int]) -> Cell:
    """One month of what `tables_of` names, counted.

    Sessions that are not expected explain it only where none is; a cause that calls for somebody
    comes before those that do not, however few its sessions are.
    """
    expected, held = counts.pop("expected"), counts.pop("held")
    if expected and held >= expected:
        return Cell(expected, held)
    told = {GapCause(c): n for c, n in counts.items() if n and not (expected and c in OUTSIDE)}
    main = max(told, key=lambda c: (CAUSES[c].colour is Colour.BAD, told[c]), default=None)
    return Cell(expected, held, main)
